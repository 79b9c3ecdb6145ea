"""The search for devices for every part of every copy of every model.

It tries what is pinned first, then the largest copies; devices that are alike count once, and what failed is remembered. So the
answer does not depend on the order of the description, and it is complete: if it says that nothing fits, nothing does. It ends
after `MOST_STEPS`; then the answer is "not known".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum

from gates.fit.fit.demand import Claim, Demand, claim
from gates.fit.fit.devices import Device
from gates.fit.fit.sizes import Span

MOST_STEPS = 20_000


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
        """What is on *device*."""
        for copy, where in self.copies:
            for part, place in zip(copy.parts, where, strict=True):
                if place == device:
                    yield copy, part

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


def placement(wanted: Sequence[Copy], devices: Sequence[Device], spare: int) -> Placed | None:
    """A placement of all copies, as sure as there is one; ``None`` if nothing fits. *spare*: percent of a device that stay
    free.

    Raises `TooMany`.
    """
    for level in Level:
        search = _Search(devices, level, spare)
        order = sorted(wanted, key=lambda one: (not one.pinned, -max(part.least for part in one.parts), one.model, one.number))
        found = search.place(tuple(order), {one.name: search.room(one) for one in devices})
        if found is not None:
            return Placed(level, found)
    return None


def fits_alone(copy: Copy, devices: Sequence[Device]) -> bool:
    """Would *copy* fit, at best, if nothing else were there?"""
    search = _Search(devices, Level.HOPEFUL, 0)
    return search.place((copy,), {one.name: search.room(one) for one in devices}) is not None


class _Search:
    def __init__(self, devices: Sequence[Device], level: Level, spare: int) -> None:
        self._devices = tuple(devices)
        self._cautious = level is not Level.HOPEFUL
        self._spare = spare if level is Level.SPARE else 0
        self._steps = 0
        self._failed: set[object] = set()
        self._claims: dict[tuple[int, object], Claim] = {}

    def memory(self, device: Device) -> int:
        return device.memory.least if self._cautious else device.memory.most

    def room(self, device: Device) -> int:
        """Bytes of *device* that may be taken."""
        memory = self.memory(device)
        return memory - device.reserved - memory * self._spare // 100

    def place(self, left: tuple[Copy, ...], room: dict[str, int]) -> tuple[tuple[Copy, tuple[Device, ...]], ...] | None:
        if not left:
            return ()
        state = (len(left), self._state(left, room))
        if state in self._failed:
            return None
        for where, after in self._choices(left[0], 0, (), room):
            rest = self.place(left[1:], after)
            if rest is not None:
                return ((left[0], where), *rest)
        self._failed.add(state)
        return None

    def _state(self, left: tuple[Copy, ...], room: dict[str, int]) -> object:
        """What matters of *room*: devices that are alike may be exchanged, unless one of them is named."""
        named = {name for copy in left for name in copy.pinned}
        free = sorted((str(one.kind), room[one.name]) for one in self._devices if one.name not in named)
        return (tuple(free), tuple(sorted((name, room[name]) for name in named if name in room)))

    def _choices(
        self, copy: Copy, number: int, where: tuple[Device, ...], room: dict[str, int]
    ) -> Iterator[tuple[tuple[Device, ...], dict[str, int]]]:
        """Devices for the parts of *copy* from *number* on."""
        parts = copy.parts
        if number == len(parts):
            yield where, room
            return
        seen: set[object] = set()
        for device in sorted(self._devices, key=lambda one: (room[one.name], one.name)):
            if not self._allowed(copy, number, where, device):
                continue
            alike = (device.kind, room[device.name], bool(copy.pinned) and device.name)
            if alike in seen:
                continue
            seen.add(alike)
            self._steps += 1
            if self._steps > MOST_STEPS:
                raise TooMany
            found = self._claimed(parts[number], device)
            needs = parts[number].cache.most if self._cautious else parts[number].cache.least
            if found.pool >= needs and found.taken <= room[device.name]:
                yield from self._choices(
                    copy, number + 1, (*where, device), {**room, device.name: room[device.name] - found.taken}
                )

    def _allowed(self, copy: Copy, number: int, where: tuple[Device, ...], device: Device) -> bool:
        if copy.pinned and copy.pinned[number] != device.name:
            return False
        if device in where or (where and where[0].profile.sku != device.profile.sku):
            return False
        return not (device.instance and copy.stages[0].wanted.tensor > 1)  # instances cannot reach one another

    def _claimed(self, part: Demand, device: Device) -> Claim:
        key = (id(part), device.kind)
        found = self._claims.get(key)
        if found is None:
            found = self._claims[key] = claim(part, self.memory(device), cautious=self._cautious)
        return found
