"""The short text of a report, line by line: for a terminal to colour, for a pipe and for an agent as they are."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from arcops.finding import Finding, Outcome
from arcops.late_dataclass import dataclass
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.projections.printable import printable as printable

if TYPE_CHECKING:
    from artifacts.projections.folding import Here, Told

SHOWN_PER_RULE = 5
"""How many findings of one rule a terminal shows."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line in one style: ``look`` is the style, in words that a terminal library knows.

    A line of a ``whole`` piece is content, such as a patch, and is never wrapped.
    """

    text: str
    look: str = ""
    whole: bool = False


Line = tuple[Piece, ...]
_NAMES = {outcome: outcome.name for outcome in Outcome}  # a dictionary answers sooner than the property does
COLOURS = {"GREEN": "green", "AMBER": "yellow", "RED": "red"}
"""The colour of each verdict."""


def about(findings: Sequence[Finding], most: int = SHOWN_PER_RULE, *, styled: bool = True) -> Iterator[Line]:
    """The lines about a gate's *findings*: what is not well and what to do about it, and how much is well.

    Of one rule, *most* findings are shown. Patches are all shown, whole: a part of one is of no use. If they are not *styled*,
    a finding is one piece: there may be ten thousand.
    """
    bad = [finding for finding in findings if finding.outcome is not Outcome.PASS]
    good = len(findings) - len(bad)
    by_rule: dict[str, list[Finding]] = {}
    bad.sort(key=lambda one: one.outcome is Outcome.WARN)  # what makes RED comes first
    for finding in bad:
        by_rule.setdefault(finding.rule, []).append(finding)
    for rule, alike in by_rule.items():
        for finding in alike[:most]:
            yield _line(finding) if styled else (Piece(_text(finding)),)
        if len(alike) > most:
            yield (Piece(f"… and {len(alike) - most} more of {rule}", "dim"),)
        fixes = list(dict.fromkeys(finding.fix for finding in alike if finding.fix))
        if fixes:
            yield (Piece(f"→ {printable(fixes[0])}", "cyan"),)
        yield from _patches(alike)
    if good and not bad:
        yield (Piece(f"{good} passed: {printable(findings[0].text)}", "dim"),)
    elif good:
        yield (Piece(f"{good} passed", "dim"),)


def subject(report: Report) -> str:
    """The subject that was judged."""
    return f"{report.subject.kind} {printable(report.subject.name)} {report.subject.digests[0]}"


def circumstances(report: Report) -> str:
    """By which policy, in which tier, when, and how long it is valid."""
    return (
        f"policy {printable(report.policy_name)}, tier {report.tier.value}, judged {report.judged_at:%Y-%m-%d %H:%M} UTC, "
        f"valid until {report.valid_until:%Y-%m-%d %H:%M} UTC"
    )


def lines(
    report: Report,
    colours: Collection[Verdict] = (),
    note: str = "",
    *,
    whole: bool = False,
    here: Here | None = None,
    last: str = "",
) -> Iterator[str]:
    """*report* as text, nothing wrapped or padded: all findings, or those of *colours*, one a line; then *note*, the verdict,
    *last*, and what to type next.

    Findings that rest on missing evidence are folded into one line, unless the *whole* is asked for (`folding`).
    """
    from artifacts.projections.folding import told  # what verifies an artifact needs only other functions of this file

    read = told(report, colours, whole=whole, here=here)
    for result, findings in read.shown:
        yield f"{result.verdict.value} {result.gate}"
        for line in about(findings, most=len(findings), styled=False):
            yield line[0].text if len(line) == 1 else "".join(piece.text for piece in line)
    yield from filter(None, (printable(read.folded), note))
    yield f"{report.verdict.value} {subject(report)}"
    yield circumstances(report)
    if last:
        yield printable(last)
    yield from next_lines(read)


def next_lines(read: Told) -> Iterator[str]:
    """What to type next, a line each."""
    return (printable(f"Next: {line}") for line in read.next)


def _patches(findings: list[Finding]) -> Iterator[Line]:
    """The patches, each once, as ``patch -p1`` takes them."""
    for patch in dict.fromkeys(finding.patch for finding in findings if finding.patch):
        for line in patch.splitlines():
            shown = "\t".join(printable(part) for part in line.split("\t"))  # a tab in a patch is content
            yield (Piece(shown, {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim"), whole=True),)


def _line(finding: Finding) -> Line:
    looks = (COLOURS[finding.outcome.verdict.value], "", "bold", "", "dim")
    return tuple(Piece(text, look) for text, look in zip(_texts(finding), looks, strict=False))


def _text(finding: Finding) -> str:
    """The line of *finding*, without any style."""
    if finding.waiver is None:
        return f"{_NAMES[finding.outcome]} {finding.rule} {printable(finding.text)}"
    return "".join(_texts(finding))


def _texts(finding: Finding) -> tuple[str, ...]:
    """*finding* in the parts that a terminal styles."""
    texts = (_NAMES[finding.outcome], " ", finding.rule, f" {printable(finding.text)}")
    if finding.waiver is None:
        return texts
    waived = f" (waived by {finding.waiver.owner} until {finding.waiver.expires:%Y-%m-%d}: {finding.waiver.reason})"
    return (*texts, printable(waived))
