"""One device that is judged: what it reported, what its kind can do, and which signals are optional in the policy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from arcops.finding import Outcome
from arcops.seen.gpu import Gpu, Unread, Why
from arcops.seen.gpu_profile import Area, Profile
from gates.gpu.gpu_health.policy import GpuHealthPolicy, Signal


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceProblem:
    """A problem of a device. ``key`` tells apart two problems of one rule and one device, for waivers.

    If a signal is not known, ``why`` gives the reason and ``text`` names the signal. The outcome is then UNKNOWN, or PASS with
    the ``excuse``: the signal is optional in the policy, or does not apply to the kind.
    """

    outcome: Outcome
    text: str
    key: str = ""
    why: Unread | None = None
    excuse: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedDevice:
    """``profile`` is ``None`` if there is no profile of this kind. That alone makes the node RED, so what the device does not
    report is then no finding of its own.
    """

    gpu: Gpu
    profile: Profile | None
    policy: GpuHealthPolicy

    @property
    def label(self) -> str:
        """How findings name the device: by its UUID, which stays the same in another slot."""
        uuid = self.gpu.identity.uuid
        return f"GPU {self.gpu.index}" if isinstance(uuid, Unread) else f"GPU {self.gpu.index} ({uuid})"

    @property
    def divided(self) -> bool:
        """Does it have MIG instances now?"""
        instances = self.gpu.mig.instances
        return self.gpu.mig.on is True and not isinstance(instances, Unread) and bool(instances)

    def spared(self, signal: Signal | None) -> bool:
        """Is *signal* optional here?"""
        if signal is None:
            return False
        return signal in self.policy.optional or (self.divided and signal in self.policy.optional_in_mig)

    def applies(self, area: Area) -> bool:
        """Does *area* apply to this kind of device?"""
        return self.profile is None or not self.profile.lacks(area)

    def needs(
        self, what: str, *signals: object, spare: Signal | None = None, area: Area | None = None
    ) -> Iterator[DeviceProblem]:
        """A problem for each of *signals* that could not be read. If *spare* is optional, or *area* does not apply to the kind,
        a signal that the device or its driver does not have passes; one that should have come, and did not, never passes.
        """
        for signal in signals:
            if not isinstance(signal, Unread):
                continue
            if area is not None and not self.applies(area) and signal.why in (*_NEVER_TOLD, Why.BLANK):
                sku = self.profile.sku if self.profile is not None else ""
                yield self.without(what, signal, f"does not apply to {sku}")
            elif self.spared(spare) and signal.why in _NEVER_TOLD:
                yield self.without(what, signal, "optional in the policy")
            elif self.profile is not None or signal.why not in _NEVER_TOLD:
                yield self.unknown(what, signal)

    def lacks(self, what: str, *signals: object) -> Iterator[DeviceProblem]:
        """A problem for each of *signals* that this device may not have, and that was withheld, late or lost."""
        for signal in signals:
            if isinstance(signal, Unread) and signal.why in _WITHHELD:
                yield self.unknown(what, signal)

    def unknown(self, what: str, why: Unread) -> DeviceProblem:
        return DeviceProblem(outcome=Outcome.UNKNOWN, text=what, key=what, why=why)

    def without(self, what: str, why: Unread, excuse: str) -> DeviceProblem:
        """*what* is not known, which *excuse* allows."""
        return DeviceProblem(outcome=Outcome.PASS, text=what, key=what, why=why, excuse=excuse)

    def fails(self, text: str, key: str = "") -> DeviceProblem:
        return DeviceProblem(outcome=Outcome.FAIL, text=text, key=key)

    def warns(self, text: str, key: str = "") -> DeviceProblem:
        return DeviceProblem(outcome=Outcome.WARN, text=text, key=key)


_MOST_NAMES = 4
_NEVER_TOLD = (Why.UNSUPPORTED, Why.NO_SYMBOL)
_WITHHELD = (Why.FORBIDDEN, Why.LOST, Why.TIMED_OUT)

_FIXES = {
    Why.UNSUPPORTED: "Install a driver that reports it, or make it optional ('optional' of gate 'gpu-health', or a profile).",
    Why.FORBIDDEN: "Run the check as a user who may read it, usually root, and in a container with the node's devices.",
    Why.LOST: "Find the XID in dmesg, and reset the GPU or reboot the node. If the GPU is lost again, have it replaced.",
    Why.TIMED_OUT: "The driver hangs: check dmesg, drain the node and reboot it.",
    Why.NO_SYMBOL: "Install a newer driver, or make it optional: with 'optional' of gate 'gpu-health'.",
    Why.BLANK: "Install another driver: this one answers without a value. If it gave a value before, reset the GPU.",
    Why.FAILED: "Check dmesg for messages of the driver. If there is no message, install another driver.",
}


def fix_for(problem: DeviceProblem) -> str:
    """What to do about a signal that is not known; empty for a problem that was seen: then the fix of its rule applies."""
    return "" if problem.why is None else _FIXES[problem.why.why]


def said(problems: Iterable[DeviceProblem]) -> Iterator[DeviceProblem]:
    """*problems* as sentences without a full stop. Signals that are unknown for one reason make one sentence. One reason is one
    answer of the driver, or that the device is lost or hangs.
    """
    blind: dict[tuple[Outcome, str, Unread | Why], tuple[Unread, list[str]]] = {}
    for problem in problems:
        if problem.why is None:
            yield problem
            continue
        reason = problem.why.why if problem.why.why in (Why.LOST, Why.TIMED_OUT) else problem.why
        _, names = blind.setdefault((problem.outcome, problem.excuse, reason), (problem.why, []))
        if problem.text not in names:
            names.append(problem.text)
    for (outcome, excuse, _), (why, names) in blind.items():
        verb = "is" if len(names) == 1 else "are"
        text = f"{_listed(names)} {verb} not known: {why.said}"
        yield DeviceProblem(outcome=outcome, text=text, key=names[0], why=why, excuse=excuse)


def over_time(first: Iterable[DeviceProblem], later: Iterable[DeviceProblem]) -> Iterator[DeviceProblem]:
    """The problems of two looks at one device, each once: as the last look reported it, unless it was graver before."""
    known = {problem.key: problem for problem in first}
    for problem in later:
        before = known.get(problem.key)
        if before is None and problem.why is None:
            known[problem.key] = replace(problem, text=f"{problem.text} (new since the check began)")
        elif before is None or before.outcome.verdict <= problem.outcome.verdict:
            known[problem.key] = problem
    yield from known.values()


def _listed(names: list[str]) -> str:
    if len(names) > _MOST_NAMES:
        names = [*names[: _MOST_NAMES - 1], f"{len(names) - _MOST_NAMES + 1} more signals"]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
