"""``arcops fit``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli.commands import Given, command
from adapters.cli.judging import judge
from adapters.cli.options import Reaching

if TYPE_CHECKING:
    from capabilities.fit.check import CheckFit
    from capabilities.judging import Judged


@command("fit", "capabilities.fit.check:check_fit", own=Reaching, example="fit.yaml")
def check(given: Given[CheckFit, Judged, Reaching]) -> int:
    """Plan models on GPUs from their headers: do they fit together, what is left, what do goals cost? Keeps the signed verdict."""
    return judge(given)
