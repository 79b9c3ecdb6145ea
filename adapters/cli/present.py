"""Reports for people at a terminal, in colour and wrapped to its width."""

from __future__ import annotations

from rich.console import Console, Group
from rich.table import Table
from rich.text import Text

from adapters.cli import said
from adapters.cli.plain import printable
from arcops.result import Report
from arcops.verdict import Verdict


def verdict(value: Verdict) -> Text:
    ink = "black" if value is Verdict.AMBER else "white"
    return Text(f" {value.value} ", style=f"bold {ink} on {said.COLOURS[value.value]}")


def report(given: Report, artifact: str, console: Console) -> None:
    """The whole report: a line for each gate, what is not well under it, what to do next, and the place of the *artifact*."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    table.add_column(no_wrap=True)
    table.add_column(no_wrap=True, style="bold")
    table.add_column(overflow="fold")
    for result in said.ordered(given):
        table.add_row(verdict(result.verdict), result.gate, Group(*(_text(line) for line in said.about(result))))
    console.print(table)
    console.print()
    console.print(Text.assemble(verdict(given.verdict), "  ", said.subject(given)), soft_wrap=True)
    console.print(Text(said.circumstances(given)), style="dim", highlight=False, soft_wrap=True)
    console.print(Text(f"artifact {printable(artifact)}"), style="dim", highlight=False, soft_wrap=True)


def _text(line: said.Line) -> Text:
    if len(line) == 1:
        return Text(line[0].text, style=line[0].look)
    return Text.assemble(*((piece.text, piece.look) for piece in line))
