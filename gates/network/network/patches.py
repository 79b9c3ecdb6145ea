"""Patches for the rules of the gate ``network``.

Each patch only closes something, or says what the manifests say already. There are two exceptions: a ReferenceGrant, and rules
whose direction ``policyTypes`` left out. These allow exactly what the author wrote. The owner of a pod must check whether it
still gets all that it needs.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from amend.diff import Change, amended
from amend.yaml_edit import AddItem, AddKey, Edit, Path, RemoveItem
from arcops.finding import Finding
from arcops.seen.network import (
    Direction,
    Label,
    Network,
    Peer,
    PodSet,
    PolicyRule,
    PolicySeen,
    PortRange,
    Protocol,
    Selector,
)
from gates.network.network.entered import BACKENDS
from gates.network.network.isolated import ISOLATED
from gates.network.network.reached import API_SERVER, METADATA
from gates.network.network.used import USED, contains, selects_all_of
from gates.network.network.width import wide_places
from gates.network.network.written import DNS, EFFECTIVE, EGRESS, INGRESS, all_of_system, in_force
from gates.network.patching import Maker, Words, free
from reach.addresses import span
from reach.entries import Services
from reach.selectors import Labelled

_KIND = "NetworkPolicy"
"""The only kind whose text is changed here. If other kinds decide, too, no patch is made for what reaches an address."""
_LISTS = {Direction.INGRESS: ("ingress", "from"), Direction.EGRESS: ("egress", "to")}
Rules = list[tuple[int, PolicyRule]]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSite:
    """What the gate's policy says about the site, as far as patches need it."""

    dns: tuple[Label, ...]
    metadata: tuple[str, ...]
    api_server: tuple[str, ...]
    widest: Mapping[int, int]


def makers(body: Network, site: PatchSite) -> dict[str, Maker]:
    """The maker of patches for each rule that can have a patch."""
    made = _Patches(body, site)
    return {
        ISOLATED.id: made.isolated,
        EFFECTIVE.id: made.effective,
        DNS.id: made.dns,
        USED.id: made.used,
        INGRESS.id: lambda finding: made.wide(finding, Direction.INGRESS),
        EGRESS.id: lambda finding: made.wide(finding, Direction.EGRESS),
        METADATA.id: lambda finding: made.out_of_reach(finding, site.metadata),
        API_SERVER.id: lambda finding: made.out_of_reach(finding, site.api_server),
        BACKENDS.id: made.granted,
    }


