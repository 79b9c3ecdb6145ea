"""Of the gate `benchmark`: which sessions were disturbed, by the canary that sang around them.

Calm is what the canary takes in a quarter of the sessions or less. It is taken from this run alone: against the baseline, a
device that lost half of its clocks would have no calm session at all, and its slowness would pass for a disturbance.
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding
from arcops.seen.baseline import Baselines, Song, known_songs
from arcops.seen.benchmark import Benchmark, Measured, Session
from arcops.zones import PPM, median
from gates._benchmark_policy import BenchmarkPolicy
from gates._benchmark_rules import CANARY
from gates._benchmark_words import percent
from gates._words import shown


class Calm:
    """The calm of each device in one run. ``drift`` is in percent."""

    def __init__(self, body: Benchmark, drift: int) -> None:
        self._body, self._drift = body, drift
        self._songs: dict[str, list[int]] = {device: [] for device in singles(body)}
        for figure in body.figures:
            for session in figure.sessions:
                if session.canary:
                    self._songs.setdefault(_singer(figure), []).append(median(session.canary))
        self._calm = {device: sorted(songs)[len(songs) // 4] for device, songs in self._songs.items() if songs}

    def sessions(self, figure: Measured) -> tuple[Session, ...]:
        """Those of *figure* that nothing disturbed."""
        return tuple(
            session
            for session in figure.sessions
            if session.canary and not self._disturbed(_singer(figure), median(session.canary))
        )

    def _disturbed(self, device: str, song: int) -> bool:
        return song * 100 > self._calm[device] * (100 + self._drift)

    def findings(self, found: Evidence[Benchmark], given: Evidence[Baselines], policy: BenchmarkPolicy) -> Iterator[Finding]:
        clean = True
        for device, songs in self._songs.items():
            name = shown(device)
            if not songs:
                clean = False
                yield CANARY.unknown(f"No canary sang on {name}, so nobody knows what else ran.", found, about=name)
                continue
            bad = sum(self._disturbed(device, song) for song in songs)
            if bad * 100 > policy.most_disturbed * len(songs):
                clean = False
                worst = percent(max(songs) * PPM // self._calm[device])
                yield CANARY.warns(
                    f"{bad} of {len(songs)} sessions on {name} were disturbed: the canary took up to {worst} of its calm time.",
                    found,
                    about=name,
                )
        for text, model in self._moved(given.body):
            clean = False
            yield CANARY.warns(text, found, given, about=model)
        if clean:
            yield CANARY.passes(f"The canary kept within {self._drift} % of its calm time.", found)

    def _moved(self, given: Baselines) -> Iterator[tuple[str, str]]:
        for here in known_songs(self._body):
            there: Song | None = given.baseline.song(here.model) if given.baseline is not None else None
            if there is None:
                continue
            ratio = median(here.times) * PPM // median(there.times)
            if abs(ratio - PPM) * 100 > self._drift * PPM:
                more = (
                    "what slows it down lasts: the device itself, or a neighbour that never rests"
                    if ratio > PPM
                    else "the baseline was taken from a machine that was disturbed, or from another kind"
                )
                yield (
                    f"The canary takes {percent(ratio)} of its time in the baseline on {shown(here.model)}; {more}.",
                    here.model,
                )


def singles(body: Benchmark) -> list[str]:
    """The devices, without the pairs of them between which copies go."""
    return [machine.device for machine in body.machines if ">" not in machine.device]


def _singer(figure: Measured) -> str:
    """Between two devices, the canary sings on the first."""
    return figure.device.partition(">")[0]
