"""What a goal for time costs in concurrency, by what a GPU can do at most: bytes that must be read, operations that must be
done.

A token of each request needs the weights once for all requests and each request's own cache; both must be read from the GPU's
memory. A prompt needs two operations for each element of the matrices and each of its tokens. An engine is slower than that, so
more than these bounds allow is impossible, and less is only not impossible.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arcops.seen.fit_model import ModelSeen
from arcops.seen.gpu_profile import Profile
from gates.fit.fit.demand import Demand
from gates.fit.fit.devices import Device
from gates.fit.fit.keeping import read_each_step
from gates.fit.fit.loading import active_elements, read_each_token

_MILLION = 1_000_000
_TENTHS = 10


@dataclass(frozen=True, slots=True)
class Pace:
    """One copy's time for a token in microseconds is at least ``once`` + ``each`` * requests, both in tenths."""

    once: int
    each: int

    def most(self, goal: int) -> int:
        """How many requests at once can keep to *goal* microseconds for a token; -1 for any number."""
        left = goal * _TENTHS - self.once
        if left < 0:
            return 0
        return left // self.each if self.each else -1

    def takes(self, requests: int) -> int:
        """Microseconds for a token."""
        return (self.once + self.each * requests) // _TENTHS


def pace(model: ModelSeen, stages: Sequence[Demand], on: Sequence[Device], shared: Sequence[int], percent: int) -> Pace:
    """The pace of a copy on the devices *on*, each of which *shared* copies use at the same time, at *percent* of bandwidth.

    Devices of one stage work side by side, so the slowest counts; stages follow one another.
    """
    once = each = place = 0
    for stage in stages:
        tensor = stage.wanted.tensor
        here = list(zip(on[place : place + tensor], shared[place : place + tensor], strict=True))
        place += tensor
        slowest = min(device.bandwidth * percent // (100 * many) for device, many in here)
        weights = read_each_token(model, stage.wanted, stage.engine, stage.stage)
        kept = read_each_step(stage.said, stage.wanted, stage.stage, stage.dtype)
        once += weights * _MILLION * _TENTHS // max(slowest, 1)
        each += kept * _MILLION * _TENTHS // max(slowest, 1)
    return Pace(once, each)


def first_token(model: ModelSeen, stage: Demand, device: Device, percent: int) -> int:
    """Microseconds until a prompt is worked through, at least; 0 if the profile has no figure for it."""
    rate = operations(device.profile, model)
    if not rate:
        return 0
    if device.instance:
        rate = rate * device.bandwidth // max(device.profile.bandwidth.value, 1)
    work = 2 * active_elements(model) * stage.wanted.slo.prompt
    return work * _MILLION * 100 // (rate * stage.wanted.tensor * percent)


def operations(profile: Profile, model: ModelSeen) -> int:
    """Operations per second in the fastest type that the weights allow; 0 if the profile has none."""
    types = {part.dtype for _, part in model.weights.parts} if model.weights is not None else set()
    eight = any(dtype.startswith("F8") for dtype in types) and profile.fp8 is not None
    figure = profile.fp8 if eight else profile.bf16 or profile.fp16 or profile.fp32
    return figure.value if figure is not None else 0
