"""The search for devices for every part of every copy of every model.

It tries what is pinned first, then the largest copies; devices that are alike count once, and what failed is remembered. So the
answer does not depend on the order of the description, and it is complete: if it says that nothing fits, nothing does. It ends
after `MOST_STEPS`; then the answer is "not known".
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import Enum

from arcops.seen.engine_profile import Takes
from gates.fit.fit.demand import Claim, Demand, claim
from gates.fit.fit.devices import Device
from gates.fit.fit.sizes import Span

MOST_STEPS = 200_000


class Level(Enum):
    """How sure a placement is. ``SPARE``: even at worst there is as much left as the policy wants. ``CAUTIOUS``: it fits at
    worst. ``HOPEFUL``: it fits at best.
    """

    SPARE = "spare"
    CAUTIOUS = "cautious"
    HOPEFUL = "hopeful"


@dataclass(frozen=True, slots=True)
class Copy:
    """One replica: ``stages``, each on ``wanted.tensor`` devices. ``pinned`` names a device for each, or is empty."""

    model: str
    number: int
    stages: tuple[Demand, ...]
    pinned: tuple[str, ...]

    @property
    def parts(self) -> tuple[Demand, ...]:
        """The demand on each device, in order: stage by stage."""
        return tuple(stage for stage in self.stages for _ in range(stage.wanted.tensor))

    @property
    def title(self) -> str:
        many = self.stages[0].wanted.replicas
        return self.model if many == 1 else f"{self.model}, copy {self.number + 1} of {many}"


@dataclass(frozen=True, slots=True)
class Placed:
    """The devices of each part of each copy, and how sure that is."""

    level: Level
    copies: tuple[tuple[Copy, tuple[Device, ...]], ...]

    def on(self, device: Device) -> Iterator[tuple[Copy, Demand]]:
        """What is on *device*, with the engine's share settled."""
        for copy, where in self.copies:
            for part, place in zip(copy.parts, where, strict=True):
                if place == device:
                    yield copy, self.settled(part, device)

    def settled(self, part: Demand, device: Device) -> Demand:
        """*part* with the share of *device* that the plan chose for its engine, if the plan was to choose it."""
        if part.wanted.share >= 0 or part.engine.takes is Takes.NEEDED:
            return part
        cautious = self.level is not Level.HOPEFUL
        chosen = claim(part, device.memory.least if cautious else device.memory.most, cautious=cautious).share
        return replace(part, wanted=replace(part.wanted, share=chosen))

    def taken(self, device: Device) -> Span:
        """Bytes of *device* that are taken, from the best case to the worst."""
        parts = [part for _, part in self.on(device)]
        return Span(
            min(
                sum(claim(part, memory, cautious=False).taken for part in parts)
                for memory in (device.memory.least, device.memory.most)
            ),
            sum(claim(part, device.memory.least, cautious=True).taken for part in parts),
        )


class TooMany(Exception):
    """The search did not end in its steps."""


def copies(demands: Mapping[str, tuple[Demand, ...]]) -> tuple[Copy, ...]:
    """Every replica of every model."""
    found = []
    for name, stages in demands.items():
        wanted = stages[0].wanted
        for number in range(wanted.replicas):
            pinned = wanted.on[number * wanted.devices : (number + 1) * wanted.devices]
            found.append(Copy(name, number, stages, pinned))
    return tuple(found)


Judged = Callable[[Placed], int]
"""How bad a whole placement is besides memory: 0 good, 1 doubtful, 2 bad."""


@dataclass(frozen=True, slots=True)
class Besides:
    """What a placement must hold besides memory. ``apart`` are pairs of models that should not share a device, and ``how_bad``
    it is if they do (1 or 2); ``judged`` judges the rest of a whole placement, ``None`` if there is nothing more.
    """

    apart: frozenset[tuple[str, str]] = frozenset()
    how_bad: int = 2
    judged: Judged | None = None


_BADNESS = {Level.SPARE: 0, Level.CAUTIOUS: 1, Level.HOPEFUL: 1}


def placement(wanted: Sequence[Copy], devices: Sequence[Device], spare: int, besides: Besides = Besides()) -> Placed | None:
    """The best placement of all copies; ``None`` if nothing fits. *spare*: percent of a device that stay free.

    Raises `TooMany`.
    """
    tries = sorted(((level, bad) for level in Level for bad in range(3)), key=lambda one: max(_BADNESS[one[0]], one[1]))
    order = sorted(wanted, key=lambda one: (not one.pinned, -max(part.least for part in one.parts), one.model, one.number))
    without = {level: _Search(devices, level, spare, Besides(), 2) for level in Level}
    possible = [level for level in Level if without[level].found(tuple(order)) is not None]
    for level, bad in tries:
        if level not in possible:
            continue
        found = _Search(devices, level, spare, besides, bad).found(tuple(order))
        if found is not None:
            return Placed(level, found)
    return None


