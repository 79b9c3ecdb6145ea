"""The connections that only one of two networks allows: rows by owner and labels, and pods that could be created."""

from __future__ import annotations

import re
from collections.abc import Iterator

from arcops.seen.network import Direction, Label, Network, PodSet
from reach.arrays import np
from reach.changes import Change, Way, words_of
from reach.clauses import Terrain
from reach.doubts import LATER_LABELS
from reach.drift_rows import Row, Side, all_of, rows
from reach.future import FIRST_UNKNOWN, FuturePods, future_pods, with_future_pods
from reach.roots import roots
from reach.selectors import Flags

Wider = dict[str, tuple[str, ...]]


def reach_changes(declared: Network, live: Network) -> Iterator[Change]:
    if _inputs(declared) == _inputs(live):
        return  # equal questions have equal answers
    made = _future_pods(declared, live)
    both = (with_future_pods(declared, made), with_future_pods(live, made))
    cuts = [piece for one in both for piece in Terrain(one).ports.pieces]
    points = sorted({*_addresses(declared), *_addresses(live)})
    was, now = (Side(one, points, cuts) for one in both)
    space, effort = was.world.terrain.ports, was.world.effort
    classes = np.array([was.world.port_class_of, now.world.port_class_of])
    # Future pods that are subjects of policies are compared with all others, future pods with one another are not.
    subjects = {one.title for one in made.found.values() if one.subject}
    mine = {Way.GAINED: rows(now, was), Way.LOST: rows(was, now)}
    silent = _only_there(declared, live, made)
    asked = {
        way: _asked(mine[way], len(side.kinds), subjects, silent[way]) for way, side in ((Way.GAINED, now), (Way.LOST, was))
    }
    found: dict[tuple[Way, int, int], Flags] = {}
    ruled = _ruled(was, mine[Way.LOST])
    for one, other in np.unique(classes, axis=1).T.tolist():
        pieces = (classes[0] == one) & (classes[1] == other)
        before, after = was.table(one), now.table(other)
        for way, own, behind in ((Way.GAINED, after, before), (Way.LOST, before, after)):
            chosen = mine[way]
            positions = [row.own for row in chosen]
            changed = own[np.ix_(positions, positions)] & ~all_of(behind, [row.others for row in chosen])
            changed &= asked[way] if way is Way.GAINED else asked[way] & ruled
            count = int(np.count_nonzero(changed))
            effort.spend(count * len(pieces), steps=20 * count)
            effort.hold(count * (len(pieces) + 300))
            for source, target in np.argwhere(changed).tolist():
                known = found.setdefault((way, source, target), np.zeros_like(pieces))
                known |= pieces
    titled: dict[tuple[Way, str, str], Flags] = {}
    for (way, source, target), ports in found.items():
        words = way, mine[way][source].title, mine[way][target].title
        titled[words] = titled[words] | ports if words in titled else ports
    told: dict[tuple[Way, str, str, bool], list[Flags]] = {}
    spaces = {row.title: row.space for way in Way for row in mine[way] if not row.future and row.space}
    for (way, caller, called), ports in titled.items():
        for end, peer, out in ((caller, called, True), (called, caller, False)):
            if end in spaces:
                told.setdefault((way, spaces[end], peer, out), []).append(ports)
    wider, spaces_of = made.wider, made.spaces_of
    said: dict[bytes, str] = {}
    for words, ports in sorted(titled.items(), key=lambda item: (item[0][0].value, *item[0][1:])):
        if not (_implied(words, ports, titled, wider) or _shown_by_others(words, ports, told, spaces_of)):
            yield Change(
                way=words[0],
                source=words[1],
                target=words[2],
                ports=said.setdefault(ports.tobytes(), _ports(space.said(ports), made)),
            )


def _future_pods(declared: Network, live: Network) -> FuturePods:
    """The pods that could be created and that the two may treat differently; none if nothing that could matter differs."""
    words = [{one.title: (one, words_of(one)) for one in network.policies} for network in (declared, live)]
    changed = [
        one
        for mine, theirs in (words, words[::-1])
        for title, (one, said) in mine.items()
        if title not in theirs or theirs[title][1] != said
    ]
    spaces = {one.namespace for one in changed}
    labels = [{one.name: one.labels for one in network.namespaces} for network in (declared, live)]
    spaces |= {name for name in {*labels[0], *labels[1]} if labels[0].get(name) != labels[1].get(name)}
    kinds = [
        {(title, _labels(pods)): pods for title, pods in zip(roots(one), one.pods, strict=True)} for one in (declared, live)
    ]
    spaces |= {pods.namespace for mine, theirs in (kinds, kinds[::-1]) for key, pods in mine.items() if key not in theirs}
    if not spaces:
        return FuturePods()
    relabelled = any(labels[0].get(name) != labels[1].get(name) for name in {*labels[0], *labels[1]})
    anywhere = relabelled or any(not one.namespace for one in changed)
    policies = {
        (one.title, repr(words_of(one))): one
        for network in (declared, live)
        for one in network.policies
        if anywhere or not one.namespace or one.namespace in spaces
    }
    return future_pods((declared, live), tuple(policies.values()), spaces - {""})


