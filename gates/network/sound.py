"""Whether the manifests can be judged at all: read, understood, accepted, enforced."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Location
from arcops.seen.network import Complaint, Network, Protocol, Tier
from gates.network.network import rules
from gates.words import capped, shown
from reach.doubts import doubts

ENFORCERS: dict[str, frozenset[str]] = {
    "antrea": frozenset(("ports", "sctp", "cluster")),
    "aws-vpc-cni": frozenset(("ports",)),
    "azure-npm": frozenset(),
    "calico": frozenset(("ports", "sctp", "cluster")),
    "cilium": frozenset(("ports", "sctp", "cilium", "domains")),
    "kube-network-policies": frozenset(("ports", "sctp", "cluster", "domains")),
    "kube-router": frozenset(("ports", "sctp")),
    "ovn-kubernetes": frozenset(("ports", "sctp", "cluster")),
}
"""Network plugins that enforce NetworkPolicy, each with what else it enforces, from their own pages: port ranges (``endPort``),
SCTP, ``policy.networking.k8s.io``, policies of its own that are read here, and rules by host name. What is not listed here is
not believed to."""

_NEEDS = {
    "ports": "port ranges (endPort)",
    "sctp": "SCTP",
    "cluster": "policies for the whole cluster (policy.networking.k8s.io)",
    "cilium": "policies of Cilium",
    "domains": "rules by host name",
}
Seen = Evidence[Network]


def findings(seen: Seen, *, enforcer: str, harmless: tuple[str, ...], schemas: bool) -> Iterator[Finding]:
    body = seen.body
    rest = "{count} more are not listed here."
    yield from capped((rules.READ.unknown(_said(one), seen, about=_about(one), location=one.at) for one in body.unread), rest)
    if not body.unread:
        yield rules.READ.passes(f"All {len(body.files)} manifest(s) were read.", seen)
    yield from _understood(seen, harmless)
    yield from capped(
        (rules.ACCEPTED.fails(_said(one), seen, about=_about(one), location=one.at) for one in body.refused), rest
    )
    if not body.refused:
        yield rules.ACCEPTED.passes("No object breaks a rule of the API server that is known here.", seen)
    yield from _held(seen, schemas, harmless)
    yield _enforced(seen, enforcer)


def _held(seen: Seen, schemas: bool, harmless: tuple[str, ...]) -> Iterator[Finding]:
    """Custom objects against their definitions; kinds that move no packet need none."""
    spared = {one.at for one in seen.body.others if f"{one.kind}.{one.group}" in harmless}
    missing = [one for one in seen.body.unchecked if one.at not in spared]
    if missing and schemas:
        found = (rules.SCHEMA.unknown(_said(one), seen, about=_about(one), location=one.at) for one in missing)
        yield from capped(found, "{count} more are not listed here.")
    elif missing:
        text = f"The policy asks for no definitions, and {len(missing)} object(s) or rule(s) were not checked by one."
        yield rules.SCHEMA.passes(text, seen)
    else:
        yield rules.SCHEMA.passes("Every object that has a definition of its own was held against it.", seen)


def _said(one: Complaint) -> str:
    about = f", {one.about}" if one.about else ""
    field = f", field {one.field}" if one.field else ""
    return f"{shown(f'{place(one.at)}{about}{field}: {one.text}')}."


def _about(one: Complaint) -> str:
    return shown(" ".join(filter(None, (one.about, one.field))) or one.at.path)


def place(at: Location) -> str:
    """``file:line``, as compilers say it."""
    return f"{at.path}:{at.line}" if at.line else at.path


def _understood(seen: Seen, harmless: tuple[str, ...]) -> Iterator[Finding]:
    found = list(capped(_unclear(seen, harmless), "{count} more objects are not understood."))
    yield from found
    if not found:
        yield rules.UNDERSTOOD.passes("Every object that may move packets is understood.", seen)


def _unclear(seen: Seen, harmless: tuple[str, ...]) -> Iterator[Finding]:
    for one in doubts(seen.body, harmless):
        text = f"{place(one.at)}: {one.text}{f' ({one.field})' if one.field else ''}."
        yield rules.UNDERSTOOD.unknown(shown(text), seen, about=shown(one.about), location=one.at)


def _enforced(seen: Seen, enforcer: str) -> Finding:
    if not enforcer:
        return rules.ENFORCED.unknown("Nobody said which network plugin enforces policies at the site.", seen)
    known = ENFORCERS.get(enforcer.lower())
    if known is None:
        names = ", ".join(sorted(ENFORCERS))
        text = f"Nothing here knows that {shown(enforcer)!r} enforces NetworkPolicy; known to: {names}."
        return rules.ENFORCED.unknown(text, seen)
    lacking = [need for need in sorted(set(_needed(seen.body))) if need not in known]
    if lacking:
        what = " and ".join(_NEEDS[need] for need in lacking)
        return rules.ENFORCED.fails(
            f"The manifests use {what}, which {enforcer} is not known to enforce.", seen, about=enforcer
        )
    return rules.ENFORCED.passes(
        f"The policy says that {enforcer} enforces at the site, and it enforces all that is used.", seen
    )


def _needed(body: Network) -> Iterator[str]:
    for policy in body.policies:
        if policy.tier is not Tier.NAMESPACE:
            yield "cluster"
        elif not policy.plain:
            yield "cilium"
        for rule in (*policy.ingress, *policy.egress):
            if any(peer.domain for peer in rule.peers):
                yield "domains"
            for port in rule.ports:
                if port.protocol is Protocol.SCTP:
                    yield "sctp"
                if not port.name and port.first < port.last and (port.first, port.last) != (1, 65535):
                    yield "ports"
