"""Does a step's effect hold? Judged from what the check's command answered: its exit code and its JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

from arcops.errors import Refused
from artifacts.json_values import JSON
from services.host.runbooks.parameters import refuse_other
from services.host.runbooks.template import Check, Compare, Where, filled


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """What a command of ours came to."""

    command: tuple[str, ...]
    exit: int
    stdout: str
    stderr: str

    @property
    def said(self) -> str:
        """Its last line, which says what went wrong."""
        lines = [one for one in (self.stderr or self.stdout).splitlines() if one.strip()]
        return lines[-1].strip()[:500] if lines else f"it said nothing and ended with {self.exit}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """Does the check pass, why not, and the values that it gives to later steps."""

    passes: bool
    why: str
    ran: Ran
    values: Mapping[str, str] = field(default_factory=dict)


def looked(check: Check, ran: Ran, values: Mapping[str, str]) -> Looked:
    """The judgement of *check* about what its command *ran* to; *values* are those of the runbook."""
    if ran.exit not in check.exits:
        return Looked(passes=False, why=ran.said, ran=ran)
    if not check.where and not check.gives:
        return Looked(passes=True, why="", ran=ran)
    try:
        answer: JSON = json.loads(ran.stdout)
    except ValueError:
        return Looked(passes=False, why="the check's answer is not JSON", ran=ran)
    found: dict[str, str] = {}
    problem = ""
    for each in check.gives:
        value = _text(_at(answer, each.at))
        try:
            refuse_other(each.kind, value, each.name)
        except Refused as error:
            problem = problem or str(error)
        else:
            found[each.name] = value
    for one in check.where:  # if a value is missing, there is a problem already
        problem = problem or _unlike(one, _at(answer, one.at), filled(one.value, {**values, **found}))
    return Looked(passes=not problem, why=problem, ran=ran, values=found)


def _unlike(one: Where, found: JSON, wanted: str) -> str:
    """Why *found* is not what *one* asks for, or nothing."""
    empty = found in (None, "", [], {})
    match one.test:
        case Compare.IS if _text(found) != wanted:
            return f"{one.at} is {_text(found)[:200]!r}, not {wanted[:200]!r}"
        case Compare.IS_NOT if _text(found) == wanted:
            return f"{one.at} is still {wanted[:200]!r}"
        case Compare.HAS if not (isinstance(found, (list, str)) and wanted in found):
            return f"{one.at} does not have {wanted[:200]!r}"
        case Compare.FILLED if empty:
            return f"{one.at} is empty"
        case Compare.EMPTY if not empty:
            return f"{one.at} is not empty"
    return ""


def _at(answer: JSON, place: str) -> JSON:
    found = answer
    for part in place.split("."):
        found = found.get(part) if isinstance(found, dict) else None
    return found


def _text(value: JSON) -> str:
    return value if isinstance(value, str) else json.dumps(value)
