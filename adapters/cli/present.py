"""Reports for people, in colour on a terminal and plain elsewhere."""

from __future__ import annotations

from collections.abc import Iterator

from rich.console import Console, Group
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from adapters.cli.plain import printable
from arcops.finding import Finding, Outcome
from arcops.result import GateResult, Report
from arcops.verdict import Verdict

COLOURS = {Verdict.GREEN: "green", Verdict.AMBER: "yellow", Verdict.RED: "red"}
_SHOWN_PER_RULE = 5


def verdict(value: Verdict) -> Text:
    return Text(
        f" {value.value} ", style=f"bold white on {COLOURS[value]}" if value is not Verdict.AMBER else "bold black on yellow"
    )


def report(said: Report, console: Console) -> None:
    """The whole report: a line a gate, what is not well beneath it, and what to do next."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for result in sorted(said.results, key=lambda one: one.verdict, reverse=True):
        table.add_row(verdict(result.verdict), result.gate, _body(result))
    console.print(table)
    console.print()
    subject = f"{said.subject.kind} {printable(said.subject.name)} {said.subject.digests[0]}"
    console.print(Text.assemble(verdict(said.verdict), "  ", subject), soft_wrap=True)
    console.print(
        f"policy {escape(printable(said.policy_name))}, tier {said.tier.value}, judged {said.judged_at:%Y-%m-%d %H:%M} UTC, "
        f"holds until {said.valid_until:%Y-%m-%d %H:%M} UTC",
        style="dim",
        highlight=False,
        soft_wrap=True,
    )


def _body(result: GateResult) -> Group:
    bad = [finding for finding in result.findings if finding.outcome is not Outcome.PASS]
    good = len(result.findings) - len(bad)
    parts: list[Text] = []
    by_rule: dict[str, list[Finding]] = {}
    for finding in sorted(bad, key=lambda one: one.outcome.verdict, reverse=True):
        by_rule.setdefault(finding.rule, []).append(finding)
    for rule, findings in by_rule.items():
        for finding in findings[:_SHOWN_PER_RULE]:
            parts.append(_line(finding))
        if len(findings) > _SHOWN_PER_RULE:
            parts.append(Text(f"… and {len(findings) - _SHOWN_PER_RULE} more of {rule}", style="dim"))
        fixes = list(dict.fromkeys(finding.fix for finding in findings if finding.fix))
        if fixes:
            parts.append(Text(f"→ {printable(fixes[0])}", style="cyan"))
        parts.extend(_patches(findings))
    if good and not bad:
        parts.append(Text(f"{good} passed: {printable(result.findings[0].text)}", style="dim"))
    elif good:
        parts.append(Text(f"{good} passed", style="dim"))
    return Group(*parts)


def _patches(findings: list[Finding]) -> Iterator[Text]:
    """The patches, each once, as they would be given to ``patch -p1``."""
    patches = list(dict.fromkeys(finding.patch for finding in findings if finding.patch))
    for patch in patches[:_SHOWN_PER_RULE]:
        for line in patch.splitlines():
            style = {"+": "green", "-": "red", "@": "cyan"}.get(line[:1], "dim")
            yield Text(f"  {printable(line)}", style=style)
    if len(patches) > _SHOWN_PER_RULE:
        yield Text(f"… and {len(patches) - _SHOWN_PER_RULE} more patches; the artifact has them all", style="dim")


def _line(finding: Finding) -> Text:
    colour = COLOURS[finding.outcome.verdict]
    line = Text.assemble((finding.outcome.value, colour), " ", (finding.rule, "bold"), " ", printable(finding.text))
    if finding.waiver is not None:
        line.append(
            printable(f" (waived by {finding.waiver.owner} until {finding.waiver.expires:%Y-%m-%d}: {finding.waiver.reason})"),
            style="dim",
        )
    return line
