"""``arcops gpu``."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, answered
from adapters.cli.commands import Given, command, group
from adapters.cli.judging import begin, judge, keep_and_tell
from adapters.cli.options import Sealing, Signing
from adapters.cli.server import server
from arcops.asks import shaped
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.gpu.bench import BenchNode, MadeBaseline, MakeBaseline
    from capabilities.gpu.check import CheckGpus
    from capabilities.judging import Judged

GPU = group("gpu", "Check or measure the GPUs of this machine.")


@command("gpu check", "capabilities.gpu.check:check_gpus", own=Sealing, example="--policy gpu")
def check(given: Given[CheckGpus, Judged, Sealing]) -> int:
    """Judge every GPU of this machine; print the verdict and keep a signed artifact of it."""
    return judge(given)


@command("gpu bench", "capabilities.gpu.bench:bench_node", own=Sealing, example="--output bench.json")
def bench(given: Given[BenchNode, Judged, Sealing]) -> int:
    """Measure this machine's GPUs at full load for minutes; print the verdict and keep a signed artifact of it."""
    at = begin(given.own)
    ask = given.ask()
    if ask.baseline is not None and server():
        ask = replace(ask, baseline=ask.baseline.absolute())
    return keep_and_tell(answer(given.tool, ask, at), given.own, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing(Signing):
    """The file for the baseline."""

    output: Path = field(metadata=shaped(short="-o"))
    """Write the signed baseline here."""


@command("gpu baseline", "capabilities.gpu.bench:make_baseline", own=Writing, example="bench.json --output baseline.json")
def baseline(given: Given[MakeBaseline, MadeBaseline, Writing]) -> None:
    """Make a signed baseline, for machines of the same model, from what a benchmark measured."""
    output = given.own.output
    made = answered(given, surroundings.place(key=given.own.key), output, lambda found: found.text)
    print(printable(f"{output}: {made.figures} figures of {made.subject}, signed by {made.key_id}"))
