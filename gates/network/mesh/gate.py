"""Does the mesh allow only encrypted connections between named callers, and only to registered hosts?

Why: a NetworkPolicy knows addresses and labels; a mesh knows identities. But a mesh that accepts plain text, forwards to any
host or allows callers that no policy names protects nothing.

Judged: for each namespace whose pods the manifests put into an Istio mesh: mutual TLS is STRICT everywhere; an empty
AuthorizationPolicy denies by default; no rule allows any caller; sidecars send nothing to hosts that are not registered; each
registered host is exact and for one namespace, and that of an egress gateway. Such a gateway (one of Istio's own that takes
only certificates of the mesh) admits named identities and leads to registered hosts. Policies that select no pod, or of which
only the age decides which one counts, are named. In ambient mode there is no sidecar that
could block outbound traffic; there, only gate 'network' covers it. A mesh never replaces NetworkPolicies.

Fix: PeerAuthentication with mode STRICT, an AuthorizationPolicy with 'spec: {}', a Sidecar with
'outboundTrafficPolicy: {mode: REGISTRY_ONLY}' in each namespace, and ServiceEntries with exact hosts and 'exportTo: ["."]'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from arcops.control import gdpr, hipaa, nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.seen.mesh import OPAQUE, AuthorizationSeen, MeshAction, MeshSeen
from arcops.seen.network import METADATA_SERVICES, Network
from arcops.subjects.network import Manifests
from gates.listing import capped, listed
from gates.network.mesh import callers, egress, used
from gates.network.mesh.blocks import wide_blocks
from gates.network.mesh.callers import CALLERS
from gates.network.mesh.egress import EGRESS
from gates.network.mesh.patches import makers
from gates.network.mesh.used import USED
from gates.network.patching import patched
from gates.network.words import place
from gates.words import shown
from reach.addresses import meets
from reach.meshed import Meshed, meshed

MTLS = Rule(
    id="mesh/mtls",
    asks="Is mutual TLS strict for every pod of the mesh?",
    fix="Set 'mtls: {mode: STRICT}' in a PeerAuthentication of the namespace; remove exceptions by port and DestinationRule.",
)
DENY = Rule(
    id="mesh/deny",
    asks="Does an AuthorizationPolicy deny by default in every namespace of the mesh?",
    fix="Add {apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: deny}, spec: {}} to the namespace.",
)
OUTBOUND = Rule(
    id="mesh/outbound",
    asks="Do sidecars block traffic to hosts that are not registered?",
    fix="Set 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}' in the mesh's settings, or in a Sidecar of the namespace.",
)
REGISTRY = Rule(
    id="mesh/registry",
    asks="Is every registered host exact, and registered for one namespace only?",
    fix="List the hosts without '*', and set 'exportTo: [\".\"]'.",
)


_WIDEST = {4: 16, 6: 48}
"""Blocks of addresses that are wider than this register no single host."""
_ADDRESS = "Set 'resolution: DNS' and a protocol that names the host (TLS, HTTPS, HTTP), or list the exact 'addresses'."


@dataclass(frozen=True, slots=True, kw_only=True)
class MeshPolicy:
    """``required``: pods outside of any mesh fail. ``root_namespace`` is the namespace whose policies apply to the whole mesh,
    unless the mesh's settings name another.
    """

    required: bool = False
    root_namespace: str = "istio-system"


@gate(
    "mesh",
    judges=(Manifests,),
    needs=(Network,),
    policy=MeshPolicy,
    rules=(MTLS, DENY, CALLERS, OUTBOUND, REGISTRY, EGRESS, USED),
    takes=("network",),
    speaks_to=nist("AC-4", "SC-8") + soc("CC6.7") + hipaa("164.312(e)(1)") + gdpr("Art. 32(1)(a)"),
)
def mesh(seen: Seen, policy: MeshPolicy) -> Iterator[Finding]:
    """The findings on the mesh."""
    evidence = seen[Network]
    said = evidence.body.mesh
    root = next((one.root_namespace for one in said.configs if one.root_namespace), policy.root_namespace)
    inside = meshed(evidence.body)
    if policy.required:
        known = {id(one.pods) for one in inside}
        outside = [one for one in evidence.body.pods if id(one) not in known]
        yield from capped(
            MTLS.fails(
                shown(f"{place(one.at)}: {one.title} is not in a mesh, but the policy requires one."), evidence, about=one.title
            )
            for one in outside
        )
    yield from _answer(MTLS, _mtls(evidence, said, inside, root), "Mutual TLS is strict for all", inside, evidence)
    yield from _answer(DENY, _deny(evidence, said, inside, root), "Requests are denied by default for all", inside, evidence)
    yield from _answer(CALLERS, callers.findings(evidence, said), "Every rule names its callers for all", inside, evidence)
    yield from _answer(
        OUTBOUND, _outbound(evidence, said, inside, root), "Only registered hosts are reachable for all", inside, evidence
    )
    yield from _answer(REGISTRY, _registry(evidence, said), "Every registered host is exact for all", inside, evidence)
    yield from _answer(
        EGRESS, egress.findings(evidence, said), "Every gateway out of the mesh is restricted for all", inside, evidence
    )
    yield from _answer(
        USED, used.findings(evidence, said, inside, root), "Every policy of the mesh selects pods for all", inside, evidence
    )


def _answer(
    rule: Rule, found: Iterable[Finding], well: str, inside: tuple[Meshed, ...], evidence: Evidence[Network]
) -> Iterator[Finding]:
    text = f"{well} {len(inside)} workload(s) in a mesh." if inside else "No workload in these manifests is in a mesh."
    answer = listed(found, rule.passes(text, evidence))
    return patched(answer, makers(evidence.body))


def _namespaces(inside: Iterable[Meshed]) -> list[str]:
    return sorted({one.pods.namespace for one in inside})


def _mtls(evidence: Evidence[Network], said: MeshSeen, inside: tuple[Meshed, ...], root: str) -> Iterator[Finding]:
    whole = {one.namespace: one.mode for one in said.peer_authentications if one.selector is None and one.mode != "UNSET"}
    for namespace in _namespaces(inside):
        mode = whole.get(namespace, whole.get(root, ""))
        if mode != "STRICT":
            how = f"is {mode}" if mode else "is not set, so plain text is accepted, too"
            text = f"Mutual TLS in namespace {namespace} {how}."
            yield MTLS.fails(shown(text), evidence, about=f"Namespace {namespace}")
    for one in said.peer_authentications:
        lax = [
            mode for mode in (one.mode if one.selector is not None else "STRICT", *one.ports) if mode not in ("STRICT", "UNSET")
        ]
        if lax:
            text = f"{place(one.at)}: {one.title} makes an exception from mutual TLS ({lax[0]})."
            yield MTLS.fails(shown(text), evidence, about=one.title, location=one.at)
    for member in inside:
        past = member.past
        if past:
            text = f"{place(member.pods.at)}: some traffic of {member.pods.title} bypasses the mesh ({', '.join(past[:3])})."
            fix = "Remove the annotation, so that the mesh sees every connection."
            yield MTLS.fails(shown(text), evidence, about=member.pods.title, location=member.pods.at, fix=fix)
    for listening in said.sidecars:
        if listening.listens:
            text = f"{place(listening.at)}: {listening.title} has its own listeners for incoming traffic ('ingress'), and "
            text += "ArcOps does not know what they accept."
            fix = "Remove 'ingress' from the Sidecar: without it, the sidecar takes every port by the mesh's mutual TLS."
            yield MTLS.unknown(shown(text), evidence, about=listening.title, location=listening.at, fix=fix)
    for rule in said.destination_rules:
        if "DISABLE" in rule.modes:
            text = f"{place(rule.at)}: {rule.title} turns off TLS to {rule.host}."
            yield MTLS.fails(shown(text), evidence, about=rule.title, location=rule.at)
        for mode in rule.unverified:
            text = (
                f"{place(rule.at)}: {rule.title} uses TLS ({mode}) to {rule.host} without 'caCertificates', so callers accept"
            )
            text += " any certificate."
            yield MTLS.fails(shown(text), evidence, about=f"{rule.title} {mode}", location=rule.at)


def _deny(evidence: Evidence[Network], said: MeshSeen, inside: tuple[Meshed, ...], root: str) -> Iterator[Finding]:
    closed = {one.namespace for one in said.authorizations if _denies_all(one)}
    for namespace in _namespaces(inside):
        if root not in closed and namespace not in closed:
            text = f"No AuthorizationPolicy denies by default in namespace {namespace}."
            yield DENY.fails(shown(text), evidence, about=f"Namespace {namespace}")


def _denies_all(one: AuthorizationSeen) -> bool:
    """Does it deny every request to every pod of its namespace? An ALLOW policy without rules allows nothing."""
    return one.selector is None and not one.targeted and one.action is MeshAction.ALLOW and not one.rules


def _outbound(evidence: Evidence[Network], said: MeshSeen, inside: tuple[Meshed, ...], root: str) -> Iterator[Finding]:
    widest = said.widest_outbound
    default = widest.outbound if widest is not None else ""
    by_namespace = {one.namespace: one for one in said.sidecars if one.selector is None}
    for namespace in _namespaces(one for one in inside if not one.ambient):
        sidecar = by_namespace.get(namespace, by_namespace.get(root))
        mode = (sidecar.outbound if sidecar is not None else "") or default
        if mode != "REGISTRY_ONLY":
            how = f"says {mode}" if mode else "is not set, which means ALLOW_ANY"
            at = sidecar.at if sidecar is not None else None
            text = f"{f'{place(at)}: ' if at else ''}outboundTrafficPolicy {how} for the sidecars of namespace {namespace}."
            yield OUTBOUND.fails(shown(text), evidence, about=f"Namespace {namespace}", location=at)
    for one in said.sidecars:
        # It replaces the namespace's Sidecar whole: what it does not say is what the mesh's settings say.
        mode = one.outbound or default or "ALLOW_ANY"
        if one.selector is not None and mode != "REGISTRY_ONLY":
            how = mode if one.outbound else f"it says nothing, and the mesh's settings {default or 'are not here'}"
            text = f"{place(one.at)}: {one.title} allows the pods that it selects to reach any host ({how})."
            yield OUTBOUND.fails(shown(text), evidence, about=one.title, location=one.at)


def _registry(evidence: Evidence[Network], said: MeshSeen) -> Iterator[Finding]:
    for one in said.service_entries:
        wide = [host for host in one.hosts if "*" in host]
        wide += [found for found in [wide_blocks(one.addresses, _WIDEST)] if found]
        if wide:
            text = f"{place(one.at)}: {one.title} registers {wide[0]}."
            yield REGISTRY.fails(shown(text), evidence, about=one.title, location=one.at)
        # With 'resolution: NONE' the sidecar connects to the address that was called.
        ends = (*one.endpoints, *(one.addresses if one.resolution == "NONE" else ()))
        inner = [end for end in ends if any(meets(end, service) for service in METADATA_SERVICES)]
        if inner:
            text = f"{place(one.at)}: {one.title} registers {', '.join(one.hosts[:3])} at {inner[0]}, a metadata service."
            yield REGISTRY.fails(shown(text), evidence, about=f"{one.title} {inner[0]}", location=one.at)
        if one.any_address:
            how, so = "with 'resolution: NONE'", "callers choose the address themselves"
            if one.resolution != "NONE":
                how = f"for {', '.join(sorted(OPAQUE & {*one.protocols}))}"
                so = "every connection to its ports is taken for it, whatever address it is for"
            text = f"{place(one.at)}: {one.title} registers {', '.join(one.hosts[:3])} {how} and without addresses, so {so}."
            yield REGISTRY.fails(shown(text), evidence, about=f"{one.title} address", location=one.at, fix=_ADDRESS)
        beyond = [space for space in one.exported if space not in egress.permitted(one, said)]
        if beyond or not one.exported:
            others = ", ".join(beyond) or "every namespace"
            text = f"{place(one.at)}: {one.title} is registered for {others}, not only for its own namespace."
            yield REGISTRY.warns(shown(text), evidence, about=one.title, location=one.at)
