"""The lines of a report, without colours: for a terminal to colour, and for a pipe as they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from adapters.cli.plain import printable
from arcops.finding import Finding, Outcome
from arcops.result import GateResult, Report

_SHOWN_PER_RULE = 5


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a line in one style: ``look`` is the style, in words that a terminal library knows."""

    text: str
    look: str = ""


Line = tuple[Piece, ...]
COLOURS = {"GREEN": "green", "AMBER": "yellow", "RED": "red"}
"""The colour of each verdict."""


def ordered(report: Report) -> list[GateResult]:
    """The gates, the worst first."""
    return sorted(report.results, key=lambda one: one.verdict, reverse=True)


def about(result: GateResult) -> Iterator[Line]:
    """The lines about a gate: what is not well and what to do about it, and how much is well."""
    bad = [finding for finding in result.findings if finding.outcome is not Outcome.PASS]
    good = len(result.findings) - len(bad)
    by_rule: dict[str, list[Finding]] = {}
    for finding in sorted(bad, key=lambda one: one.outcome.verdict, reverse=True):
        by_rule.setdefault(finding.rule, []).append(finding)
    for rule, findings in by_rule.items():
        for finding in findings[:_SHOWN_PER_RULE]:
            yield _line(finding)
        if len(findings) > _SHOWN_PER_RULE:
            yield (Piece(f"… and {len(findings) - _SHOWN_PER_RULE} more of {rule}", "dim"),)
        fixes = list(dict.fromkeys(finding.fix for finding in findings if finding.fix))
        if fixes:
            yield (Piece(f"→ {printable(fixes[0])}", "cyan"),)
        yield from _patches(findings)
    if good and not bad:
        yield (Piece(f"{good} passed: {printable(result.findings[0].text)}", "dim"),)
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


def plainly(report: Report, artifact: str) -> None:
    """Print *report* and the place of its *artifact*, without colours, each sentence on one line however long it is."""
    width = max((len(result.gate) for result in report.results), default=0)
    for result in ordered(report):
        begins = f" {result.verdict.value:7} {result.gate:{width}}  "
        lines = ["".join(piece.text for piece in line) for line in about(result)]
        for number, line in enumerate(lines or [""]):
            print(f"{begins if number == 0 else ' ' * len(begins)}{line}".rstrip())
    print(f"\n {report.verdict.value}   {subject(report)}\n{circumstances(report)}\nartifact {printable(artifact)}")


def _patches(findings: list[Finding]) -> Iterator[Line]:
    """The patches, each once, as ``patch -p1`` takes them."""
    patches = list(dict.fromkeys(finding.patch for finding in findings if finding.patch))
    for patch in patches[:_SHOWN_PER_RULE]:
        for line in patch.splitlines():
            yield (Piece(f"  {printable(line)}", {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim")),)
    if len(patches) > _SHOWN_PER_RULE:
        yield (Piece(f"… and {len(patches) - _SHOWN_PER_RULE} more patches; the artifact has them all", "dim"),)


def _line(finding: Finding) -> Line:
    colour = COLOURS[finding.outcome.verdict.value]
    line = [Piece(finding.outcome.value, colour), Piece(" "), Piece(finding.rule, "bold"), Piece(f" {printable(finding.text)}")]
    if finding.waiver is not None:
        waived = f" (waived by {finding.waiver.owner} until {finding.waiver.expires:%Y-%m-%d}: {finding.waiver.reason})"
        line.append(Piece(printable(waived), "dim"))
    return tuple(line)
