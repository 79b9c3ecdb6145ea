"""Part of gate `benchmark`: did other load disturb the run? The canary shows it (`arcops.calm`)."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.calm import calm, canary_device, undisturbed
from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.baseline import Baselines, CanaryTimes, canary_times
from arcops.seen.benchmark import Benchmark, Measured, Session
from arcops.zones import PPM, median
from gates.gpu.benchmark.policy import BenchmarkPolicy
from gates.gpu.words import percent
from gates.words import shown

CANARY = Rule(
    id="benchmark/canary",
    asks="Was the machine free of other load while it was measured?",
    fix="Stop all other work on the machine, and measure again.",
)


class Calm:
    """The undisturbed time of the canary on each device in one run. ``drift`` is in percent."""

    def __init__(self, body: Benchmark, drift: int) -> None:
        self._body, self._drift = body, drift
        self._sessions: dict[str, list[Session]] = {device: [] for device in singles(body)}
        for figure in body.figures:
            self._sessions.setdefault(canary_device(figure.device), []).extend(figure.sessions)
        self._calm = {device: calm(sessions) for device, sessions in self._sessions.items()}

    def sessions(self, figure: Measured) -> tuple[Session, ...]:
        """The sessions of *figure* that nothing disturbed."""
        return undisturbed(figure.sessions, self._calm[canary_device(figure.device)], self._drift)

    def findings(self, found: Evidence[Benchmark], given: Evidence[Baselines], policy: BenchmarkPolicy) -> Iterator[Finding]:
        clean = True
        for device, sessions in self._sessions.items():
            name, calmly = shown(device), self._calm[device]
            if not calmly:
                clean = False
                yield CANARY.unknown(
                    f"The canary did not run on {name}, so other load on the device is unknown.", found, about=name
                )
                continue
            bad = len(sessions) - len(undisturbed(sessions, calmly, self._drift))
            if bad * 100 > policy.most_disturbed * len(sessions):
                clean = False
                worst = percent(max(median(one.canary) for one in sessions if one.canary) * PPM // calmly)
                yield CANARY.warns(
                    f"{bad} of {len(sessions)} sessions on {name} were disturbed: the canary took up to {worst} of its"
                    " undisturbed time.",
                    found,
                    about=name,
                )
        for text, model in self._moved(given.body):
            clean = False
            yield CANARY.warns(text, found, given, about=model)
        if clean:
            yield CANARY.passes(f"The canary stayed within {self._drift} % of its undisturbed time.", found)

    def _moved(self, given: Baselines) -> Iterator[tuple[str, str]]:
        for here in canary_times(self._body):
            there: CanaryTimes | None = given.baseline.canary_on(here.model) if given.baseline is not None else None
            if there is None:
                continue
            ratio = median(here.times) * PPM // median(there.times)
            if abs(ratio - PPM) * 100 > self._drift * PPM:
                more = (
                    "the cause is permanent: the device itself, or other load that never stops"
                    if ratio > PPM
                    else "the baseline comes from a disturbed machine, or from another kind of machine"
                )
                yield (
                    f"The canary takes {percent(ratio)} of its time in the baseline on {shown(here.model)}; {more}.",
                    here.model,
                )


def singles(body: Benchmark) -> list[str]:
    """The devices, without the pairs that copies go between."""
    return [machine.device for machine in body.machines if ">" not in machine.device]
