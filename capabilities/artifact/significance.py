"""Is B slower than A, faster, or the same as far as the measurements show? By `arcops.zones`, figure by figure.

A benchmark's unit is the session, each in a process of its own: sessions of one process share what it got, so they decide
nothing. A load test is one visit, so its unit is the request: the interval says how certain the median of this run is, and not
how the endpoint does on another day. Each interval holds at 95 percent by itself; of twenty figures that do not differ, one may
well look different.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from itertools import count

from arcops.calm import calm, canary_device, undisturbed
from arcops.errors import Refused
from arcops.seen.benchmark import Benchmark, Measured, Session
from arcops.seen.inference import Inference, LoadRun, RunKind, Shot
from arcops.zones import LEAST_SESSIONS, PPM, Interval, compare, median
from artifacts.wire import from_json

_COMPARED = (RunKind.CLOSED, RunKind.OPEN, RunKind.TOGETHER)


class TimedDifference(Enum):
    """How B compares to A."""

    SLOWER = "slower"
    FASTER = "faster"
    NONE = "no significant difference"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True, kw_only=True)
class FigureCompared:
    """One figure on both sides: medians in ``unit``, and how much longer B takes than A."""

    name: str
    unit: str
    """``us``, ``ns``, or ``tokens/1000s``."""
    a: int | None
    b: int | None
    ratio: int | None
    """The time at B divided by the time at A, in millionths."""
    low: int | None
    """The 95 percent interval of the ratio."""
    high: int | None
    difference: TimedDifference
    said: str = ""
    """Why it is undecided, if the interval is not the only reason."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Series:
    """``values`` give the interval; ``single`` is a figure without one. ``doubt`` says why not to decide."""

    unit: str
    values: tuple[int, ...] = ()
    single: int | None = None
    work: int = 0
    doubt: str = ""

    @property
    def figure(self) -> int | None:
        return median(self.values) if self.values else self.single


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """``asked`` is what must be the same on both sides, or their times cannot be compared."""

    series: Mapping[str, _Series]
    asked: tuple[tuple[str, str], ...] = ()


def measures(kind: str) -> bool:
    """Does evidence of this *kind* hold measured figures?"""
    return kind in _READ


def differences(kind: str, a: bytes, b: bytes, tolerance: int) -> tuple[FigureCompared, ...]:
    """Every figure of two bodies of *kind*, which `measures`. Figures within *tolerance* percent of one another are the same.

    Raises `Refused` if a body does not fit its kind, or if the two were asked for different work.
    """
    first, second = (_READ[kind](data) for data in (a, b))
    for (what, one), (_, other) in zip(first.asked, second.asked, strict=True):
        if one != other:
            raise Refused(f"A was asked with {what} {one}, B with {other}, so their times cannot be compared")
    names = dict.fromkeys((*first.series, *second.series))
    return tuple(_compared(name, first.series.get(name), second.series.get(name), tolerance) for name in names)


def _compared(name: str, a: _Series | None, b: _Series | None, tolerance: int) -> FigureCompared:
    one, other = a or _NOTHING, b or _NOTHING
    found = FigureCompared(
        name=name, unit=one.unit or other.unit, a=one.figure, b=other.figure, ratio=None, low=None, high=None,
        difference=TimedDifference.UNDECIDED,
    )  # fmt: skip
    doubts = " ".join(f"{side}: {series.doubt}." for side, series in (("A", one), ("B", other)) if series.doubt)
    if one.figure is None or other.figure is None:
        lacking = " and ".join(side for side, series in (("A", one), ("B", other)) if series.figure is None)
        return replace(found, said=doubts or f"{lacking} has no such figure.")
    if one.work != other.work:
        return replace(found, said=f"A sample of A does {one.work}, one of B {other.work}.")
    if one.single is not None and other.single is not None:
        # More tokens in a second means less time for each, and every ratio here is of times.
        ratio = one.single * PPM // other.single if other.single else None
        return replace(found, ratio=ratio, said=doubts or "One value for each run gives no interval.")
    try:
        interval = compare(other.values, one.values)
    except Refused as error:
        return replace(found, said=doubts or f"{error}.")
    difference = TimedDifference.UNDECIDED if doubts else decided(interval, tolerance)
    return replace(
        found, ratio=interval.ratio, low=interval.low, high=interval.high, difference=difference, said=doubts
    )  # fmt: skip