def fits_alone(copy: Copy, devices: Sequence[Device]) -> bool:
    """Would *copy* fit, at best, if nothing else were there?"""
    return _Search(devices, Level.HOPEFUL, 0, Besides(), 2).found((copy,)) is not None


_Found = tuple[tuple[Copy, tuple[Device, ...]], ...]


class _Search:
    """The search at one level. What is worse than *bad* besides memory is no placement."""

    def __init__(self, devices: Sequence[Device], level: Level, spare: int, besides: Besides, bad: int) -> None:
        self._devices = tuple(devices)
        self._level = level
        self._cautious = level is not Level.HOPEFUL
        self._spare = spare if level is Level.SPARE else 0
        self._apart = besides.apart if bad < besides.how_bad else frozenset()
        self._judged = besides.judged if bad < 2 else None
        self._bad = bad
        self._steps = 0
        self._failed: set[object] = set()
        self._claims: dict[tuple[int, object], Claim] = {}

    def found(self, order: tuple[Copy, ...]) -> _Found | None:
        """The devices of all copies, or ``None``."""
        return self._place(order, {one.name: self._room(one) for one in self._devices}, ())

    def _memory(self, device: Device) -> int:
        return device.memory.least if self._cautious else device.memory.most

    def _room(self, device: Device) -> int:
        """Bytes of *device* that may be taken."""
        memory = self._memory(device)
        return memory - device.reserved - memory * self._spare // 100

    def _place(self, left: tuple[Copy, ...], room: dict[str, int], done: _Found) -> _Found | None:
        if not left:
            good = self._judged is None or self._judged(Placed(self._level, done)) <= self._bad
            return done if good else None
        state = (len(left), self._state(left, room, done))
        if state in self._failed:
            return None
        for on, after in self._choices(left[0], 0, (), room, done):
            whole = self._place(left[1:], after, (*done, (left[0], on)))
            if whole is not None:
                return whole
        self._failed.add(state)
        return None

    def _state(self, left: tuple[Copy, ...], room: dict[str, int], done: _Found) -> object:
        """What matters of what was done: devices that are alike may be exchanged, unless one of them is named."""
        named = {name for copy in left for name in copy.pinned}
        here = {one.name: f"{room[one.name]} {self._there(one, done)}" for one in self._devices}
        free = sorted((str(one.kind), here[one.name]) for one in self._devices if one.name not in named)
        return (tuple(free), tuple(sorted((name, here[name]) for name in named if name in here)), self._together(done))

    def _there(self, device: Device, done: _Found) -> tuple[str, ...]:
        """The models on *device*, if it matters which they are, and not only how much they take."""
        return () if self._judged is None and not self._apart else _models_on(device, done)

    def _together(self, done: _Found) -> object:
        """Copies that are split over devices, because their pace depends on all of them."""
        if self._judged is None:
            return ()
        return tuple((copy.title, tuple(one.name for one in on)) for copy, on in done if len(on) > 1)

    def _choices(
        self, copy: Copy, number: int, on: tuple[Device, ...], room: dict[str, int], done: _Found
    ) -> Iterator[tuple[tuple[Device, ...], dict[str, int]]]:
        """Devices for the parts of *copy* from *number* on."""
        parts = copy.parts
        if number == len(parts):
            yield on, room
            return
        seen: set[object] = set()
        for device in sorted(self._devices, key=lambda one: (room[one.name], one.name)):
            if not self._allowed(copy, number, on, device, done):
                continue
            alike = (device.kind, room[device.name], self._there(device, done), bool(copy.pinned) and device.name)
            if alike in seen:
                continue
            seen.add(alike)
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise TooMany
            found = self._claimed(parts[number], device)
            needs = parts[number].cache.most if self._cautious else parts[number].cache.least
            if found.pool >= needs and found.taken <= room[device.name]:
                after = {**room, device.name: room[device.name] - found.taken}
                yield from self._choices(copy, number + 1, (*on, device), after, done)

    def _allowed(self, copy: Copy, number: int, on: tuple[Device, ...], device: Device, done: _Found) -> bool:
        if copy.pinned and copy.pinned[number] != device.name:
            return False
        if device in on or (on and on[0].profile.sku != device.profile.sku):
            return False
        if self._apart and any(pair(copy.model, other) in self._apart for other in _models_on(device, done)):
            return False
        return not (device.instance and copy.stages[0].wanted.tensor > 1)  # instances cannot reach one another

    def _claimed(self, part: Demand, device: Device) -> Claim:
        key = (id(part), device.kind)
        found = self._claims.get(key)
        if found is None:
            found = self._claims[key] = claim(part, self._memory(device), cautious=self._cautious)
        return found


def pair(one: str, other: str) -> tuple[str, str]:
    """Two names, in their order."""
    return (one, other) if one <= other else (other, one)


def _models_on(device: Device, done: _Found) -> tuple[str, ...]:
    return tuple(sorted(copy.model for copy, on in done if device in on))
