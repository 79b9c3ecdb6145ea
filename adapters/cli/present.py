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
from artifacts.projections.folding import Here, told
from artifacts.projections.lines import printable

_INDENT = "  "
_LEAST_WIDTH = 20


def verdict(value: Verdict) -> Text:
    ink = "black" if value is Verdict.AMBER else "white"
    return Text(f" {value.value} ", style=f"bold {ink} on {lines.COLOURS[value.value]}")


def report(
    given: Report, last: str, console: Console, only: Only = (), *, whole: bool = False, here: Here | None = None
) -> None:
    """The whole report: each gate, what is not well under it, what to do next, the *last* line, and what to type next."""
    read = told(given, colours(only), whole=whole, here=here)
    for result, findings in read.shown:
        console.print(Text.assemble(verdict(result.verdict), " ", (result.gate, "bold")), soft_wrap=True)
        for line in lines.about(findings, most=len(findings) if whole else lines.SHOWN_PER_RULE):
            _print(line, console)
    if read.folded:
        _fill(Text(printable(read.folded)), console, indent="")
    console.print()
    if left := left_out(given, only):
        console.print(Text(left), style="dim", highlight=False, soft_wrap=True)
    console.print(Text.assemble(verdict(given.verdict), " ", lines.subject(given)), soft_wrap=True)
    console.print(Text(lines.circumstances(given)), style="dim", highlight=False, soft_wrap=True)
    console.print(Text(printable(last)), style="dim", highlight=False, soft_wrap=True)
    for command in lines.next_lines(read):
        console.print(Text(command), style="cyan", highlight=False, soft_wrap=True)


def _print(line: lines.Line, console: Console) -> None:
    """Wrapped between words. No word is broken, so that a path or a digest is copied whole, and a patch is not wrapped."""
    if any(piece.whole for piece in line):
        content = [Segment(f"{_INDENT}{piece.text}", console.get_style(piece.look)) for piece in line]
        console.print(Segments(content, new_lines=True), soft_wrap=True, end="")  # not a Text, which makes spaces of tabs
        return
    _fill(Text.assemble(*((piece.text, piece.look) for piece in line)), console, indent=_INDENT)


def _fill(text: Text, console: Console, indent: str) -> None:
    width = max(console.width - len(indent), _LEAST_WIDTH)
    for part in text.wrap(console, width, overflow="ignore"):
        console.print(Text.assemble(indent, part), highlight=False, soft_wrap=True)
