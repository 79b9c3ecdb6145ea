"""A policy: the decisions of an operator, as one immutable value with its own digest."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta

from arcops.errors import Refused
from arcops.finding import Waiver
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late

MOST_VALID = timedelta(days=3660)
"""The longest term of a result. No one can know what will be known about a model in ten years, and an endless term would exceed
the last possible date."""
SKEW = timedelta(minutes=2)
"""How far two correct clocks may differ, if the policy names no other figure. NTP keeps well within it."""
MOST_SKEW = timedelta(hours=1)
"""The largest skew that a policy may allow. With more, a wrong clock could make a revoked or expired answer count as valid."""
MOST_LIST_AGE = timedelta(days=7)
"""How old the newest revocation list may be. After that, a revocation may exist that is not known here."""

MOST_WAIVED = timedelta(days=366)
"""How long after the time of judging a waiver may end. The owner of a risk must review it each year; a waiver until 9999 would
turn the rule off."""


_MOST_APPROVALS = 10
_KEY = late(r"sha256:[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ApprovalRule:
    """How many people have to approve a waiver before it counts, and whose record of that counts.

    An approval is a statement that is signed and kept. It counts if the key of the place that judges signed it, or a trusted
    key among ``signers`` (ids, ``sha256:…``). If none is ``needed``, each waiver of the policy counts as it is written.
    """

    needed: int = 0
    signers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.needed <= _MOST_APPROVALS:
            raise Refused(f"a waiver needs {self.needed} approvals; write 0 to {_MOST_APPROVALS}")
        for one in self.signers:
            if not _KEY.match(one):
                raise Refused(f"a key that records approvals is {one[:100]!r}; write its id, 'sha256:' and 64 hex digits")


NONE_NEEDED = ApprovalRule()


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Which gates must answer, by which figures, with which waivers, and how long the answer is valid.

    ``gates`` maps a gate id to that gate's own policy value; a gate that is not named is not asked, so a policy without gates
    is refused. ``digest`` is ``sha256:…`` of the policy's own bytes as read. ``amber_passes`` says that AMBER counts as PASSED
    in a format that has only PASSED and FAILED (SLSA's VSA). ``written`` are those bytes, which the store keeps beside the
    artifacts judged by them; empty if they could not be read. ``clock_skew`` is how far another clock may be ahead: a time in
    the future is a warning within it, and is refused beyond it. ``as_then`` says that the policy is read to judge again what
    was judged before: only then may its waivers name a subject only by its name, as those of earlier releases did.
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
    approvals: ApprovalRule = NONE_NEEDED

    def __post_init__(self) -> None:
        if not self.gates:
            raise Refused(f"policy {self.name!r} names no gate, so it would judge nothing; add at least one under 'gates:'")
        for waiver in self.waivers:
            if waiver.by_name_alone and not self.as_then:
                raise Refused(
                    f"policy {self.name!r} waives {waiver.rule!r} by a subject's name alone; add a digest, or allow any content"
                )
        if self.valid_for <= timedelta(0):
            raise Refused(f"policy {self.name!r} makes results valid for {self.valid_for}; use a positive duration such as P7D")
        if self.valid_for > MOST_VALID:
            raise Refused(
                f"policy {self.name!r} makes results valid for {self.valid_for.days} days; use at most {MOST_VALID.days}"
            )
        if not timedelta(0) <= self.clock_skew <= MOST_SKEW:
            raise Refused(f"policy {self.name!r} allows clocks to differ by {self.clock_skew}; use PT0S to PT1H")
