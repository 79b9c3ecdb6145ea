"""The whole answer: the allowed connections, for every pair of pods and addresses and for every port."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import TYPE_CHECKING

from arcops.seen.network import Action, Direction, Network, PodSet, PolicySeen, PolicyTier, Protocol
from reach.arrays import np
from reach.bits import Bits, transposed
from reach.clauses import Clause, Terrain
from reach.effort import STEP, Effort
from reach.meshed import meshed
from reach.ports import Ports
from reach.selectors import Flags

if TYPE_CHECKING:
    from numpy.typing import NDArray

HBONE = 15008
"""The port of the tunnel (HBONE) by which pods of an ambient mesh send TCP to one another, whatever port they mean (Istio,
"Ambient and Kubernetes NetworkPolicy")."""


@dataclass(slots=True, kw_only=True)
class _Decided:
    """For each class of pods: the ends that a tier allows, those that it left ``open``, and those that it leaves to the
    baseline (``skipped``).
    """

    allowed: Bits
    open: Bits
    skipped: Bits | None


class World:
    """The pods of a network and the addresses outside, with the connections that policies allow.

    *Ends* are the ends of connections: first the pods' classes, then the ranges of addresses outside and host names in rules.
    ``class_of`` gives each pod's class; pods of one class are selected by the same policies and named by the same peers, so
    their answers are equal. ``points`` are addresses for which the answer must be exact, ``cuts`` ports. ``names_anywhere``:
    every host name in a rule counts as every address outside.
    """

    def __init__(
        self, network: Network, points: Iterable[str] = (), cuts: Iterable[Ports] = (), *, names_anywhere: bool = False
    ) -> None:
        self.network = network
        self._ambient = {id(one.pods) for one in meshed(network) if one.ambient}
        tunnel = [Ports(protocol=Protocol.TCP, first=HBONE, last=HBONE)] if self._ambient else []
        self.terrain = Terrain(network, points, [*cuts, *tunnel], names_anywhere=names_anywhere)
        order = sorted(network.policies, key=lambda one: (one.stage, one.priority, one.kind, one.name))
        # Within a stage the lower priority decides first. Equal ones are undefined; here the order of names decides.
        self._ordered_policies = tuple(order)
        self._clauses_of = tuple(tuple(self.terrain.clauses(policy)) for policy in order)
        flat = [clause for clauses in self._clauses_of for clause in clauses]
        # The end of a stage comes after all rules of all its policies.
        self.clauses = tuple(sorted(flat, key=lambda one: (one.policy.stage, one.last)))
        self.class_of, self.first_of_class = self._classes()
        self.ends = len(self.first_of_class) + len(self.terrain.outside.ends)
        self.port_class_of, self.first_of_port_class = self._port_classes()

    def _classes(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        count = len(self.network.pods)
        if not count:
            return np.zeros(0, dtype=np.intp), np.zeros(0, dtype=np.intp)
        self.effort.spend(2 * count * len(self.clauses), steps=2 * len(self.clauses))
        rows = {np.packbits(one).tobytes() for one in self.terrain.isolated.values()}
        # Many clauses share their arrays; each array is read once.
        arrays = {id(one): one for clause in self.clauses for one in (clause.subject, clause.peers)}
        rows |= {np.packbits(one[:count]).tobytes() for one in arrays.values()}
        if self._ambient:
            rows.add(np.packbits(self._tunnelled_pods()).tobytes())
        self.effort.hold(len(rows) * count)
        self.effort.release(len(rows) * count)
        packed = np.frombuffer(b"".join(sorted(rows)), dtype=np.uint8).reshape(len(rows), -1)
        return _alike(np.packbits(np.unpackbits(packed, axis=1, count=count), axis=0).T)

    def _port_classes(self) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        count = len(self.terrain.ports.pieces)
        self.effort.hold(len(self.clauses) * count)
        self.effort.release(len(self.clauses) * count)
        rows = [clause.ports for clause in self.clauses] or [np.ones(count, dtype=np.bool_)]
        if self._ambient:
            rows = [*rows, np.array([_is_carried(one) for one in self.terrain.ports.pieces], dtype=np.bool_)]
        return _alike(np.packbits(np.array(rows), axis=0).T)

    @cached_property
    def _by_tier(self) -> dict[tuple[PolicyTier, Direction], list[tuple[Clause, NDArray[np.intp], Bits]]]:
        """Every clause with its subjects as classes and its peers as bits over ends."""
        count = len(self.network.pods)
        self.effort.spend(3 * self.ends * len(self.clauses), steps=5 * len(self.clauses))
        found: dict[tuple[PolicyTier, Direction], list[tuple[Clause, NDArray[np.intp], Bits]]] = {}
        # Rules share the flags of equal peers, and policies those of their pods: each is packed once.
        chosen: dict[int, NDArray[np.intp]] = {}
        packed: dict[int, Bits] = {}
        for clause in self.clauses:
            subject = chosen.get(id(clause.subject))
            if subject is None:
                subject = chosen[id(clause.subject)] = np.flatnonzero(clause.subject[self.first_of_class])
            self.effort.hold(8 * len(subject) + self.ends // 8)
            peers = packed.get(id(clause.peers))
            if peers is None:
                peers = np.packbits(np.concatenate([clause.peers[:count][self.first_of_class], clause.peers[count:]]))
                packed[id(clause.peers)] = peers
            found.setdefault((clause.policy.tier, clause.direction), []).append((clause, subject, peers))
        return found

    def may(self, direction: Direction, port_class: int) -> Bits:
        """For each class of pods (rows): the ends that policies allow in *direction*, on the ports of *port_class*."""
        piece = int(self.first_of_port_class[port_class])
        rows = len(self.first_of_class)
        self._count(direction, piece)
        blank = np.zeros((rows, (self.ends + 7) // 8), dtype=np.uint8)
        isolated = self.terrain.isolated[direction][self.first_of_class]
        allowed, denied = blank.copy(), blank
        clauses = self._by_tier.get((PolicyTier.NAMESPACE, direction), [])
        for number in self._hit(PolicyTier.NAMESPACE, direction, piece):
            clause, subject, peers = clauses[number]
            (denied if clause.rule.action is Action.DENY else allowed)[subject] |= peers
        late = self._first(PolicyTier.LATE, direction, piece)
        admin = self._first(PolicyTier.ADMIN, direction, piece)
        skipping = [one.skipped for one in (late, admin) if one is not None and one.skipped is not None]
        beneath = None
        if skipping or not isolated.all():
            last = self._first(PolicyTier.BASELINE, direction, piece)
            beneath = np.full_like(blank, 255) if last is None else last.allowed | last.open
        if late is not None:
            rest = ~(allowed | denied)
            allowed |= rest & late.allowed
            if late.skipped is not None:
                assert beneath is not None  # noqa: S101  # something is skipped
                allowed |= rest & late.skipped & beneath
        if not isolated.all():
            assert beneath is not None  # noqa: S101  # not every pod is isolated
            allowed[~isolated] = beneath[~isolated]
        allowed &= ~denied
        if admin is not None:
            allowed = admin.allowed | (admin.open & allowed)
            if admin.skipped is not None:
                assert beneath is not None  # noqa: S101  # something is skipped
                allowed |= admin.skipped & beneath
        return allowed

    @cached_property
    def _ports_by_tier(self) -> dict[tuple[PolicyTier, Direction], Flags]:
        """The ports of the clauses in `_by_tier`: a row for each."""
        self.effort.hold(len(self.clauses) * len(self.terrain.ports.pieces))
        return {key: np.array([one.ports for one, _, _ in found]) for key, found in self._by_tier.items()}

    def _hit(self, tier: PolicyTier, direction: Direction, piece: int) -> list[int]:
        """The numbers of the clauses of *tier* that are about the ports *piece*."""
        found = self._ports_by_tier.get((tier, direction))
        return [] if found is None else [int(one) for one in np.flatnonzero(found[:, piece])]

    def _count(self, direction: Direction, piece: int) -> None:
        """Count the cost of one table of bits, and of each clause that is written into it."""
        width = (self.ends + 7) // 8
        self.effort.hold(6 * len(self.first_of_class) * width)
        self.effort.release(6 * len(self.first_of_class) * width)
        for tier in PolicyTier:
            clauses = self._by_tier.get((tier, direction), [])
            hit = [len(clauses[number][1]) for number in self._hit(tier, direction, piece)]
            size = 2 * sum(hit) * width * (1 if tier is PolicyTier.NAMESPACE else 3)
            self.effort.spend(size + len(clauses) * STEP // 4, steps=3 * len(hit))

    def _first(self, tier: PolicyTier, direction: Direction, piece: int) -> _Decided | None:
        """The decision of the clauses of *tier*, the first that hits in each stage; `None` if *tier* has no clause."""
        clauses = self._by_tier.get((tier, direction), ())
        if not clauses:
            return None
        every = np.packbits(np.ones(self.ends, dtype=np.bool_))
        open_to = np.tile(every, (len(self.first_of_class), 1))
        allowed = np.zeros_like(open_to)
        skipped: Bits | None = None
        for _, stage in groupby(clauses, key=lambda one: one[0].policy.stage):
            passed = np.zeros_like(open_to)
            for clause, subject, peers in stage:
                if not clause.ports[piece]:
                    continue
                hit = open_to[subject] & peers
                if clause.rule.action is Action.ALLOW:
                    allowed[subject] |= hit
                elif clause.rule.action is Action.PASS and clause.policy.beside:
                    skipped = np.zeros_like(open_to) if skipped is None else skipped
                    skipped[subject] |= hit
                elif clause.rule.action is Action.PASS:
                    passed[subject] |= hit
                open_to[subject] &= ~peers
            open_to |= passed
        return _Decided(allowed=allowed, open=open_to, skipped=skipped)

    def pairs(self, port_class: int) -> Flags:
        """The allowed connections on the ports of *port_class*: flags over ends, rows from and columns to.

        Between two addresses outside the answer is always no. Between pods of an ambient mesh, TCP is carried by its tunnel, so
        there policies see the tunnel's port.
        """
        found = self._pairs(port_class)
        if self._ambient and _is_carried(self.terrain.ports.pieces[int(self.first_of_port_class[port_class])]):
            pods = len(self.first_of_class)
            inside = self._tunnelled_pods()[self.first_of_class]
            tunnel = self._pairs(int(self.port_class_of[self.terrain.ports.position(Protocol.TCP, HBONE)]))
            both = inside[:, None] & inside[None, :]
            found[:pods, :pods] = np.where(both, tunnel[:pods, :pods], found[:pods, :pods])
        return found

    def _tunnelled_pods(self) -> Flags:
        return np.array([id(one) in self._ambient for one in self.network.pods], dtype=np.bool_)

    def wire_port(self, source: object, target: object, protocol: Protocol, port: int) -> int:
        """The port that policies see for a connection to *port*: that of the tunnel between two pods of an ambient mesh."""
        if protocol is Protocol.TCP and id(source) in self._ambient and id(target) in self._ambient:
            return HBONE
        return port

    def _pairs(self, port_class: int) -> Flags:
        pods = len(self.first_of_class)
        width = (self.ends + 7) // 8
        self.effort.hold(self.ends * (self.ends + 8 * width))
        self.effort.release(self.ends * (self.ends + 8 * width))
        found = np.zeros((self.ends, width), dtype=np.uint8)
        into = transposed(self.may(Direction.INGRESS, port_class))[: self.ends]
        found[:, : into.shape[1]] = into
        # To an address outside only the source's policies have a say; before it are the pods, which must also let it in.
        found[:pods] |= np.packbits(np.arange(self.ends) >= pods)
        found[:pods] &= self.may(Direction.EGRESS, port_class)
        return self._unpacked(found)

    def _unpacked(self, bits: Bits) -> Flags:
        return np.unpackbits(bits, axis=1, count=self.ends).view(np.bool_)

    def about(self, position: int) -> Iterator[tuple[PolicySeen, tuple[Clause, ...]]]:
        """The policies that select the pods at *position*, each with its clauses, in the order in which they decide."""
        for number in np.flatnonzero(self._subjects[:, position]).tolist():
            yield self._ordered_policies[number], self._clauses_of[number]

    @cached_property
    def _subjects(self) -> Flags:
        """Which policy (row) selects which pods (column)."""
        self.effort.hold(2 * len(self._ordered_policies) * len(self.network.pods))
        rows = [self.terrain.subject(policy) for policy in self._ordered_policies]
        return np.array(rows, dtype=np.bool_).reshape(len(rows), len(self.network.pods))

    @cached_property
    def _positions(self) -> dict[int, int]:
        return {id(pods): position for position, pods in enumerate(self.network.pods)}

    def position(self, pods: PodSet) -> int:
        """The position of *pods*, one of the network's own."""
        return self._positions[id(pods)]

    @property
    def effort(self) -> Effort:
        """What this network may still cost."""
        return self.terrain.effort

    @property
    def port_classes(self) -> range:
        return range(len(self.first_of_port_class))

    def pieces_of(self, port_classes: Iterable[int]) -> Flags:
        """The port pieces of *port_classes*, as flags."""
        return np.isin(self.port_class_of, list(port_classes))

    def members(self, pod_class: int) -> Iterator[int]:
        """The positions of the pods of a class."""
        yield from (int(position) for position in np.flatnonzero(self.class_of == pod_class))


def _is_carried(piece: Ports) -> bool:
    """Does an ambient mesh carry connections to these ports in its tunnel?"""
    return piece.protocol is Protocol.TCP and piece.first != HBONE


def _alike(rows: NDArray[np.uint8]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Which rows are equal: each one's group, and the first row of each group; groups in the order of their first rows."""
    packed = np.ascontiguousarray(rows)
    whole = packed.view(np.dtype((np.void, packed.shape[1]))).ravel()
    _, first, group = np.unique(whole, return_index=True, return_inverse=True)
    rank = np.argsort(np.argsort(first))
    return rank[group], np.sort(first)
