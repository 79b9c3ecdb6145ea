"""Reports for people at a terminal, in colour and wrapped to its width."""

from __future__ import annotations

from rich.console import Console
from rich.segment import Segment, Segments
from rich.text import Text

from adapters.cli.plain import colours, left_out
from adapters.cli.printing import Only
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.projections import lines
from artifacts.projections.lines import narrowed, printable

_INDENT = "  "
_LEAST_WIDTH = 20


def verdict(value: Verdict) -> Text:
    ink = "black" if value is Verdict.AMBER else "white"
    return Text(f" {value.value} ", style=f"bold {ink} on {lines.COLOURS[value.value]}")


def report(given: Report, last: str, console: Console, only: Only = ()) -> None:
    """The whole report: each gate, what is not well under it, what to do next, and the *last* line."""
    for result, findings in narrowed(given, colours(only)):
        console.print(Text.assemble(verdict(result.verdict), " ", (result.gate, "bold")), soft_wrap=True)
        for line in lines.about(findings):
            _print(line, console)
    console.print()
    if left := left_out(given, only):
        console.print(Text(left), style="dim", highlight=False, soft_wrap=True)
    console.print(Text.assemble(verdict(given.verdict), " ", lines.subject(given)), soft_wrap=True)
    console.print(Text(lines.circumstances(given)), style="dim", highlight=False, soft_wrap=True)
    console.print(Text(printable(last)), style="dim", highlight=False, soft_wrap=True)


def _print(line: lines.Line, console: Console) -> None:
    """Wrapped between words. No word is broken, so that a path or a digest is copied whole, and a patch is not wrapped."""
    if any(piece.whole for piece in line):
        content = [Segment(f"{_INDENT}{piece.text}", console.get_style(piece.look)) for piece in line]
        console.print(Segments(content, new_lines=True), soft_wrap=True, end="")  # not a Text, which makes spaces of tabs
        return
    text = Text.assemble(*((piece.text, piece.look) for piece in line))
    width = max(console.width - len(_INDENT), _LEAST_WIDTH)
    for part in text.wrap(console, width, overflow="ignore"):
        console.print(Text.assemble(_INDENT, part), highlight=False, soft_wrap=True)
