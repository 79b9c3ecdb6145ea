"""Kubernetes resources for MCP servers."""

from __future__ import annotations

from tests.requirements.claims import Claim, deferred, of_row

_NOT_BUILT = deferred("not built", "The operator is not built yet.")

OPERATOR: tuple[Claim, ...] = (
    *of_row(
        "OPER-1",
        resources_are_validated="The API server validates MCPServer and ClusterMCPServer, with defaults and rules over several "
        "fields.",
    ),
    *of_row(
        "OPER-2",
        the_controller_keeps_the_objects="A controller makes the objects of a server; a second pass writes nothing.",
        it_survives_anything="It survives its own end after any write, other leaders, and every failure of the API server.",
    ),
    *of_row(
        "OPER-2",
        its_rights_are_one_table="The rights that the operator is given are one table; its own network is closed by default.",
        one_pass_is_pure="One pass over a resource is a pure function; a second one writes nothing, and no object of others "
        "is touched.",
    ),
    *of_row(
        "OPER-3",
        standard_streams_are_bridged="A server over standard streams is served over HTTP by the relay beside it; each session "
        "has a process of its own.",
        remote_servers="A remote server is asked only if that is allowed; a relay holds its callers to their limits.",
        transports_are_supported=(
            "The transports stdio, streamable HTTP and SSE work, and the protocol is checked before Ready.",
            _NOT_BUILT,
        ),
    ),
    *of_row(
        "OPER-4",
        permission_profiles_are_enforced=(
            "Permission profiles become security settings and network policies; what a site cannot enforce is "
            "refused or reported."
        ),
        a_stricter_policy_is_not_loosened="No profile opens what the operator's settings close; pods that had it are stopped.",
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
        pods_are_configurable="Each field of a resource reaches its pods, or is refused by its name.",
        a_template_only_tightens="A pod template closes a pod more and places it; each setting that would open it is refused.",
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
        discovery=("Callers find only servers that their rights allow, across namespaces.", _NOT_BUILT),
        versions_convert="The two API versions differ in one field, and convert both ways without loss.",
        the_examples_of_the_oep_apply="Eight of the nine examples apply as they stand; the ninth breaks its own rule.",
    ),
)
