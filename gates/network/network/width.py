"""How much a rule lets in: judged by who could use it, not by the form of one selector or one block.

A selector of namespaces names them only if it asks for a label with a value; else every namespace that someone makes is let in,
whatever labels the pods there must have, because their owner chooses these. Blocks count together: many small ones are as wide
as the large one that they fill.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache

from arcops.finding import Location
from arcops.seen.network import (
    NAMESPACE_NAME,
    Action,
    Block,
    Direction,
    Network,
    Operator,
    Peer,
    PolicyRule,
    PolicySeen,
    Protocol,
    Selector,
)
from reach.addresses import AddressSpan, span
from reach.arrays import np
from reach.clauses import Terrain
from reach.ports import LAST, Ports

MOST_BLOCKS = 8
"""So many blocks of the widest size that is accepted are as good as any address, wherever they lie."""

_span = lru_cache(maxsize=10_000)(span)
Held = tuple[PolicySeen, PolicyRule]
Spans = list[tuple[int, int]]


def wide_places(direction: Direction, rule: PolicyRule, widest: Mapping[int, int]) -> Iterator[tuple[Location, str]]:
    """The places at which *rule* by itself allows too much, and how."""
    into = direction is Direction.INGRESS
    verb = "lets in" if into else "lets pods reach"
    if not rule.peers:
        ports = "" if rule.ports else " on every port"
        yield rule.at, f"lets any caller in{ports}" if into else f"lets pods reach any address{ports}"
    for peer in rule.peers:
        if peer.block is not None:
            if _wide_block(peer.block, widest):
                text = f"{peer.block.cidr} without {', '.join(peer.block.excepts)}" if peer.block.excepts else peer.block.cidr
                yield peer.at, f"{verb} {text}"
        elif peer.namespaces is not None and not peer.namespaces.named:
            yield peer.at, f"{verb} {_which_pods(peer)} of {_which_spaces(peer.namespaces)}"


def _which_pods(peer: Peer) -> str:
    if peer.pods is None or peer.pods.everything:
        return "every pod"
    return f"every pod with {peer.pods.worded}"


def _which_spaces(selector: Selector) -> str:
    asked = tuple(one for one in selector.expressions if (one.operator, one.key) != (Operator.EXISTS, NAMESPACE_NAME))
    return f"every namespace with {Selector(expressions=asked).worded}" if asked else "every namespace"


def many_ports(rule: PolicyRule) -> str:
    """The ports that *rule* opens, in words, if they are every port, or more than half of those of a protocol; else empty."""
    if not rule.ports:
        return "every port"
    for protocol in Protocol:
        spans = _merged(
            (port.first, port.last)
            for port in rule.ports
            if not port.name and port.first <= port.last and port.protocol in (None, protocol)
        )
        count = sum(last - first + 1 for first, last in spans)
        if 2 * count > LAST:
            return f"every {protocol.value} port" if count == LAST else f"{count:,} of {LAST:,} {protocol.value} ports"
    return ""


def _wide_block(block: Block, widest: Mapping[int, int]) -> bool:
    found = _span(block.cidr)
    return found is not None and found.last - found.first + 1 > 1 << (
        (32 if found.version == 4 else 128) - widest[found.version]
    )


def wide_together(
    body: Network, direction: Direction, widest: Mapping[int, int], pod_networks: tuple[str, ...] = ()
) -> Iterator[tuple[PolicySeen, PolicyRule, Location, str]]:
    """Rules whose blocks are narrow one by one, and together are not: for the same pods, on the same port. Blocks that hold
    most of one of *pod_networks* mean every pod with most network plugins.
    """
    terrain = Terrain(body)
    inside = [(text, one) for text in pod_networks if (one := _span(text)) is not None]
    least = {
        version: min(
            [1 << (bits - widest[version])] + [(one.last - one.first + 1) // 2 for _, one in inside if one.version == version]
        )
        for version, bits in ((4, 32), (6, 128))
    }
    told: set[tuple[str, str]] = set()
    sizes: dict[int, dict[int, int]] = {}
    for held in _held(body, terrain, direction):
        if not _many(held, sizes, widest, least):
            continue
        for alike in _by_port(terrain, held):
            terrain.effort.spend(0, steps=sum(len(rule.peers) + 1 for _, rule in alike))
            for version in (4, 6):
                spans = _merged(_spans(alike, version, widest))
                text = _too_much(spans, version, widest[version])
                text = (
                    f"{text}, block by block" if text else _of_pods(spans, [one for one in inside if one[1].version == version])
                )
                policy, rule = alike[0]
                if text and (policy.namespace, text) not in told:
                    told.add((policy.namespace, text))
                    at = next(peer.at for peer in rule.peers if peer.block is not None)
                    others = len({id(one) for one, _ in alike}) - 1
                    more = f" together with {others} other policy(ies)" if others else ""
                    verb = "lets in" if direction is Direction.INGRESS else "lets pods reach"
                    yield policy, rule, at, f"{verb}{more} {text}"


def _of_pods(spans: Spans, networks: Iterable[tuple[str, AddressSpan]]) -> str:
    """The first of *networks*, those of pods, of which *spans* hold more than half, in words; else empty."""
    for text, one in networks:
        held = sum(max(0, min(last, one.last) - max(first, one.first) + 1) for first, last in spans)
        if 2 * held > one.last - one.first + 1:
            return f"{text}, which many clusters use for their pods, so it may be every pod"
    return ""


def _many(
    held: tuple[Held, ...], sizes: dict[int, dict[int, int]], widest: Mapping[int, int], least: Mapping[int, int]
) -> bool:
    """Could *held* be too much together: more than *least* addresses? *sizes* keeps what each rule holds."""
    totals = {4: 0, 6: 0}
    for one in held:
        known = sizes.get(id(one[1]))
        if known is None:
            known = sizes[id(one[1])] = {
                version: sum(last - first + 1 for first, last in _spans([one], version, widest)) for version in (4, 6)
            }
        for version, size in known.items():
            totals[version] += size
    return totals[4] > least[4] or totals[6] > least[6]


def _held(body: Network, terrain: Terrain, direction: Direction) -> Iterator[tuple[Held, ...]]:
    """The sets of rules with blocks that count for the same pods; for a policy that selects no pod, its own."""
    rules: list[Held] = []
    subjects = []
    for policy in body.policies:
        if policy.counts(direction):
            mine = policy.ingress if direction is Direction.INGRESS else policy.egress
            held = [(policy, rule) for rule in mine if rule.action is Action.ALLOW and any(one.block for one in rule.peers)]
            subject = terrain.subject(policy) if held else None
            if subject is not None and not subject.any():
                yield tuple(held)
            elif subject is not None:
                rules += held
                subjects += [subject] * len(held)
    if rules:
        terrain.effort.hold(len(rules) * len(body.pods))
        # Eight rules in a byte, so that pods under the same rules are found by their bytes.
        columns = np.ascontiguousarray(np.packbits(np.array(subjects), axis=0).T)
        for one in {column.tobytes(): column for column in columns}.values():
            found = tuple(rules[number] for number in np.flatnonzero(np.unpackbits(one, count=len(rules))).tolist())
            if found:
                yield found


def _by_port(terrain: Terrain, held: tuple[Held, ...]) -> Iterator[tuple[Held, ...]]:
    """Those of *held* that count on the same ports; each port by name is one of its own."""
    space = terrain.ports
    names = sorted({port.name for _, rule in held for port in rule.ports if port.name})
    flags = []
    for _, rule in held:
        row = np.zeros(len(space.pieces), dtype=np.bool_)
        for port in rule.ports:
            for protocol in [port.protocol] if port.protocol else Protocol:
                if not port.name:
                    row |= space.within(Ports(protocol=protocol, first=port.first, last=port.last))
        if not rule.ports:
            row[:] = True
        named = {port.name for port in rule.ports}
        flags.append(np.append(row, [not rule.ports or one in named for one in names]).astype(np.bool_))
    columns = np.ascontiguousarray(np.array(flags).T)
    for one in {column.tobytes(): column for column in columns}.values():
        found = tuple(held[number] for number in np.flatnonzero(one).tolist())
        if found:
            yield found


def _spans(held: Iterable[Held], version: int, widest: Mapping[int, int]) -> Iterator[tuple[int, int]]:
    """The addresses of the blocks that are not too wide by themselves, without what they except."""
    for _, rule in held:
        for peer in rule.peers:
            found = _span(peer.block.cidr) if peer.block is not None and not _wide_block(peer.block, widest) else None
            if found is None or peer.block is None or found.version != version:
                continue
            first = found.first
            without = [one for one in map(span, peer.block.excepts) if one is not None]
            for one in sorted(without, key=lambda one: one.first):
                if one.first > first:
                    yield first, one.first - 1
                first = max(first, one.last + 1)
            if first <= found.last:
                yield first, found.last


def _merged(spans: Iterable[tuple[int, int]]) -> Spans:
    found: Spans = []
    for first, last in sorted(spans):
        if found and first <= found[-1][1] + 1:
            found[-1] = found[-1][0], max(found[-1][1], last)
        else:
            found.append((first, last))
    return found


def _too_much(spans: Spans, version: int, widest: int) -> str:
    """What *spans* are too much of: more than half of a block that is too wide, or many blocks of the widest size."""
    bits = 32 if version == 4 else 128
    size = 1 << (bits - widest)
    total = sum(last - first + 1 for first, last in spans)
    if total > size and widest > 0:
        for prefix in range(widest):
            span_size = 1 << (bits - prefix)
            counts: dict[int, int] = {}
            for first, last in spans:
                for number in range(first // span_size, last // span_size + 1):
                    start = number * span_size
                    counts[number] = counts.get(number, 0) + min(last, start + span_size - 1) - max(first, start) + 1
            for number, count in sorted(counts.items()):
                if 2 * count > span_size:
                    address = (
                        ipaddress.IPv4Address(number * span_size) if version == 4 else ipaddress.IPv6Address(number * span_size)
                    )
                    return f"{'all' if count == span_size else 'most'} of {address}/{prefix}"
    if total > MOST_BLOCKS * size:
        return f"{total:,} addresses"
    return ""
