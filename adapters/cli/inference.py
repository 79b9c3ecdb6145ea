"""``arcops inference``."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from adapters.cli import surroundings
from adapters.cli.answering import answer, policy_for
from adapters.cli.checking import keep, tell
from arcops.errors import Refused
from artifacts.writing import replaceable
from capabilities.inference.check import CheckInference, check_inference


def check(ask: CheckInference, key: str, output: Path | None, form: str, tier: str) -> int:
    if output is not None:
        replaceable(output)
    at = surroundings.place(tier, key, surroundings.stop_on_signals())
    checked = answer(check_inference, replace(ask, policy=policy_for(ask.policy)), at)
    keep(checked.artifact, output, at)
    return tell(checked.report, checked.artifact, form, output, at)


def names(text: str) -> tuple[str, ...]:
    """``a,b`` as names."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def counts(text: str) -> tuple[int, ...]:
    """``1,2,4`` as whole numbers. Raises `Refused`."""
    for part in names(text):
        if not re.fullmatch(r"[0-9]{1,6}", part, re.ASCII):
            raise Refused(f"{part[:30]!r} is no whole number; write them as 1,2,4")
    return tuple(int(part) for part in names(text))


def rates(text: str) -> tuple[int, ...]:
    """``0.5,2`` requests a second as requests in 1000 seconds. Raises `Refused`."""
    for part in names(text):
        if not re.fullmatch(r"[0-9]{1,3}(\.[0-9]{1,3})?", part, re.ASCII):
            raise Refused(f"{part[:30]!r} is no rate in requests a second; write them as 0.5,2")
    return tuple(round(float(part) * 1000) for part in names(text))
