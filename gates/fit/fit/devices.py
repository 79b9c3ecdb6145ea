"""The devices of a description: whole GPUs, and the instances that GPUs are divided into."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.seen.fit import FitSeen
from arcops.seen.gpu_profile import Area, Profile
from gates.fit.fit.sizes import GIB, Span

NOMINAL = 975
"""Thousandths of a datasheet's memory that a process can count on, at least: 979 is the least that was seen (an A2)."""
SEEN = 980
"""Thousandths of what nvidia-smi says that a process can count on, at least: CUDA keeps a part (983 was seen on a T4)."""
_BILLION = 1_000_000_000


@dataclass(frozen=True, slots=True)
class Device:
    """``memory`` is what a process sees; of that, something else has ``reserved``. ``bandwidth`` is in bytes per second.
    ``instance`` is the name of a MIG instance, or empty. ``kind`` is the same for devices that are alike.
    """

    name: str
    profile: Profile
    memory: Span
    reserved: int
    bandwidth: int
    instance: str

    @property
    def kind(self) -> tuple[str, str, Span, int]:
        return (self.profile.sku, self.instance, self.memory, self.reserved)

    @property
    def title(self) -> str:
        return f"{self.name} ({self.profile.sku}{f', {self.instance}' if self.instance else ''})"


def devices(seen: FitSeen) -> tuple[Device, ...]:
    """Every device of the description, in its order. One whose profile is not there is left out, which `unknown_devices`
    says.
    """
    profiles = {one.sku: one for one in seen.profiles}
    found: list[Device] = []
    for group in seen.wanted.gpus:
        profile = profiles.get(group.sku)
        if profile is None or (profile.lacks(Area.MEMORY_SIZE) and not group.memory):
            continue
        partition = next((one for one in seen.partitions if group.sku in one.skus), None)
        known = {one.name: one for one in partition.instances} if partition is not None else {}
        for number in range(group.count):
            if not group.mig:
                memory = _whole(profile, group.memory)
                found.append(Device(f"{group.name}/{number}", profile, memory, group.reserved, profile.bandwidth.value, ""))
            for place, name in enumerate(group.mig):
                if partition is not None and name in known:
                    one = known[name]
                    memory = Span(one.memory * SEEN // 1000, one.memory)
                    part = profile.bandwidth.value * one.slices // partition.slices
                    found.append(Device(f"{group.name}/{number}/{place}", profile, memory, group.reserved, part, name))
    return tuple(found)


def unknown_devices(seen: FitSeen) -> tuple[str, ...]:
    """Sentences about the groups of GPUs that cannot be planned for."""
    profiles = {one.sku: one for one in seen.profiles}
    found = []
    for group in seen.wanted.gpus:
        profile = profiles.get(group.sku)
        if profile is None:
            found.append(f"There is no profile of {group.sku} for {group.name}.")
        elif profile.lacks(Area.MEMORY_SIZE) and not group.memory:
            found.append(
                f"{group.name}: {group.sku} shares its memory with the processor; say with 'memory' what models may use."
            )
        elif group.memory and group.memory > _most(profile):
            said = f"{group.memory / GIB:,.2f} GiB"
            found.append(
                f"{group.name}: {said} of memory is more than any {group.sku} has ({profile.memory.value / 1e9:g} GB)."
            )
        elif group.mig and not any(group.sku in one.skus for one in seen.partitions):
            found.append(f"{group.name}: the instances of {group.sku} are not known.")
        elif group.reserved >= _whole(profile, group.memory).least:
            found.append(f"{group.name}: something else uses all of its memory.")
    return tuple(found)


def _most(profile: Profile) -> int:
    """A vendor's GB may be GiB, so a GPU has at most as many."""
    return profile.memory.value * GIB // _BILLION


def _whole(profile: Profile, memory: int) -> Span:
    if memory:
        return Span(memory * SEEN // 1000, memory)
    return Span(profile.memory.value * NOMINAL // 1000, _most(profile))