class _Patches:
    def __init__(self, body: Network, site: PatchSite) -> None:
        self._body, self._site = body, site
        self._words = Words(body)
        self._policies = {one.title: one for one in body.policies if one.plain}
        self._pods = {one.title: one for one in body.pods}

    def isolated(self, finding: Finding) -> str:
        """A policy that closes every pod of the namespace, also a new one."""
        about, _, word = finding.about.rpartition(" ")
        namespace = about.partition(" ")[2].partition("/")[0]
        names = {one.name for one in self._body.policies if one.namespace == namespace}
        kind = "Ingress" if word == "ingress" else "Egress"
        way = "into" if word == "ingress" else "out of"
        return self._words.added(
            f"deny-{word}-{namespace}",
            f"No traffic goes {way} the pods of {namespace}, except what other policies allow.",
            "networking.k8s.io/v1",
            _KIND,
            {"name": free(f"deny-{word}", names), "namespace": namespace},
            {"podSelector": {}, "policyTypes": [kind]},
        )

    def effective(self, finding: Finding) -> str:
        """Add the direction of the rules to ``policyTypes``, if enforcing them breaks no other rule."""
        policy = self._policies.get(finding.about)
        if policy is None:
            return ""
        idle = [one for one in Direction if _rules(policy, one) and not in_force(policy, one)]
        alive = replace(policy, directions=(*policy.directions, *idle))
        for direction in idle:
            for position, rule in enumerate(_rules(policy, direction)):
                if not self._narrow(policy, direction, rule) or self._repeats(alive, direction, position, rule):
                    return ""
        return self._amended(policy, *(AddItem(path=("spec", "policyTypes"), value=one.value) for one in idle))

    def _narrow(self, policy: PolicySeen, direction: Direction, rule: PolicyRule) -> bool:
        """Does *rule* name peers and ports so narrowly that no rule of the gate complains?"""
        if not rule.ports or not rule.peers or any(wide_places(direction, rule, dict(self._site.widest))):
            return False
        plain = not any(one.block or one.nodes or one.domain for one in rule.peers)
        return plain and not any(all_of_system(self._body, one, policy, self._site.dns) for one in rule.peers)

    def dns(self, finding: Finding) -> str:
        """Add the DNS pods' label to each peer on the line that covers all of kube-system."""
        policy = self._policies.get(finding.about)
        if policy is None or not self._site.dns:
            return ""
        label = self._site.dns[0]
        edits: list[Edit] = []
        for position, rule in enumerate(policy.egress):
            peers = list(rule.peers)
            for number, peer in enumerate(rule.peers):
                if peer.at != finding.location or not all_of_system(self._body, peer, policy, self._site.dns):
                    continue
                if not all(_is_dns(port) for port in rule.ports) or (peer.pods is not None and not peer.pods.everything):
                    return ""
                path: Path = ("spec", "egress", position, "to", number)
                chosen = {label.key: label.value}
                if peer.pods is None:
                    edits.append(AddKey(path=path, key="podSelector", value={"matchLabels": {**chosen}}))
                else:
                    edits.append(AddKey(path=(*path, "podSelector"), key="matchLabels", value={**chosen}))
                peers[number] = replace(peer, pods=Selector(labels=(label,)))
            if peers != list(rule.peers) and self._repeats(
                policy, Direction.EGRESS, position, replace(rule, peers=tuple(peers))
            ):
                return ""
        return self._amended(policy, *edits)

    def used(self, finding: Finding) -> str:
        """Remove the rule that adds nothing to another rule."""
        policy = self._policies.get(finding.about)
        if policy is None or finding.location == policy.at:
            return ""
        found = [
            (direction, position, rule)
            for direction in policy.directions
            for position, rule in enumerate(_rules(policy, direction))
            if rule.at == finding.location
        ]
        if len(found) != 1:
            return ""
        direction, position, rule = found[0]
        return self._without(policy, direction, position) if self._repeats(policy, direction, position, rule) else ""

    def wide(self, finding: Finding, direction: Direction) -> str:
        """Remove the rule that names no peer, if another rule for the same pods names peers for more than DNS."""
        policy = self._policies.get(finding.about)
        if policy is None:
            return ""
        found = [
            number for number, rule in enumerate(_rules(policy, direction)) if rule.at == finding.location and not rule.peers
        ]
        if len(found) != 1 or not any(self._names_peers(policy, one, direction) for one in self._policies.values()):
            return ""
        return self._without(policy, direction, found[0])

    def _names_peers(self, policy: PolicySeen, other: PolicySeen, direction: Direction) -> bool:
        return (
            other.namespace == policy.namespace
            and in_force(other, direction)
            and selects_all_of(other.pods, policy.pods)
            and any(one.peers and not (one.ports and all(map(_is_dns, one.ports))) for one in _rules(other, direction))
        )

    def _without(self, policy: PolicySeen, direction: Direction, position: int) -> str:
        listed = _LISTS[direction][0]
        if len(_rules(policy, direction)) == 1 and not policy.declared:
            return ""  # without a rule, the API server would remove the direction from policyTypes
        return self._amended(policy, RemoveItem(path=("spec", listed, position)))

    def out_of_reach(self, finding: Finding, addresses: tuple[str, ...]) -> str:
        """Add the *addresses* as exceptions to every block by which the pod reaches one of them."""
        pod = self._pods.get(finding.about.rpartition(" ")[0])
        if pod is None or any(not one.plain for one in self._body.policies):
            return ""
        changes: list[Change] = []
        for policy in self._about(pod):
            edits: list[Edit] = []
            for position, rule in enumerate(policy.egress):
                more = self._shut(policy, position, rule, addresses)
                if more is None:
                    return ""
                edits += more
            passage = self._words.at(policy.at)
            if edits and passage is None:
                return ""
            if edits and passage is not None:
                changes.append((passage, tuple(edits)))
        return amended(*changes)

    def _about(self, pod: PodSet) -> Iterator[PolicySeen]:
        labelled = Labelled([pod.labels])
        for one in self._policies.values():
            if one.namespace == pod.namespace and in_force(one, Direction.EGRESS) and labelled.select(one.pods)[0]:
                yield one

    def _shut(self, policy: PolicySeen, position: int, rule: PolicyRule, addresses: tuple[str, ...]) -> list[Edit] | None:
        """The edits that remove *addresses* from *rule*; `None` if exceptions cannot do it."""
        if not rule.peers:
            return None
        edits: list[Edit] = []
        peers = list(rule.peers)
        for number, peer in enumerate(rule.peers):
            inside = _inside(peer, addresses)
            if inside is None:
                return None
            if not inside or peer.block is None:
                continue
            path: Path = ("spec", "egress", position, "to", number, "ipBlock")
            if peer.block.excepts:
                edits += [AddItem(path=(*path, "except"), value=one) for one in inside]
            else:
                edits.append(AddKey(path=path, key="except", value=[*inside]))
            peers[number] = replace(peer, block=replace(peer.block, excepts=(*peer.block.excepts, *inside)))
        if edits and self._repeats(policy, Direction.EGRESS, position, replace(rule, peers=tuple(peers))):
            return None
        return edits

    def granted(self, finding: Finding) -> str:
        """A ReferenceGrant for this Service, if nothing else is missing."""
        for route in self._body.routes:
            for backend in route.backends:
                if finding.about != f"{route.title} {backend.field}" or finding.location != backend.at:
                    continue
                services = Services(self._body)
                service = services.find(backend)
                ready = service is not None and services.port(service, backend) is not None
                if not ready or backend.namespace == route.namespace or route.alone:
                    return ""
                names = {one.name for one in self._body.grants if one.namespace == backend.namespace}
                giver: dict[str, str] = {"group": "gateway.networking.k8s.io", "kind": route.kind, "namespace": route.namespace}
                return self._words.added(
                    f"grant-{route.namespace}-{route.name}-{backend.name}",
                    f"{route.title} may send requests to Service {backend.namespace}/{backend.name}, and to no other.",
                    "gateway.networking.k8s.io/v1beta1",
                    "ReferenceGrant",
                    {"name": free(f"from-{route.namespace}", names), "namespace": backend.namespace},
                    {"from": [{**giver}], "to": [{"group": "", "kind": "Service", "name": backend.name}]},
                )
        return ""

    def _repeats(self, policy: PolicySeen, direction: Direction, position: int, rule: PolicyRule) -> bool:
        """Would *rule*, in its place, add nothing to another rule, or another rule nothing to it?"""
        for one in self._policies.values():
            if one.namespace != policy.namespace or (one.title != policy.title and not in_force(one, direction)):
                continue
            for number, other in enumerate(_rules(one, direction)):
                same = one.title == policy.title and number == position
                if not same and (contains(one, other, policy, rule) or contains(policy, rule, one, other)):
                    return True
        return False

    def _amended(self, policy: PolicySeen, *edits: Edit) -> str:
        passage = self._words.at(policy.at)
        return amended((passage, edits)) if passage is not None and edits else ""


def _rules(policy: PolicySeen, direction: Direction) -> tuple[PolicyRule, ...]:
    return policy.ingress if direction is Direction.INGRESS else policy.egress


def _is_dns(port: PortRange) -> bool:
    return port.protocol is not Protocol.SCTP and (port.first == port.last == 53 or port.name.startswith("dns"))


def _inside(peer: Peer, addresses: tuple[str, ...]) -> list[str] | None:
    """Those of *addresses*, as CIDRs, that *peer* allows; `None` if one of them is not a smaller part of its block."""
    found: list[str] = []
    whole = span(peer.block.cidr) if peer.block is not None and peer.block.cidr else None
    if peer.block is None or whole is None:
        return found
    shut = [one for one in map(span, peer.block.excepts) if one is not None]
    for text in addresses:
        part = span(text)
        if part is None or part.version != whole.version or part.last < whole.first or part.first > whole.last:
            continue
        if any(one.first <= part.first and part.last <= one.last for one in shut):
            continue
        if not (whole.first <= part.first and part.last <= whole.last and part != whole):
            return None
        found.append(str(ipaddress.ip_network(text, strict=False)))
    return found
