"""Reads a query string strictly: a value that cannot be understood is an error, and never ignored."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from urllib.parse import urlencode

from adapters.web.replies import Problem
from arcops.verdict import Verdict
from artifacts.index import Filter

PAGE = 50
_MOST_TEXT = 300
_MOST_PAGE = 1_000_000
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
SUBJECTS = 25
"""Subjects on one page: of each, a few artifacts are verified."""
_NAMES = ("q", "subject", "kind", "verdict", "gate", "gate_verdict", "site", "from", "to")


@dataclass(frozen=True, slots=True, kw_only=True)
class ListingAsked:
    """What the list page shows: the filter, the values as they were typed, and the page (the first is 1)."""

    what: Filter
    typed: Mapping[str, str]
    page: int
    sort: str = ""
    back: bool = False

    @property
    def folded(self) -> bool:
        """Does none of the filters apply that a phone shows only when they are asked for?"""
        return not self.typed.keys() - {"q", "subject", "kind", "sort"}

    def link(self, **changes: str) -> str:
        """The query string of this listing with *changes*; an empty value removes its name."""
        values = {**self.typed, **changes}
        return "?" + urlencode({name: value for name, value in values.items() if value})


def listing(query: Mapping[str, str], size: int = PAGE, sorts: Sequence[str] = ()) -> ListingAsked:
    """The listing that *query* asks for, *size* to a page, in one of the orders *sorts* (the first if none is asked for).

    Raises `Problem` (400), which names the value that cannot be understood.
    """
    typed = {name: text(query, name) for name in _NAMES}
    begin, end = _day(typed, "from"), _day(typed, "to")
    page = number(query, "page", 1, most=_MOST_PAGE)
    sort, back = _sort(query, sorts)
    what = Filter(
        search=typed["q"],
        subject=typed["subject"],
        kind=typed["kind"],
        verdict=_verdict(typed, "verdict"),
        gate=typed["gate"],
        gate_verdict=_verdict(typed, "gate_verdict"),
        site=typed["site"],
        judged_from=_midnight(begin),
        judged_before=_midnight(end + timedelta(days=1)) if end and end < date.max else None,
        offset=(page - 1) * size,
        limit=size,
    )
    if sorts and (sort, back) != (sorts[0], False):
        typed["sort"] = f"-{sort}" if back else sort
    return ListingAsked(
        what=what, typed={name: value for name, value in typed.items() if value}, page=page, sort=sort, back=back
    )


def text(query: Mapping[str, str], name: str) -> str:
    """The value of *name*, or empty. Raises `Problem` (400) if it is too long."""
    value = query.get(name, "").strip()
    if len(value) > _MOST_TEXT:
        raise _bad(f"'{name}' has {len(value)} characters; use at most {_MOST_TEXT}.")
    return value


def number(query: Mapping[str, str], name: str, otherwise: int, *, most: int) -> int:
    """The whole number *name* from 1 to *most*, or *otherwise*. Raises `Problem` (400) for anything else."""
    value = query.get(name, "").strip()
    if not value:
        return otherwise
    if not re.fullmatch(r"[1-9][0-9]{0,8}", value, re.ASCII) or int(value) > most:
        raise _bad(f"'{name}' is {value[:50]!r}; use a whole number from 1 to {most}.")
    return int(value)


def digest(value: str, name: str) -> str:
    """*value*, if it is a digest. Raises `Problem` (404) if it is not: nothing can be kept under it."""
    if not _DIGEST.match(value):
        raise Problem(
            404,
            "There is nothing here",
            f"{value[:100]!r} is not a digest, so {name} cannot be kept under it.",
            "A digest is 'sha256:' and 64 hex digits. Choose one from the list.",
        )
    return value


def _sort(query: Mapping[str, str], sorts: Sequence[str]) -> tuple[str, bool]:
    """The order that is asked for, and whether it is turned round, which a ``-`` says."""
    value = text(query, "sort") if sorts else ""
    if not value:
        return sorts[0] if sorts else "", False
    if value.removeprefix("-") not in sorts:
        raise _bad(
            f"'sort' is {value[:50]!r}; use {', '.join(sorts[:-1])} or {sorts[-1]}, with '-' before it to turn it round."
        )
    return value.removeprefix("-"), value.startswith("-")


def _verdict(typed: Mapping[str, str], name: str) -> Verdict | None:
    value = typed[name]
    if not value:
        return None
    try:
        return Verdict(value.upper())
    except ValueError:
        raise _bad(f"'{name}' is {value[:50]!r}; use GREEN, AMBER or RED.") from None


def _day(typed: Mapping[str, str], name: str) -> date | None:
    value = typed[name]
    if not value:
        return None
    try:
        return date.fromisoformat(value)
    except ValueError:
        raise _bad(f"'{name}' is {value[:50]!r}; use a day like 2026-11-21.") from None


def _midnight(day: date | None) -> datetime | None:
    return datetime(day.year, day.month, day.day, tzinfo=UTC) if day else None


def _bad(said: str) -> Problem:
    return Problem(400, "The address has a value that is not valid", said, "Correct the address, or start again from the list.")
