"""What an agent is told of a report: the verdict, what is not GREEN, and the address at which the rest can be read.

A report may have a thousand findings, and an agent pays for each byte. So every tool that judges answers in the same small
form, within a bound. What does not fit is counted, never left out in silence.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from arcops.finding import Finding, Outcome
from arcops.late_dataclass import dataclass
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.projections.lines import about, circumstances, printable, subject
from artifacts.projections.narrowing import narrowed

REPORTS = "arcops://reports/"
MOST_BYTES = 2048
"""The whole result of a tool that judges, as JSON in UTF-8, without what the ask wanted besides the report."""
_MOST_VALUES, _ENVELOPE, _KEYS = 1200, 400, 40
"""Of these, at most so many for the values, so many for what the protocol puts around values and text, and so many
for the keys around the entries."""
_MOST_ITEMS = 20
_FIRST, _AT_LENGTH, _SHORTLY = 2, (300, 200), (100, 0)
"""The worst rules that are told first, the most characters of their sentence and of their fix, and those of the others."""

_TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "verdict": {"enum": ["GREEN", "AMBER", "RED", "UNKNOWN"]},
        "artifact": _TEXT,
        "resource": _TEXT,
        "counts": {"type": "object"},
        "notGreen": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"rule": _TEXT, "outcome": _TEXT, "text": _TEXT, "fix": _TEXT},
                "required": ["rule", "outcome"],
            },
        },
        "notShown": {"type": "integer"},
        "also": {"type": "object"},
    },
    "required": ["verdict"],
}
"""The output schema of every tool that judges, short because each of them carries it. ``verdict`` is UNKNOWN if there was no
report that could be read, ``resource`` has the whole report, and ``notShown`` counts the rules that found no room.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Brief:
    """``values`` for programs, ``text`` for models that read."""

    values: dict[str, Any]
    text: str


def brief(report: Report | None, artifact: str, also: Mapping[str, Any], *, most: int = MOST_BYTES) -> Brief:
    """*report*, kept as *artifact* (its digest, or empty), in at most *most* bytes; and *also*, what else was answered."""
    beside: dict[str, Any] = {"also": _cut(also)} if also else {}
    if report is None:
        values = {"verdict": "UNKNOWN", **({"artifact": artifact} if artifact else {}), **beside}
        return Brief(values=values, text="UNKNOWN: there is no report that could be read")
    resource = f"{REPORTS}{artifact}" if artifact else ""
    head: dict[str, Any] = {
        "verdict": report.verdict.value,
        "subject": _short(f"{report.subject.kind} {report.subject.name}", 120),
        "policy": _short(report.policy_name, 120),
        "validUntil": f"{report.valid_until:%Y-%m-%dT%H:%M:%SZ}",
        **({"artifact": artifact, "resource": resource} if artifact else {}),
        "counts": _counts(report),
    }
    room = most * _MOST_VALUES // MOST_BYTES
    values = {**head, **_not_green(report, room - _size(head))}
    text = _text(report, resource, most - _ENVELOPE - _size(values))
    return Brief(values={**values, **beside}, text=text)


def _counts(report: Report) -> dict[str, int]:
    found = Counter(finding.outcome for result in report.results for finding in result.findings)
    return {one.value: found[one] for one in Outcome if found[one]}


def _not_green(report: Report, room: int) -> dict[str, Any]:
    """One entry for each rule that is not GREEN, the worst first: its name, and as there is room its text and its fix."""
    rules = _rules(report)
    entries: list[dict[str, Any]] = []
    for rule, alike in rules.items():
        entry: dict[str, Any] = {"rule": rule[:120], "outcome": alike[0].outcome.value}
        if len(alike) > 1:
            entry["more"] = len(alike) - 1
        if _size([*entries, entry]) + _KEYS > room:
            break
        entries.append(entry)
    left = len(rules) - len(entries)
    shown = list(rules.values())[: len(entries)]
    room -= _KEYS + _size(entries)
    for first, (text, fix) in ((True, _AT_LENGTH), (False, _SHORTLY)):
        for entry, alike in list(zip(entries, shown, strict=True))[: _FIRST if first else None]:
            room = _add(entry, "text", alike[0].text, text, room)
            room = _add(entry, "fix", next((one.fix for one in alike if one.fix), ""), fix, room)
    return {**({"notGreen": entries} if entries else {}), **({"notShown": left} if left else {})}


def _add(entry: dict[str, Any], name: str, sentence: str, most: int, room: int) -> int:
    """Put *sentence*, cut to *most* characters, into *entry* if there is room; returns the room that is left."""
    cut = {name: _short(sentence, most)} if sentence and most else {}
    taken = _size(cut)  # its braces are as long as the comma and the space before it
    if not cut or name in entry or taken > room:
        return room
    entry.update(cut)
    return room - taken


def _rules(report: Report) -> dict[str, Sequence[Finding]]:
    """The findings that are not GREEN, by their rule, the worst first."""
    bad = [one for _, findings in narrowed(report, (Verdict.AMBER, Verdict.RED)) for one in findings]
    found: dict[str, list[Finding]] = {}
    for one in sorted(bad, key=lambda one: (one.outcome.verdict, one.outcome is Outcome.FAIL), reverse=True):
        found.setdefault(one.rule, []).append(one)
    return dict(found)


def _text(report: Report, resource: str, room: int) -> str:
    """The short text of the command line, within *room* bytes: the verdict first, then what is not GREEN, the worst first."""
    begin, end = f"{report.verdict.value} {subject(report)}", circumstances(report)
    left = list(_lines(report))
    rest = f"the rest: {resource}" if resource else "the rest is in the artifact"
    room -= _size(f"{begin}\n{end}\n… {len(left)} more lines; {rest}")
    shown: list[str] = []
    while left and (room := room - _size(f"{left[0]}\n") + 2) >= 0:
        shown.append(left.pop(0))
    return "\n".join((begin, *shown, *((f"… {len(left)} more lines; {rest}",) if left else ()), end))


def _lines(report: Report) -> Iterator[str]:
    """What is not GREEN. Patches are left out: a part of one is of no use, and a whole one has its place in the report."""
    patches = 0
    for result, findings in narrowed(report, (Verdict.AMBER, Verdict.RED)):
        yield f"{result.verdict.value} {result.gate}"
        for line in about(findings, most=3):
            if not line[0].whole:
                yield "".join(piece.text for piece in line)
        patches += len({finding.patch for finding in findings if finding.patch})
    if patches:
        yield f"{patches} of the fixes are patches, which the report has"


def _cut(value: Any) -> Any:
    """*value* with at most so many items in each list; the last item then says how many there are."""
    if isinstance(value, Mapping):
        return {name: _cut(one) for name, one in value.items()}
    if isinstance(value, list):
        shown = [_cut(one) for one in value[:_MOST_ITEMS]]
        return shown if len(value) <= _MOST_ITEMS else [*shown, f"… {len(value) - _MOST_ITEMS} more of {len(value)}"]
    return value


def _short(text: str, most: int) -> str:
    text = printable(text)
    return text if len(text) <= most else f"{text[: most - 1]}…"


def _size(value: Any) -> int:
    return len(json.dumps(value, ensure_ascii=False).encode())
