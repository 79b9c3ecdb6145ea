"""``arcops fit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli.answering import answer
from adapters.cli.commands import Given, command
from adapters.cli.judging import begin, keep_and_tell
from adapters.cli.options import Reaching
from adapters.cli.printing import Format
from arcops.finding import Outcome
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.fit.check import CheckFit
    from capabilities.judging import Judged


@command("fit", "capabilities.fit.check:check_fit", own=Reaching, example="fit.yaml")
def check(given: Given[CheckFit, Judged, Reaching]) -> int:
    """Plan models on GPUs from their headers: do they fit, what is left, what do goals cost? Keeps the signed verdict."""
    at = begin(given.own)
    found = answer(given.tool, given.ask(), at)
    if given.own.form is Format.TEXT and not given.own.only:  # what holds is the plan, so it is told, too
        for result in found.report.results:
            for finding in result.findings:
                if finding.outcome is Outcome.PASS:
                    print(printable(f"  {finding.text}"))
    return keep_and_tell(found, given.own, at)
