"""One device under judgement: what it said, what its kind can do, and what the policy may do without."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.finding import Outcome
from arcops.seen.gpu import Gpu, Unread
from arcops.seen.gpu_profile import Profile
from gates._gpu_health_policy import GpuHealthPolicy, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """What is not well with a device. ``key`` tells apart two problems of one rule and one device, for waivers."""

    outcome: Outcome
    text: str
    key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """``profile`` is ``None`` where nobody knows this kind: then nothing is excused, and every signal is needed."""

    gpu: Gpu
    profile: Profile | None
    policy: GpuHealthPolicy

    @property
    def label(self) -> str:
        """How findings name the device: by its UUID, which stays its own in another slot."""
        uuid = self.gpu.identity.uuid
        return f"GPU {self.gpu.index}" if isinstance(uuid, Unread) else f"GPU {self.gpu.index} ({uuid})"

    @property
    def divided(self) -> bool:
        """Does it have MIG instances now?"""
        instances = self.gpu.mig.instances
        return self.gpu.mig.on is True and not isinstance(instances, Unread) and bool(instances)

    def spared(self, signal: Signal | None) -> bool:
        """May the policy do without *signal* here?"""
        if signal is None:
            return False
        return signal in self.policy.optional or (self.divided and signal in self.policy.optional_in_mig)

    def needs(self, what: str, *signals: object, spare: Signal | None = None) -> Iterator[Problem]:
        """A problem for each of *signals* that could not be read, unless the policy does without *spare*."""
        if self.spared(spare):
            return
        for number, signal in enumerate(signals):
            if isinstance(signal, Unread):
                yield Problem(outcome=Outcome.UNKNOWN, text=f"{what} is not known: {signal.said}", key=f"{what} {number}")

    def fails(self, text: str, key: str = "") -> Problem:
        return Problem(outcome=Outcome.FAIL, text=text, key=key)

    def warns(self, text: str, key: str = "") -> Problem:
        return Problem(outcome=Outcome.WARN, text=text, key=key)
