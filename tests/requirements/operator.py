"""Kubernetes resources for MCP servers."""

from __future__ import annotations

from tests.requirements.claims import Claim, of_row

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
        what_others_add_does_not_open_it="What others add to an object of a server is taken away if it could open the pods or "
        "their policies; restarts, places and defaults stay.",
        one_pass_is_pure="One pass over a resource is a pure function; a second one writes nothing, and no object of others "
        "is touched.",
    ),
    *of_row(
        "OPER-3",
        standard_streams_are_bridged="A server over standard streams is served over HTTP by the relay beside it; each session "
        "has a process of its own.",
        remote_servers="A remote server is asked only if that is allowed; a relay holds its callers to their limits.",
        transports_are_supported="Servers over streamable HTTP and HTTP+SSE are served by the same relay, to clients of both.",
        no_server_is_ready_before_its_handshake="What does not speak MCP, as its resource says it, is never ready.",
        a_remote_server_leads_nowhere_inside="A remote URL leads the operator to no address inside that it did not name.",
    ),
    *of_row(
        "OPER-4",
        permission_profiles_are_enforced=(
            "Permission profiles become security settings and network policies; what a site cannot enforce is "
            "refused or reported."
        ),
        no_policy_of_others_opens_more="A network policy of others that selects a server's pods, too, and opens more than its "
        "profile, is named, and the server does not run.",
        a_stricter_policy_is_not_loosened="No profile opens what the operator's settings close; pods that had it are stopped.",
    ),
    *of_row(
        "OPER-5",
        oidc_sources="Tokens of service accounts and of an issuer count, with keys that are brought, or are fetched with a "
        "CA bundle, a token and a certificate; clients may need one, too.",
    ),
    *of_row(
        "OPER-5",
        keys_are_brought_by_the_operator="The keys of an issuer come to the relay without egress of the pod, new ones without "
        "a restart, and those of an issuer that is silent for long count no more.",
    ),
    *of_row("OPER-6", cedar_decides_each_call="Cedar policies decide each tool call, with a filter on tools."),
    *of_row(
        "OPER-7",
        unsafe_pods_are_refused="The admission webhook refuses unsafe pod settings, and images without a GREEN gate.",
    ),
    *of_row(
        "OPER-8",
        pods_are_configurable="Each field of a resource reaches its pods, or is refused by its name.",
        a_changed_secret_rolls_the_pods_once="A changed Secret rolls the pods once, only if the operator may look at it, "
        "and by its data alone; no object, record or status shows what is in it.",
        a_template_only_tightens="A pod template closes a pod more and places it; each setting that would open it is refused.",
    ),
    *of_row(
        "OPER-9",
        metrics_and_audit="Reconciliations, writes, refusals and policy violations have metrics and audit records; what cannot "
        "be recorded is not done.",
    ),
    *of_row(
        "OPER-10",
        protocol_and_capabilities_are_checked="A server is held to the protocol and the capabilities that its resource says.",
        sessions_survive_changes="No session is lost when a configuration, keys or tokens change, and no call when a pod ends.",
    ),
    *of_row(
        "OPER-11",
        discovery="Callers find only servers that their rights allow, across namespaces.",
        versions_convert="The two API versions differ in one field, and convert both ways without loss.",
        the_examples_of_the_oep_apply="Eight of the nine examples apply as they stand; the ninth breaks its own rule.",
    ),
)
