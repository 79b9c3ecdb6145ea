"""Rules of Calico's policies: actions, protocols, ports, and the pods and networks that a side of a rule names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from collections.abc import Mapping as MappingOf
from dataclasses import dataclass

from arcops.finding import Location
from arcops.seen.network import Action, Block, Direction, Label, Peer, PolicyRule, PortRange, Protocol, Selector
from tasks.kubernetes.manifests.calico_selectors import NotSelector, alternatives, is_global
from tasks.kubernetes.manifests.fields import Field, text_at
from tasks.kubernetes.manifests.nodes import Mapping
from tasks.kubernetes.manifests.policy import block_of

_ACTIONS = {"Allow": Action.ALLOW, "Deny": Action.DENY, "Pass": Action.PASS}
_RULE = frozenset(("action", "protocol", "notProtocol", "source", "destination", "metadata", "ipVersion"))
_SIDE = frozenset(("selector", "notSelector", "namespaceSelector", "nets", "notNets", "ports", "notPorts"))
_PORTS = frozenset(("ports", "notPorts"))
_PROTOCOLS = {
    "tcp": Protocol.TCP,
    "udp": Protocol.UDP,
    "sctp": Protocol.SCTP,
    "6": Protocol.TCP,
    "17": Protocol.UDP,
    "132": Protocol.SCTP,
}
_OTHERS = ("icmp", "icmpv6", "udplite", "1", "58", "136")
"""Protocols without connections that this evidence is about."""
_NOTHING = Block(cidr="")


class Unclear(Exception):
    """A part that is not understood, and where it is."""

    def __init__(self, text: str, found: Field) -> None:
        super().__init__(text)
        self.found = found


@dataclass(frozen=True, slots=True)
class NetworkSet:
    """Networks with labels, of one namespace or (``namespace`` is empty) of none."""

    namespace: str
    labels: tuple[Label, ...]
    nets: tuple[Block, ...]
    at: Location


@dataclass(frozen=True, slots=True)
class Scope:
    """What the selectors of a policy select from: its ``namespace`` (empty: it is global), namespaces by labels, and sets."""

    namespace: str
    spaces: MappingOf[str, tuple[Label, ...]]
    sets: Sequence[NetworkSet]


def known(found: Field, names: frozenset[str]) -> None:
    """Raises `Unclear` at the first member of *found* whose name is not among *names*."""
    given = found.node.items if isinstance(found.node, Mapping) else {}
    for name in given:
        if name not in names:
            raise Unclear(f"{found.path} has {name!r}", found.get(name) or found)


def rules_of(spec: Field, way: Direction, scope: Scope) -> tuple[PolicyRule, ...]:
    """The rules of *spec* for *way*, in their order."""
    return tuple(one for item in spec.items(way.value.lower()) for one in _rule(item, way, scope))


def _rule(item: Field, way: Direction, scope: Scope) -> Iterator[PolicyRule]:
    action_at = item.get("action")
    action = text_at(action_at)
    if action == "Log":
        return
    if action not in _ACTIONS:
        raise Unclear(f"{item.path} has the action {action[:20]!r}", action_at or item)
    protocols = _protocols(item)
    if protocols == ():
        return
    known(item, _RULE)
    source, target = item.get("source"), item.get("destination")
    for side in (source, target):
        if side is not None:
            known(side, _SIDE)
    own, peer = (target, source) if way is Direction.INGRESS else (source, target)
    for name in _PORTS:
        given = source.get(name) if source is not None else None
        if given is not None:
            raise Unclear(f"{given.path} asks for the ports of the source, which no manifest shows", given)
    for name in _SIDE - _PORTS:
        given = own.get(name) if own is not None else None
        if given is not None:
            raise Unclear(f"{given.path} narrows the pods of the policy itself", given)
    ports = tuple(_ports(target, protocols)) if target is not None else ()
    if not ports and protocols is not None:
        ports = tuple(PortRange(protocol=one) for one in protocols)
    peers = tuple(_peers(peer, scope)) if peer is not None else ()
    version = item.get("ipVersion")
    if version is not None and (any(one.block is None for one in peers) or not peers):
        raise Unclear(f"{version.path} narrows a rule that names no networks", version)
    yield PolicyRule(at=item.at, field=item.path, action=_ACTIONS[action], peers=peers, ports=ports)


def _protocols(item: Field) -> tuple[Protocol, ...] | None:
    """The protocols of the rule *item*; `None` for all of them, empty for none that this evidence is about."""
    given, without = item.get("protocol"), item.get("notProtocol")
    if given is not None and without is not None:
        raise Unclear(f"{without.path} stands beside {given.path}", without)
    found = given or without
    if found is None:
        return None
    said = str(found.whole_or_text()).lower()
    if said not in _PROTOCOLS and said not in _OTHERS:
        raise Unclear(f"{found.path} is {said[:20]!r}", found)
    if without is not None:
        return tuple(one for one in Protocol if one is not _PROTOCOLS.get(said))
    return (_PROTOCOLS[said],) if said in _PROTOCOLS else ()


def _ports(side: Field, protocols: tuple[Protocol, ...] | None) -> Iterator[PortRange]:
    given, without = side.get("ports"), side.get("notPorts")
    found = given or without
    if found is None:
        return
    if protocols is None or (given is not None and without is not None):
        raise Unclear(f"{found.path} needs a protocol, and no other field beside it", found)
    asked = [(one, *_numbers(one)) for one in side.items("ports" if given is not None else "notPorts")]
    if given is None:
        for one, first, _, _ in asked:
            if not first:
                raise Unclear(f"{one.path} excludes a port by name", one)
        free, left = 1, []
        for _, first, last, _ in sorted(asked, key=lambda one: one[1:3]):
            left += [(free, first - 1, "")] if first > free else []
            free = max(free, last + 1)
        left += [(free, 65535, "")] if free <= 65535 else []
    else:
        left = [(first, last, name) for _, first, last, name in asked]
    for protocol in protocols:
        for first, last, name in left:
            yield PortRange(protocol=protocol, name=name) if name else PortRange(protocol=protocol, first=first, last=last)
        if not left:
            yield PortRange(protocol=protocol, first=1, last=0)  # no port


def _numbers(found: Field) -> tuple[int, int, str]:
    """The first and the last port, or the name, that *found* says."""
    value = str(found.whole_or_text())
    first, colon, last = value.partition(":")
    if first.isdigit() and (not colon or last.isdigit()):
        if not 1 <= int(first) <= int(last or first) <= 65535:
            raise Unclear(f"{value[:40]!r} is no range of ports", found)
        return int(first), int(last or first), ""
    return 0, 0, value


def _peers(side: Field, scope: Scope) -> Iterator[Peer]:
    nets, without = [*side.items("nets")], [*side.items("notNets")]
    chosen, not_chosen, spaces = side.get("selector"), side.get("notSelector"), side.get("namespaceSelector")
    named = chosen or not_chosen or spaces
    if nets or without:
        if named is not None:
            raise Unclear(f"{side.path} names pods and networks at once", named)
        yield from _networks(side, nets, without)
        return
    if named is None:
        return
    try:
        pods = alternatives(text_at(chosen), without=text_at(not_chosen))
        beyond = spaces is not None and is_global(text_at(spaces))
        where = alternatives(text_at(spaces), spaces=True) if spaces is not None and not beyond else None
    except NotSelector as error:
        raise Unclear(str(error), named) from None
    found = []
    if not beyond:
        everywhere: tuple[Selector | None, ...] = where if where is not None else (None if scope.namespace else Selector(),)
        found = [Peer(at=side.at, namespaces=space, pods=one) for space in everywhere for one in pods]
    for made in scope.sets:
        if any(one.selects(made.labels) for one in pods) and _within(made, scope, where, beyond=beyond):
            found += [Peer(at=side.at, block=block) for block in made.nets]
    # A side that selects nothing is no side that selects everything.
    yield from found or [Peer(at=side.at, block=_NOTHING)]


def _within(found: NetworkSet, scope: Scope, where: tuple[Selector, ...] | None, *, beyond: bool) -> bool:
    """May a selector with this scope select the set *found*?"""
    if beyond or not found.namespace:
        return not found.namespace and (beyond or (where is None and not scope.namespace))
    if where is None:
        return not scope.namespace or found.namespace == scope.namespace
    return any(one.selects(scope.spaces.get(found.namespace, ())) for one in where)


def _networks(side: Field, nets: Sequence[Field], without: Sequence[Field]) -> Iterator[Peer]:
    excepts = tuple(block.cidr for one in without if (block := block_of(one, single=True)) is not None)
    wide = [("0.0.0.0/0", side), ("::/0", side)] if not nets else []
    for one in nets:
        block = block_of(one, single=True)
        wide += [(block.cidr, one)] if block is not None else []
    for cidr, at in wide:
        same = tuple(other for other in excepts if (":" in other) is (":" in cidr))
        yield Peer(at=at.at, block=Block(cidr=cidr, excepts=same))
    if not wide:
        yield Peer(at=side.at, block=_NOTHING)
