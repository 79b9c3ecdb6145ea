"""What the gate ``fit`` accepts."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.errors import Refused


@dataclass(frozen=True, slots=True, kw_only=True)
class FitPolicy:
    """``spare``: percent of each device that must stay free, even at worst. ``reach``: percent of a datasheet's bandwidth and
    of its operations that an engine is trusted to reach. ``error``: percent by which a measurement may lie outside of what
    was predicted. ``unmeasured``: a plan that names no endpoint counts, too. ``ordered``: engines that measure free memory
    when they start must start one after another.
    """

    spare: int = 10
    reach: int = 50
    error: int = 5
    unmeasured: bool = False
    ordered: bool = True

    def __post_init__(self) -> None:
        for name, least, most in (("spare", 0, 90), ("reach", 1, 100), ("error", 0, 100)):
            if not least <= getattr(self, name) <= most:
                raise Refused(f"fit: {name} is a percentage from {least} to {most}")
