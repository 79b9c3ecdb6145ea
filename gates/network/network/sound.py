"""Whether the manifests can be judged: ArcOps can read and judge them, an API server accepts them, a plugin enforces them."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.network import CALICO, FIREWALLS, Network, PolicyTier, Protocol
from gates.listing import listed
from gates.network.words import named, place, said
from gates.words import shown
from reach.doubts import doubts

READ = Rule(
    id="network/read",
    asks="Could every manifest be read?",
    fix="Correct the file at that line, or replace it by plain manifests: a file that was not read may open anything.",
)

_LACKING = "Add what is missing, or check plain manifests: what was not seen may open anything."
"""The fix if what is missing is in no file."""

UNDERSTOOD = Rule(
    id="network/understood",
    asks="Can ArcOps judge every object that affects the network?",
    fix="Add what is missing (such as a Namespace with its labels), or use NetworkPolicy instead. If a kind does not affect "
    "the network, add 'Kind.group' to 'harmless' of gate 'network'.",
)

ACCEPTED = Rule(
    id="network/accepted",
    asks="Would an API server accept every object?",
    fix="Change the named field: an object that is refused protects nothing.",
)

SCHEMA = Rule(
    id="network/schema",
    asks="Was every object of the mesh, the Gateway API and the network plugin checked against the site's own definition of "
    "it?",
    fix="Put the site's CustomResourceDefinitions beside the manifests ('arcops network snapshot' saves them, or 'kubectl get "
    "crd -o yaml'). If they are checked elsewhere, set 'schemas: false' under gate 'network'.",
)

ENFORCED = Rule(
    id="network/enforced",
    asks="Does the site's network plugin enforce these policies completely?",
    fix="Name the network plugin under 'enforcer' of gate 'network': a policy that no plugin enforces has no effect.",
)


ENFORCERS: dict[str, frozenset[str]] = {
    "antrea": frozenset(("ports", "sctp", "cluster")),
    "aws-vpc-cni": frozenset(("ports",)),
    "azure-npm": frozenset(),
    "calico": frozenset(("ports", "sctp", "cluster", "calico")),
    "canal": frozenset(("ports", "sctp", "calico")),
    "cilium": frozenset(("ports", "sctp", "cilium", "domains")),
    "k3s": frozenset(("ports", "sctp")),
    "kube-network-policies": frozenset(("ports", "sctp", "cluster", "domains")),
    "kube-router": frozenset(("ports", "sctp")),
    "ovn-kubernetes": frozenset(("ports", "sctp", "cluster", "firewall")),
}
"""Network plugins that enforce NetworkPolicy, each with what else it enforces, from their own pages: port ranges (``endPort``),
SCTP, ``policy.networking.k8s.io``, its own policies that ArcOps reads, and rules by host name. ``canal`` (RKE2) is Flannel with
Calico's policies, and ``k3s`` has those of kube-router inside. A plugin that is not listed here
counts as not enforcing."""

_NEEDS = {
    "ports": "port ranges (endPort)",
    "sctp": "SCTP",
    "cluster": "policies for the whole cluster (policy.networking.k8s.io)",
    "calico": "policies of Calico",
    "cilium": "policies of Cilium",
    "domains": "rules by host name",
    "firewall": "EgressFirewalls",
}
Seen = Evidence[Network]


def findings(seen: Seen, *, enforcer: str, harmless: tuple[str, ...], schemas: bool) -> Iterator[Finding]:
    body = seen.body
    unread = (
        READ.unknown(said(one), seen, about=named(one), location=one.at, fix=_LACKING if one.at.path == "." else "")
        for one in body.unread
    )
    yield from listed(unread, READ.passes(f"All {len(body.files)} manifest(s) were read.", seen))
    yield from _understood(seen, harmless)
    refused = (ACCEPTED.fails(said(one), seen, about=named(one), location=one.at) for one in body.refused)
    yield from listed(refused, ACCEPTED.passes("No object breaks a rule of the API server that ArcOps knows.", seen))
    yield from _held(seen, schemas, harmless)
    yield _enforced(seen, enforcer)


def _held(seen: Seen, schemas: bool, harmless: tuple[str, ...]) -> Iterator[Finding]:
    """Custom objects against their definitions; kinds that do not affect the network need none."""
    spared = {one.at for one in seen.body.others if f"{one.kind}.{one.group}" in harmless}
    missing = [one for one in seen.body.unchecked if one.at not in spared]
    if missing and not schemas:
        text = f"The policy requires no definitions, and {len(missing)} object(s) or rule(s) were not checked against one."
        yield SCHEMA.passes(text, seen)
    else:
        found = (SCHEMA.unknown(said(one), seen, about=named(one), location=one.at) for one in missing)
        yield from listed(found, SCHEMA.passes("Every object that needs a definition was checked against it.", seen))


def _understood(seen: Seen, harmless: tuple[str, ...]) -> Iterator[Finding]:
    well = UNDERSTOOD.passes("ArcOps can judge every object that affects the network.", seen)
    return listed(_unclear(seen, harmless), well, rest="{count} more objects cannot be judged.")


def _unclear(seen: Seen, harmless: tuple[str, ...]) -> Iterator[Finding]:
    for one in doubts(seen.body, harmless):
        text = f"{place(one.at)}: {one.text}{f' ({one.field})' if one.field else ''}."
        yield UNDERSTOOD.unknown(shown(text), seen, about=shown(one.about), location=one.at)


def _enforced(seen: Seen, enforcer: str) -> Finding:
    if not enforcer:
        return ENFORCED.unknown("The policy does not name the network plugin that enforces policies at the site.", seen)
    known = ENFORCERS.get(enforcer.lower())
    if known is None:
        names = ", ".join(sorted(ENFORCERS))
        text = f"ArcOps does not know whether {shown(enforcer)!r} enforces NetworkPolicy; it knows that these do: {names}."
        return ENFORCED.unknown(text, seen)
    lacking = [need for need in sorted(set(_needed(seen.body))) if need not in known]
    if lacking:
        what = " and ".join(_NEEDS[need] for need in lacking)
        return ENFORCED.fails(f"The manifests use {what}, which {enforcer} is not known to enforce.", seen, about=enforcer)
    return ENFORCED.passes(
        f"The policy names {enforcer} as the site's network plugin, and it enforces everything that is used.", seen
    )


def _needed(body: Network) -> Iterator[str]:
    for policy in body.policies:
        if policy.kind in CALICO:
            yield "calico"
        elif policy.kind in FIREWALLS:
            yield "firewall"
        elif policy.tier is not PolicyTier.NAMESPACE:
            yield "cluster"
        elif not policy.plain:
            yield "cilium"
        for rule in (*policy.ingress, *policy.egress):
            if policy.kind in FIREWALLS:
                continue  # a plugin that enforces them enforces their names, too
            if any(peer.domain for peer in rule.peers):
                yield "domains"
            for port in rule.ports:
                if port.protocol is Protocol.SCTP:
                    yield "sctp"
                if not port.name and port.first < port.last and (port.first, port.last) != (1, 65535):
                    yield "ports"
