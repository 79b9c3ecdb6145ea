"""Rules by host name: whether they name exact hosts, and which addresses an answer of the name service could open."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.network import Action, Network, Peer, PodSet
from gates.listing import listed
from gates.network.words import place
from gates.words import shown
from reach.addresses import Address

Seen = Evidence[Network]
HOSTS = Rule(
    id="network/hosts",
    asks="Is every host name in a rule exact?",
    fix="List the exact host names: 'matchName' of Cilium's 'toFQDNs', 'domainNames' without '*'.",
)

_FIX = (
    "Deny these addresses in addition to the rule by host name: 'egressDeny' in a CiliumNetworkPolicy, or a rule with"
    " action Deny "
    "before it in a ClusterNetworkPolicy."
)


def findings(seen: Seen) -> Iterator[Finding]:
    """On host names that are not exact."""
    count = len({peer.domain for peer in _named(seen.body)})
    return listed(_patterns(seen), HOSTS.passes(f"All {count} host name(s) in rules are exact.", seen))


def named(body: Network) -> bool:
    """Does any rule let pods reach hosts by their names?"""
    return any(True for _ in _named(body))


def _named(body: Network) -> Iterator[Peer]:
    for policy in body.policies:
        for rule in policy.egress:
            if rule.action is not Action.DENY:
                yield from (peer for peer in rule.peers if peer.domain)


def _patterns(seen: Seen) -> Iterator[Finding]:
    for policy in seen.body.policies:
        for rule in policy.egress:
            for peer in rule.peers:
                if "*" not in peer.domain:
                    continue
                about = f"{policy.title} {peer.domain}"
                text = f"{place(peer.at)}: {rule.field} of {policy.title} names every host that matches {peer.domain}."
                say = HOSTS.warns if _narrow(peer.domain) else HOSTS.fails
                yield say(shown(text), seen, about=shown(about), location=peer.at)


def _narrow(pattern: str) -> bool:
    """Does it end in a name of at least two labels without a wildcard? Otherwise, no single owner controls the names."""
    return all(label and "*" not in label for label in ["", *pattern.split(".")][-2:])


def perhaps(
    rule: Rule, seen: Seen, certain: set[str], reached: Iterator[tuple[PodSet, Address, int]], what: str
) -> Iterator[Finding]:
    """An UNKNOWN for each of *reached* that is not *certain*: it is reachable only if a name resolves to that address."""
    for pod, address, port in reached:
        if f"{pod.title} {address}" not in certain:
            text = (
                f"{place(pod.at)}: {pod.title} may reach hosts by name on TCP {port}, and a name may resolve to "
                f"{address}, {what}."
            )
            yield rule.unknown(shown(text), seen, about=f"{pod.title} {address}", location=pod.at, fix=_FIX)
