"""What rests on evidence that is missing, folded into one line, and what a person may type to make that evidence.

Of a model that came with nothing, most findings say one thing: there is no SBOM, no signature, no provenance. Folded is only
what `arcops.repairing` has a line for. Evidence that is missing for another reason is told in full, as is all that was seen.
"""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator

from arcops.bodies import body_of
from arcops.evidence import Missing
from arcops.finding import Finding, Outcome
from arcops.gate import judged_rule
from arcops.late_dataclass import dataclass
from arcops.repairing import Repair, repairs_of, unseen_of
from arcops.result import GateResult, Report
from arcops.verdict import Verdict
from artifacts.projections.narrowing import Shown, narrowed

MOST_NEXT = 3
"""Most command lines that are named at once: a person does one thing after the other, and then checks again."""

LEAST_FOLDED = 3
"""Fewer findings than this are not folded: they are soon read, and each says why its evidence is missing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Here:
    """What a door knows of its place; empty if it does not know.

    ``target`` is how the caller wrote the subject, and ``folder`` whether that is one; ``public`` is the public half of the
    signing key, which is still to be made if ``keyless``; ``server`` is the URL of the server that does the work, if one does.
    """

    target: str = ""
    folder: bool = True
    public: str = ""
    keyless: bool = False
    server: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A report as people read it: the gates with findings to show, the line for what was folded, and what to type next."""

    shown: Shown
    folded: str = ""
    next: tuple[str, ...] = ()


def told(report: Report, colours: Collection[Verdict] = (), *, whole: bool = False, here: Here | None = None) -> Told:
    """*report*, or its findings of *colours*. Nothing is folded if *whole*; without *here*, the subject is named as in it."""
    shown = narrowed(report, colours)
    resting = {
        id(one): lost for result, findings in shown for one in findings if (lost := _lost(one, result, report)) is not None
    }
    roots = list(dict.fromkeys(resting.values()))
    lines = _next(roots, report, here or Here())
    if whole or len(resting) < LEAST_FOLDED:
        return Told(shown=shown, next=lines)
    left: Shown = []
    gates = []
    for result, findings in shown:
        seen = tuple(one for one in findings if id(one) not in resting)
        if len(seen) < len(findings):
            gates.append(result.gate)
        if len(seen) == len(findings) or any(one.outcome is not Outcome.PASS for one in seen):
            left.append((result, seen))
    more = "more " if any(one.outcome is not Outcome.PASS for _, findings in left for one in findings) else ""
    kinds = ", ".join(sorted({one.kind for one in roots}))
    where = f"{len(gates)} gate{'s' if len(gates) > 1 else ''} ({', '.join(sorted(gates))})"
    return Told(
        shown=left,
        folded=f"RED {len(resting)} {more}findings in {where} rest on evidence that is missing: {kinds}; --all shows each",
        next=lines,
    )


def _lost(finding: Finding, result: GateResult, report: Report) -> Missing | None:
    """The missing evidence that is why *finding* is UNKNOWN, if a person can make it by a line of ours."""
    if finding.outcome is not Outcome.UNKNOWN:
        return None
    judged = finding.rule == judged_rule(result.gate).id
    for one in report.missing:
        unseen = "" if (body := body_of(one.kind)) is None else unseen_of(body)
        if (judged and finding.text == one.said) or (unseen and finding.text.startswith(unseen)):
            root = _root(one, report)
            return root if any(True for _ in _repairs(root)) else None
    return None


def _root(lost: Missing, report: Report) -> Missing:
    """The evidence without which *lost* could not be looked for, and so on; or *lost*."""
    for _ in report.missing:
        lost = next((one for one in report.missing if lost.lost_with(one)), lost)
    return lost


def _repairs(lost: Missing) -> Iterator[Repair]:
    body = body_of(lost.kind)
    for repair in repairs_of(body) if body is not None else ():
        if lost.reason.startswith(repair.said):
            yield repair


def _next(lost: list[Missing], report: Report, here: Here) -> tuple[str, ...]:
    """The lines that make what is *lost*, in their order: the first `MOST_NEXT`, without one that another only adds to."""
    repairs = {repair.line: repair for one in lost for repair in _repairs(one) if here.keyless or not repair.keyless}
    words = {"target": _word(here.target or report.subject.name), "public": _word(here.public or "KEY.pub")}
    lines = [
        f"arcops {repair.line.format(**words)}" + (f" --server {shlex.quote(here.server)}" if here.server else "")
        for repair in sorted(repairs.values(), key=lambda one: one.step)
        if here.folder or "{target}" not in repair.line
    ]
    return tuple([one for one in lines if not any(other.startswith(f"{one} ") for other in lines)][:MOST_NEXT])


def _word(place: str) -> str:
    """*place* as a word of a shell, which no command takes for an option."""
    return shlex.quote(f"./{place}" if place.startswith("-") else place)