def _inputs(network: Network) -> tuple[object, ...]:
    """All that the engine computes reach from, without order and place."""
    pods = [
        (title, one.namespace, one.labels, one.ports, one.host_network)
        for title, one in zip(roots(network), network.pods, strict=True)
    ]
    spaces = [(one.name, one.labels) for one in network.namespaces]
    return frozenset(pods), frozenset(spaces), sorted(repr(words_of(one)) for one in network.policies)


def _labels(pods: PodSet) -> frozenset[Label]:
    return frozenset(one for one in pods.labels if one.key not in LATER_LABELS)


def _only_there(declared: Network, live: Network, made: FuturePods) -> dict[Way, frozenset[str]]:
    """The future pods in namespaces that only one side has, for which what the other side lacks means nothing."""
    names = [{one.name for one in network.namespaces} for network in (declared, live)]
    lacking = {Way.GAINED: names[0] - names[1], Way.LOST: names[1] - names[0]}
    return {way: frozenset(one.title for one in made.found.values() if one.space in found) for way, found in lacking.items()}


def _asked(chosen: list[Row], kinds: int, subjects: set[str], silent: frozenset[str]) -> Flags:
    """The pairs of rows that are compared. Future pods that are subjects of policies are compared with all others, future pods
    with one another are not. Addresses are asked about the pods that policies select, and about the next pod of a namespace.
    """
    strange = np.array([row.future and row.title not in subjects for row in chosen], dtype=np.bool_)
    labelled = np.array([row.labelled for row in chosen], dtype=np.bool_)
    outside = np.array([row.own >= kinds for row in chosen], dtype=np.bool_)
    unknown = outside & np.array([not row.others for row in chosen], dtype=np.bool_)
    muted = np.array([row.title in silent for row in chosen], dtype=np.bool_)
    barred = strange[:, None] & strange[None, :]
    barred |= (strange & labelled)[:, None] & outside[None, :]
    barred |= strange[:, None] & unknown[None, :]
    barred |= barred.T
    asked: Flags = ~(barred | muted[:, None] | muted[None, :])
    return asked


def _ruled(side: Side, chosen: list[Row]) -> Flags:
    """The pairs that a policy of *side* decides. If none does, what a pod that could be created may do was not declared, so it
    cannot be lost.
    """
    closed = {way: _closed(side, chosen, way) for way in Direction}
    strange = np.array([row.future for row in chosen], dtype=np.bool_)
    ruled: Flags = closed[Direction.EGRESS][:, None] | closed[Direction.INGRESS][None, :]
    return ruled | ~(strange[:, None] | strange[None, :])


def _closed(side: Side, chosen: list[Row], way: Direction) -> Flags:
    isolated = side.world.terrain.closed[way][side.world.first_of_class]
    kinds = [all(isolated[one] for one in found) for found in side.classes]
    return np.array([row.own < len(kinds) and kinds[row.own] for row in chosen], dtype=np.bool_)


def _shown_by_others(
    words: tuple[Way, str, str], ports: Flags, told: dict[tuple[Way, str, str, bool], list[Flags]], spaces_of: dict[str, str]
) -> bool:
    """Does an existing pod in the namespace of a future pod show the same change?"""
    way, source, target = words
    for mine, other, out in ((source, target, True), (target, source, False)):
        space = spaces_of.get(mine)
        if space and any(not (ports & ~found).any() for found in told.get((way, space, other, out), ())):
            return True
    return False


def _implied(words: tuple[Way, str, str], ports: Flags, titled: dict[tuple[Way, str, str], Flags], wider: Wider) -> bool:
    """Does a wider future pod (a new pod of the namespace without labels, or of a new namespace) gain or lose the same?"""
    way, source, target = words
    for title, of_source in [(one, True) for one in wider.get(source, ())] + [(one, False) for one in wider.get(target, ())]:
        found = titled.get((way, title, target) if of_source else (way, source, title))
        if found is not None and not (ports & ~found).any():
            return True
    return False


def _ports(said: str, made: FuturePods) -> str:
    """*said*, with the names of ports for which no pod has a number."""
    for port in made.ports:
        if port.number >= FIRST_UNKNOWN:
            said = re.sub(rf"(?<![0-9-]){port.number}(?![0-9-])", f"port {port.name!r}", said)
    return said


def _addresses(network: Network) -> Iterator[str]:
    for policy in network.policies:
        for rule in (*policy.ingress, *policy.egress):
            for peer in rule.peers:
                if peer.block is not None:
                    yield from filter(None, (peer.block.cidr, *peer.block.excepts))
