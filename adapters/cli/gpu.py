"""``arcops gpu``."""

from __future__ import annotations

from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer, policy_for
from adapters.cli.checking import keep, tell
from artifacts.writing import replaceable
from capabilities.gpu.check import CheckGpus, check_gpus


def check(policy: str, key: str, output: Path | None, form: str) -> int:
    if output is not None:
        replaceable(output)
    at = surroundings.place(key=key, stop=surroundings.stop_on_signals())
    checked = answer(check_gpus, CheckGpus(policy=policy_for(policy)), at)
    keep(checked.artifact, output, at)
    return tell(checked.report, checked.artifact, form, output, at)
