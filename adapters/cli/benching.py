"""``arcops gpu bench`` and ``arcops gpu baseline``."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer, policy_for, server
from adapters.cli.checking import keep, tell
from adapters.cli.files import artifact_text
from adapters.cli.plain import printable
from arcops.errors import Refused
from artifacts.writing import replace_whole, replaceable
from capabilities.gpu.bench import BenchNode, MakeBaseline, bench_node, make_baseline


def bench(ask: BenchNode, key: str, output: Path | None, form: str) -> int:
    if output is not None:
        replaceable(output)
    at = surroundings.place(key=key, stop=surroundings.stop_on_signals())
    given = ask.baseline.absolute() if ask.baseline is not None and server() else ask.baseline
    checked = answer(bench_node, replace(ask, baseline=given, policy=ask.policy and policy_for(ask.policy)), at)
    keep(checked.artifact, output, at)
    return tell(checked.report, checked.artifact, form, output, at)


def baseline(artifact: str, key: str, output: Path) -> None:
    if not artifact:
        raise Refused("the name of an artifact is empty; was a variable not set?")
    replaceable(output)
    made = answer(make_baseline, MakeBaseline(artifact=artifact_text(Path(artifact))), surroundings.place(key=key))
    replace_whole(output, made.text.encode())
    print(printable(f"{output}: {made.figures} figures of {made.subject}, signed by {made.key_id}"))
