"""``arcops inference``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli.commands import Given, command, group
from adapters.cli.judging import judge
from adapters.cli.options import Reaching

if TYPE_CHECKING:
    from capabilities.inference.check import CheckInference
    from capabilities.judging import Judged

INFERENCE = group("inference", "Check how an endpoint answers under load.")


@command(
    "inference check",
    "capabilities.inference.check:check_inference",
    own=Reaching,
    example="http://127.0.0.1:8000 --models tiny",
)
def check(given: Given[CheckInference, Judged, Reaching]) -> int:
    """Put a known load on an endpoint; print the verdict and keep a signed artifact of it."""
    return judge(given)
