"""Kubernetes resources for MCP servers."""

from __future__ import annotations

from tests.requirements.claims import Claim, deferred, of_row

_NOT_BUILT = deferred("not built", "The operator is not built yet.")

OPERATOR: tuple[Claim, ...] = (
    *of_row(
        "OPER-1",
        resources_are_validated=(
            "The API server validates MCPServer and ClusterMCPServer, with defaults and rules over several fields.",
            _NOT_BUILT,
        ),
    ),
    *of_row(
        "OPER-2",
        the_controller_keeps_the_objects="A controller makes the objects of a server; a second pass writes nothing.",
        it_survives_anything=(
            "It survives its own end after any write, other leaders, and every failure of the API server.",
            _NOT_BUILT,
        ),
    ),
    *of_row(
        "OPER-3",
        standard_streams_are_bridged="A server over standard streams is served over HTTP by the relay beside it; each session "
        "has a process of its own.",
        transports_are_supported=(
            "The transports stdio, streamable HTTP and SSE work, and the protocol is checked before Ready.",
            _NOT_BUILT,
        ),
    ),
    *of_row(
        "OPER-4",
        permission_profiles_are_enforced=(
            "Permission profiles become security settings and network policies; what a site cannot enforce is "
            "refused or reported.",
            _NOT_BUILT,
        ),
    ),
    *of_row(
        "OPER-5",
        oidc_sources=(
            "OIDC issuers come from service accounts, inline or a ConfigMap, with CA bundles and mutual TLS.",
            _NOT_BUILT,
        ),
    ),
    *of_row("OPER-6", cedar_decides_each_call="Cedar policies decide each tool call, with a filter on tools."),
    *of_row(
        "OPER-7",
        unsafe_pods_are_refused=(
            "The admission webhook refuses unsafe pod settings, and images without a GREEN gate.",
            _NOT_BUILT,
        ),
    ),
    *of_row(
        "OPER-8",
        pods_are_configurable=(
            "Secrets, pod templates, placement, volumes, resources and replicas with rolling updates work.",
            _NOT_BUILT,
        ),
    ),
    *of_row("OPER-9", metrics_and_audit=("Reconciliations and policy violations have metrics and an audit log.", _NOT_BUILT)),
    *of_row(
        "OPER-10",
        sessions_survive_changes=(
            "Protocol fields are checked, and no session is lost while scaling, updating or rotating secrets.",
            _NOT_BUILT,
        ),
    ),
    *of_row(
        "OPER-11",
        discovery_and_conversion=(
            "Callers find only servers that their rights allow; API versions convert, and the examples of the OEP run.",
            _NOT_BUILT,
        ),
    ),
)
