"""The lines of a report, without colours: for a terminal to colour, and for a pipe as they are."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from adapters.cli.plain import left_out, narrowed, printable
from adapters.cli.printing import Only
from arcops.finding import Finding, Outcome
from arcops.result import Report

_SHOWN_PER_RULE = 5


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line in one style: ``look`` is the style, in words that a terminal library knows.

    A line of a ``whole`` piece is content, such as a patch, and is never wrapped.
    """

    text: str
    look: str = ""
    whole: bool = False


Line = tuple[Piece, ...]
COLOURS = {"GREEN": "green", "AMBER": "yellow", "RED": "red"}
"""The colour of each verdict."""


def about(findings: Sequence[Finding], most: int = _SHOWN_PER_RULE) -> Iterator[Line]:
    """The lines about a gate's *findings*: what is not well and what to do about it, and how much is well.

    Of one rule, *most* findings are shown. Patches are all shown, whole: a part of one is of no use.
    """
    bad = [finding for finding in findings if finding.outcome is not Outcome.PASS]
    good = len(findings) - len(bad)
    by_rule: dict[str, list[Finding]] = {}
    for finding in sorted(bad, key=lambda one: one.outcome.verdict, reverse=True):
        by_rule.setdefault(finding.rule, []).append(finding)
    for rule, alike in by_rule.items():
        for finding in alike[:most]:
            yield _line(finding)
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


def plainly(report: Report, last: str, only: Only = ()) -> None:
    """Print *report* and the *last* line for a pipe: all findings, one a line, nothing wrapped or padded."""
    for result, findings in narrowed(report, only):
        print(f"{result.verdict.value} {result.gate}")
        for line in about(findings, most=len(findings)):
            print("".join(piece.text for piece in line))
    if left := left_out(report, only):
        print(left)
    print(f"{report.verdict.value} {subject(report)}\n{circumstances(report)}\n{printable(last)}")


def _patches(findings: list[Finding]) -> Iterator[Line]:
    """The patches, each once, as ``patch -p1`` takes them."""
    for patch in dict.fromkeys(finding.patch for finding in findings if finding.patch):
        for line in patch.splitlines():
            shown = "\t".join(printable(part) for part in line.split("\t"))  # a tab in a patch is content
            yield (Piece(shown, {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim"), whole=True),)


def _line(finding: Finding) -> Line:
    colour = COLOURS[finding.outcome.verdict.value]
    line = [Piece(finding.outcome.value, colour), Piece(" "), Piece(finding.rule, "bold"), Piece(f" {printable(finding.text)}")]
    if finding.waiver is not None:
        waived = f" (waived by {finding.waiver.owner} until {finding.waiver.expires:%Y-%m-%d}: {finding.waiver.reason})"
        line.append(Piece(printable(waived), "dim"))
    return tuple(line)
