"""A finding: one rule, its outcome, one sentence, and the evidence that it cites."""

from __future__ import annotations

from dataclasses import field
from datetime import datetime
from enum import Enum
from typing import Protocol

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.left_out import LEFT_OUT
from arcops.verdict import Verdict

_DIGEST = late(r"sha256:[0-9a-f]{64}\Z")


class Outcome(Enum):
    """PASS, WARN and FAIL were seen; UNKNOWN could not be seen, and is as bad as FAIL."""

    PASS = "PASS"  # noqa: S105  # an outcome, not a password
    WARN = "WARN"
    FAIL = "FAIL"
    UNKNOWN = "UNKNOWN"

    __hash__ = object.__hash__  # as in `Verdict`

    @property
    def verdict(self) -> Verdict:
        return _VERDICTS[self]


_VERDICTS = {
    Outcome.PASS: Verdict.GREEN,
    Outcome.WARN: Verdict.AMBER,
    Outcome.FAIL: Verdict.RED,
    Outcome.UNKNOWN: Verdict.RED,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Location:
    """A place in the subject: a path relative to it and, if known, a line that counts from 1 (0: the whole file)."""

    path: str
    line: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiver:
    """A named person's decision to accept one failing rule until a date.

    ``digest`` is that of the subject's content (``sha256:…``), or ``any_content`` says that the waiver applies to any content.
    ``subject``, a glob over subject names, only narrows it, because anyone can rename a folder. Waivers of earlier releases
    have only the name: they are read in sealed artifacts, but no policy accepts them. ``about`` must equal the finding's
    ``about`` exactly, so a waiver for one advisory never covers the next. A waiver turns FAIL into WARN. UNKNOWN cannot be
    waived, because it is not known what the waiver would cover.
    """

    rule: str
    subject: str = "*"
    owner: str
    reason: str
    expires: datetime
    about: str = ""
    digest: str = field(default="", metadata=LEFT_OUT)
    any_content: bool = field(default=False, metadata=LEFT_OUT)

    def __post_init__(self) -> None:
        for name in ("rule", "subject", "owner", "reason"):
            if not getattr(self, name).strip():
                raise Refused(
                    f"a waiver of rule {self.rule!r} has no {name}; a waiver names rule, subject, owner, reason and expiry"
                )
        if self.expires.tzinfo is None:
            raise Refused(f"the waiver of rule {self.rule!r} expires at {self.expires}, which has no time zone")
        if self.digest and not _DIGEST.match(self.digest):
            raise Refused(
                f"the waiver of rule {self.rule!r} names {self.digest[:100]!r}; a digest is 'sha256:' and 64 hex digits"
            )
        if self.digest and self.any_content:
            raise Refused(f"the waiver of rule {self.rule!r} names a digest and any content; use one of them")

    @property
    def by_name_alone(self) -> bool:
        """Does it name the subject only by its name, as in earlier releases?"""
        return not self.digest and not self.any_content


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What one rule says about one thing.

    ``cites`` holds evidence digests. ``about`` names the thing inside the subject (a file, a component, an advisory).
    ``fix`` says what to do next. ``waiver`` is set by `arcops.judge` alone. ``patch`` is the fix as a unified diff of files
    below the subject, for ``patch -p1``; empty if no safe patch is known.
    """

    rule: str
    outcome: Outcome
    text: str
    cites: tuple[str, ...] = ()
    about: str = ""
    location: Location | None = None
    fix: str = ""
    waiver: Waiver | None = None
    patch: str = field(default="", metadata=LEFT_OUT)


class Cited(Protocol):
    """Anything with a digest: evidence."""

    @property
    def digest(self) -> str: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One question that a gate must answer every time, and how to fix a bad answer.

    ``id`` is ``gate/short-name``; ``asks`` is the question, phrased so that *yes* is good; ``fix`` is the default advice.
    A gate yields findings through its rules: ``RULE.fails("…", evidence, about="weights.pkl")``.
    """

    id: str
    asks: str
    fix: str

    def passes(self, text: str, *cites: Cited, about: str = "", location: Location | None = None) -> Finding:
        return self._finding(Outcome.PASS, text, cites, about, location, "")

    def warns(self, text: str, *cites: Cited, about: str = "", location: Location | None = None, fix: str = "") -> Finding:
        return self._finding(Outcome.WARN, text, cites, about, location, fix or self.fix)

    def fails(self, text: str, *cites: Cited, about: str = "", location: Location | None = None, fix: str = "") -> Finding:
        return self._finding(Outcome.FAIL, text, cites, about, location, fix or self.fix)

    def unknown(self, text: str, *cites: Cited, about: str = "", location: Location | None = None, fix: str = "") -> Finding:
        return self._finding(Outcome.UNKNOWN, text, cites, about, location, fix or self.fix)

    def _finding(
        self, outcome: Outcome, text: str, cites: tuple[Cited, ...], about: str, location: Location | None, fix: str
    ) -> Finding:
        return Finding(
            rule=self.id,
            outcome=outcome,
            text=text,
            cites=tuple([cited.digest for cited in cites]),
            about=about,
            location=location,
            fix=fix,
        )
