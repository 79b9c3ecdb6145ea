"""Run the checks, and report them: as JSON, as JUnit, and as the one page of yes and no of a request for proposals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from xml.sax.saxutils import escape, quoteattr

from services.config.kit.asking import Failed, NotAsked, Service
from services.config.kit.checks import CHECKS


class Result(Enum):
    """YES and NO were seen. NOT_ASKED: something was missing, so it is no yes."""

    YES = "yes"
    NO = "no"
    NOT_ASKED = "not asked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One check, its result, and the evidence or the reason."""

    id: str
    asks: str
    result: Result
    said: str


def run(at: Service, now: datetime) -> tuple[Checked, ...]:
    """Run every check. One that the service makes fail in an unexpected way is a NO."""
    found: list[Checked] = []
    for one in CHECKS:
        if one.writes and at.read_only:
            found.append(Checked(id=one.id, asks=one.asks, result=Result.NOT_ASKED, said="it would publish something"))
            continue
        try:
            result, said = Result.YES, one.work(at, now)
        except NotAsked as error:
            result, said = Result.NOT_ASKED, str(error)
        except Failed as error:
            result, said = Result.NO, str(error)
        except Exception as error:  # what the kit cannot read is no answer of a service that conforms
            result, said = Result.NO, f"the answer is not of the expected form: {type(error).__name__}: {str(error)[:160]}"
        found.append(Checked(id=one.id, asks=one.asks, result=result, said=said))
    return tuple(found)


def conforms(found: Sequence[Checked]) -> bool:
    """Is there a YES for each criterion, and no NO?"""
    criteria = {one.id[:4] for one in found}
    yes = {one.id[:4] for one in found if one.result is Result.YES}
    return bool(found) and yes == criteria and not any(one.result is Result.NO for one in found)


def junit(found: Sequence[Checked]) -> str:
    """The checks as JUnit XML."""
    bad, left = (sum(one.result is result for one in found) for result in (Result.NO, Result.NOT_ASKED))
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        f'<testsuite name="conformance" tests="{len(found)}" failures="{bad}" errors="0" skipped="{left}">',
    ]
    for one in found:
        lines.append(f"  <testcase classname={quoteattr(one.id[:4])} name={quoteattr(one.id)}>")
        if one.result is Result.NO:
            lines.append(f"    <failure message={quoteattr(one.said)}/>")
        if one.result is Result.NOT_ASKED:
            lines.append(f"    <skipped message={quoteattr(one.said)}/>")
        lines.append(f"    <system-out>{escape(one.said)}</system-out>")
        lines.append("  </testcase>")
    return "\n".join([*lines, "</testsuite>"]) + "\n"


def page(found: Sequence[Checked], url: str, now: datetime) -> str:
    """The page of a request for proposals: a question a line, yes or no, and the evidence."""
    lines = [
        "# Configuration of MCP clients: checklist",
        "",
        f"{url}, checked {now:%Y-%m-%d %H:%M} UTC. {'It conforms.' if conforms(found) else 'It does not conform.'}",
        "",
        "| | question | answer | evidence |",
        "|---|---|---|---|",
    ]
    lines += [f"| {one.id} | {one.asks} | {one.result.value} | {one.said.replace('|', '/')} |" for one in found]
    return "\n".join(lines) + "\n"