def decided(interval: Interval, tolerance: int) -> TimedDifference:
    """SLOWER or FASTER if the whole *interval* is beyond the tolerance, NONE if it is within, UNDECIDED otherwise."""
    most = PPM + tolerance * PPM // 100
    least = PPM * PPM // most
    if interval.low > most:
        return TimedDifference.SLOWER
    if interval.high < least:
        return TimedDifference.FASTER
    return TimedDifference.NONE if least <= interval.low and interval.high <= most else TimedDifference.UNDECIDED


def _requests(data: bytes) -> _Measured:
    body = from_json(Inference, data)
    series = {name: one for run in body.runs if run.kind in _COMPARED for name, one in _of_run(run)}
    return _Measured(series=series, asked=(("route", body.load.route.value), ("tokens", str(body.load.tokens))))


def _of_run(run: LoadRun) -> Iterator[tuple[str, _Series]]:
    whole = [shot for shot in run.shots if shot.whole]
    lost = len(run.shots) - len(whole)
    # The slowest requests fail first, so the rest would make an endpoint with failures look better.
    doubt = f"{lost} of {len(run.shots)} requests got no complete answer and are in no figure" if lost else ""
    for name, of in _TIMES:
        values = tuple(value for shot in whole if (value := of(shot)) is not None)
        yield f"{run.title}: {name}", _Series(unit="us", values=values, doubt=doubt)
    yield f"{run.title}: throughput", _Series(unit="tokens/1000s", single=run.throughput, doubt=doubt)


def _per_token(shot: Shot) -> int | None:
    return shot.e2e // shot.count if shot.e2e is not None and shot.count else None


_TIMES: tuple[tuple[str, Callable[[Shot], int | None]], ...] = (
    ("TTFT", lambda shot: shot.first),
    ("ITL", lambda shot: shot.itl),
    ("TPOT", lambda shot: shot.tpot),
    ("time per token", _per_token),
)


def _sessions(data: bytes) -> _Measured:
    """By the name of the figure and the model of the device, because two sites share no device.

    Sessions that were disturbed are left out, as in the gate.
    """
    body = from_json(Benchmark, data)
    sessions: dict[str, list[Session]] = {}
    for one in body.figures:
        sessions.setdefault(canary_device(one.device), []).extend(one.sessions)
    quiet = {device: calm(sessions) for device, sessions in sessions.items()}
    models = {machine.device: machine.model for machine in body.machines}
    found: dict[str, _Series] = {}
    for one in body.figures:
        device = ">".join(models.get(part, part) for part in one.device.split(">"))
        title = f"{one.name} on {device}"
        name = next(name for number in count(1) if (name := title if number == 1 else f"{title} #{number}") not in found)
        left = undisturbed(one.sessions, quiet[canary_device(one.device)], body.exercise.drift)
        doubt = one.said or _doubted(one, left) or ("" if body.exercise.fresh else "its sessions shared one process")
        found[name] = _Series(unit="ns", values=tuple(one.middle for one in left) or one.times, work=one.work, doubt=doubt)
    return _Measured(series=found)


def _doubted(figure: Measured, left: tuple[Session, ...]) -> str:
    if figure.checked is not None and figure.checked.wrong:
        return f"{figure.checked.wrong} of {figure.checked.compared} results were wrong, so its time does not count"
    if len(left) < min(LEAST_SESSIONS, len(figure.sessions)):
        return f"{len(figure.sessions) - len(left)} of {len(figure.sessions)} sessions were disturbed"
    return ""


_NOTHING = _Series(unit="")
_READ: Mapping[str, Callable[[bytes], _Measured]] = {Inference.KIND: _requests, Benchmark.KIND: _sessions}
