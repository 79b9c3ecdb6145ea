"""A policy: what an operator decided, as one immutable value with a digest of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from arcops.errors import Refused
from arcops.finding import Waiver

MOST_VALID = timedelta(days=3660)
"""Nobody knows what will be known of a model in ten years; and a term without an end would pass the last date that there is."""
SKEW = timedelta(minutes=2)
"""How far two honest clocks may differ, if the policy names no other figure: what NTP keeps to with room to spare."""
MOST_SKEW = timedelta(hours=1)
"""Past this a wrong clock could pass a revoked or expired answer for a fresh one."""
MOST_LIST_AGE = timedelta(days=7)
"""How old the newest revocation list may be. After that a revocation may exist that is not known here."""

MOST_WAIVED = timedelta(days=366)
"""How far from the moment of judging a waiver may end. Who answers for a risk looks at it again each year; a waiver until 9999
is no decision for a while but a rule switched off."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which gates must answer, by which figures, with which waivers, and how long the answer holds.

    ``gates`` maps a gate id to that gate's own policy value; a gate that is not named is not asked, so a policy that names
    none is refused. ``digest`` is ``sha256:…`` of the policy's own bytes as read. ``amber_passes`` says that AMBER counts as
    PASSED where a format knows only PASSED and FAILED (SLSA's VSA). ``written`` are those bytes, which the store keeps beside
    what they judged; empty where nobody could read any. ``clock_skew`` is how far another clock may be ahead: inside it a
    moment in the future is a warning, outside it is refused. ``as_then`` says that it is read to judge again what was judged
    before: only then may its waivers go by a name alone, as those of earlier releases did.
    """

    name: str
    digest: str
    valid_for: timedelta
    gates: Mapping[str, object]
    waivers: tuple[Waiver, ...] = ()
    amber_passes: bool = False
    as_then: bool = field(default=False, compare=False)
    written: bytes = field(default=b"", repr=False, compare=False)
    clock_skew: timedelta = SKEW

    def __post_init__(self) -> None:
        if not self.gates:
            raise Refused(f"policy {self.name!r} names no gate, so it would judge nothing; add at least one under 'gates:'")
        for waiver in self.waivers:
            if waiver.by_name_alone and not self.as_then:
                raise Refused(f"policy {self.name!r} waives {waiver.rule!r} by a name alone; name a digest, or say any content")
        if self.valid_for <= timedelta(0):
            raise Refused(f"policy {self.name!r} makes results valid for {self.valid_for}; use a positive duration such as P7D")
        if self.valid_for > MOST_VALID:
            raise Refused(
                f"policy {self.name!r} makes results valid for {self.valid_for.days} days; use at most {MOST_VALID.days}"
            )
        if not timedelta(0) <= self.clock_skew <= MOST_SKEW:
            raise Refused(f"policy {self.name!r} allows clocks to differ by {self.clock_skew}; use PT0S to PT1H")
