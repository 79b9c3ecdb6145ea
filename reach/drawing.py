"""A picture of a network as SVG: callers on the left, targets on the right, a line for each pair that policies allow.

Below each target are its Services. Ways in from outside are at the bottom left, with lines to their targets.

The same picture gives the same bytes. There is no script in it, nothing is fetched, and every word from a manifest is escaped.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from html import escape

from reach.picture import Gathered, Link, Picture, WorkloadGroup
from reach.ways import Entrance

_UNFIT = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_WIDTH, _BOX, _EDGE = 1120, 360, 24
_RIGHT = _WIDTH - _EDGE - _BOX
_ROW, _HEAD, _GAP, _TOP = 24, 28, 14, 118
_FITS, _FITS_PORTS, _FITS_LINE, _NAMED = 44, 40, 130, 40

_LIGHT = "--paper:#fff;--ink:#1b1f24;--soft:#5b6470;--box:#f4f6f8;--line:#c9d0d8;"
_LIGHT += "--inside:#2f6db5;--out:#b45309;--in:#b42318;--way:#6d3fa8"
_DARK = "--paper:#14171b;--ink:#e8ebef;--soft:#9aa5b1;--box:#1e2329;--line:#3a424c;"
_DARK += "--inside:#7db4f2;--out:#f0a95c;--in:#ff8a80;--way:#c9a6f5"
STYLE = f"""\
svg{{{_LIGHT}}}
@media (prefers-color-scheme:dark){{svg{{{_DARK}}}}}
text{{font:13px system-ui,"Segoe UI",Roboto,"Noto Sans",sans-serif;fill:var(--ink)}}
.paper{{fill:var(--paper)}}.box{{fill:var(--box);stroke:var(--line)}}.warn{{fill:var(--box);stroke:var(--in)}}
.title{{font-size:18px;font-weight:600}}.soft{{fill:var(--soft)}}.head{{font-weight:600}}.port{{font-size:12px;fill:var(--soft)}}
path{{fill:none;stroke:var(--inside);stroke-width:1.6}}path:hover{{stroke-width:4}}
.out{{stroke:var(--out);stroke-dasharray:7 3}}.in{{stroke:var(--in);stroke-dasharray:2 3}}.wide{{stroke-width:3.2}}
.serve{{font-style:italic}}.way{{stroke:var(--way);stroke-dasharray:10 3 2 3}}.tip{{stroke-dasharray:none}}
"""
STYLE_DIGEST = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
"""SHA-256 of the one style in every drawing, as a Content-Security-Policy names it."""

_CLOSED, _WAY = "no caller allowed", "a way in"


@dataclass(slots=True)
class _Side:
    """One column, with the position of each end of a line."""

    parts: list[str] = field(default_factory=list)
    at: dict[tuple[int, str], float] = field(default_factory=dict)
    bottom: float = _TOP

    def box(self, x: int, top: float, end: float, title: str, inner: list[str]) -> None:
        """A box from *top* to *end* that holds *inner*."""
        size = f'width="{_BOX}" height="{_number(end + 6 - top)}"'
        self.parts.append(f'<rect class="box" x="{x}" y="{_number(top)}" {size} rx="6"/>')
        self.parts.append(_text(x + 10, top + 19, title, "head", most=_FITS))
        self.parts += inner
        self.bottom = end + 6 + _GAP


def draw(picture: Picture, *, name: str, doubts: Sequence[str] = ()) -> str:
    """The picture as an SVG document. *doubts* are shown at its top, so that an uncertain answer does not look certain."""
    calls = {link.source for link in picture.links}
    doors: dict[int, list[str]] = {}
    for link in picture.links:
        if link.ports not in doors.setdefault(link.target, []):
            doors[link.target].append(link.ports)
    shift = 24 if doubts else 0
    count = range(len(picture.groups))
    served = picture.served
    silent = [[] if one in calls else ["no target allowed"] for one in count]
    open_rows = [doors.get(one) or [_CLOSED] for one in count]
    # Both columns leave the same space for a group, so that a namespace is at the same height in both.
    room = [max(1, len(open_rows[one]) + len(served.rows[one])) for one in count]
    left = _column(picture.groups, _EDGE, silent, [()] * len(room), room, shift)
    right = _column(picture.groups, _RIGHT, open_rows, served.rows, room, shift)
    _entrances(served.entrances, left)
    height = int(max(left.bottom, right.bottom)) + 70
    lines = [_line(picture, link, left, right) for link in picture.links]
    lines += [_lead(picture, number, lead, left, right) for number, one in enumerate(served.entrances) for lead in one.leads]
    size = f"{_WIDTH} {height}"
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-labelledby="name what" viewBox="0 0 {size}" '
        f'width="{_WIDTH}" height="{height}">',
        f'<title id="name">{_words(f"What may talk to what in {name}")}</title>',
        f'<desc id="what">{_words(_counted(picture))}</desc>',
        f"<style>{STYLE}</style>",
        f'<rect class="paper" width="{_WIDTH}" height="{height}"/>',
        _text(_EDGE, 34, f"What may talk to what in {name}", "title", most=90),
        _text(_EDGE, 56, _counted(picture), "soft", most=_FITS_LINE),
        *_doubted(doubts),
        _text(_EDGE, _TOP - 14 + shift, "May open connections …", "head"),
        _text(_RIGHT, _TOP - 14 + shift, "… to these, on these ports", "head"),
        *lines,
        *left.parts,
        *right.parts,
        *_legend(height),
        "</svg>",
    ]
    return "\n".join(parts) + "\n"


def _counted(picture: Picture) -> str:
    outside = sum(group.outside for group in picture.groups)
    rows = len(picture.groups) - outside
    text = f"{_many(picture.workloads, 'workload')} in {_many(rows, 'row')}, {_many(len(picture.links), 'line')}"
    text += f", {_many(len(picture.served.entrances), 'way')} in" if picture.served.entrances else ""
    if picture.gathered is Gathered.WORKLOAD:
        return f"{text}. By all policies together; it is not checked whether anything listens."
    return f"{text}. A row is {picture.gathered.value}."


def _many(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _doubted(doubts: Sequence[str]) -> list[str]:
    if not doubts:
        return []
    more = f" ({len(doubts) - 1} more)" if len(doubts) > 1 else ""
    text = f"Not certain{more}: {doubts[0]}"
    box = f'<rect class="warn" x="{_EDGE}" y="68" width="{_WIDTH - 2 * _EDGE}" height="26" rx="4"/>'
    return [box, _text(_EDGE + 10, 86, text, "", most=_FITS_LINE)]


def _column(
    groups: Sequence[WorkloadGroup],
    x: int,
    rows: Sequence[Sequence[str]],
    services: Sequence[Sequence[str]],
    room: list[int],
    shift: int,
) -> _Side:
    """Groups in boxes by namespace, each with its *rows* and then its *services* beneath it."""
    side = _Side(bottom=_TOP + shift)
    spaces: dict[tuple[bool, str], list[int]] = {}
    for number, group in enumerate(groups):
        spaces.setdefault((group.outside, group.namespace), []).append(number)
    for (outside, namespace), numbers in spaces.items():
        top, y, inner = side.bottom, side.bottom + _HEAD, []
        for number in numbers:
            group = groups[number]
            inner.append(_text(x + 14, y + 16, group.title, "", most=_FITS, hint=_hint(group)))
            side.at[number, ""] = y + 12
            for place, row in enumerate((*rows[number], *services[number]), 1):
                below = y + 18 * place
                kind = "port" if place <= len(rows[number]) else "port serve"
                inner.append(_text(x + 30, below + 16, row, kind, most=_FITS_PORTS, hint=row))
                side.at[number, row] = below + 12
            y += 18 * room[number] + _ROW
        title = "Outside of the cluster" if outside else f"Namespace {namespace}" if namespace else "Several namespaces"
        side.box(x, top, y, title, inner)
    return side


def _entrances(entrances: Sequence[Entrance], side: _Side) -> None:
    """The ways in, in their own box below *side*."""
    if not entrances:
        return
    top, y, inner = side.bottom, side.bottom + _HEAD, []
    for number, one in enumerate(entrances):
        inner.append(_text(_EDGE + 14, y + 16, one.title, "", most=_FITS, hint=one.title))
        inner.append(_text(_EDGE + 30, y + 34, one.detail, "port", most=_FITS_PORTS, hint=one.detail))
        side.at[number, _WAY] = y + 12
        y += 18 + _ROW
    side.box(_EDGE, top, y, "Ways in", inner)


def _lead(picture: Picture, number: int, lead: tuple[int, str], left: _Side, right: _Side) -> str:
    entrance, group = picture.served.entrances[number], picture.groups[lead[0]]
    said = f"{entrance.title} ({entrance.detail}) leads to {group.namespace} {group.title}: {lead[1]}"
    return _drawn(left.at[number, _WAY], right.at[lead], "way", "", said)


def _hint(group: WorkloadGroup) -> str:
    named = ", ".join(group.members[:_NAMED])
    return named + (f" and {len(group.members) - _NAMED} more" if len(group.members) > _NAMED else "")


def _line(picture: Picture, link: Link, left: _Side, right: _Side) -> str:
    source, target = picture.groups[link.source], picture.groups[link.target]
    kind = "in" if source.outside else "out" if target.outside else "inside"
    said = f"{source.namespace or 'from'} {source.title} to {target.namespace} {target.title}: {link.ports}"
    wide = " wide" if link.ports == "all ports" else ""
    return _drawn(left.at[link.source, ""], right.at[link.target, link.ports], kind, wide, said)


def _drawn(y1: float, y2: float, kind: str, wide: str, said: str) -> str:
    """An arrow from the left column to the right one; *said* is shown when the pointer is on it."""
    begin, end = _EDGE + _BOX, _RIGHT
    bend = (end - begin) / 2
    x1, x2, a, b = begin + bend, end - bend, _number(y1), _number(y2)
    way = f"M{begin} {a}C{_number(x1)} {a} {_number(x2)} {b} {end - 6} {b}"
    tip = f"M{end - 12} {_number(y2 - 4)}L{end - 5} {b}L{end - 12} {_number(y2 + 4)}"
    return f'<path class="{kind}{wide}" d="{way}"><title>{_words(said)}</title></path><path class="{kind} tip" d="{tip}"/>'


def _legend(height: int) -> list[str]:
    parts, x = [], _EDGE
    for kind, words, width in (
        ("inside", "between pods", 170),
        ("out", "to addresses outside", 210),
        ("in", "from addresses outside", 220),
        ("inside wide", "thick: all ports", 160),
        ("way", "target of a way in", 200),
    ):
        parts.append(f'<path class="{kind}" d="M{x} {height - 28}H{x + 40}"/>')
        parts.append(_text(x + 48, height - 24, words, "soft"))
        x += width
    return parts


def _text(x: float, y: float, text: str, kind: str, *, most: int = 200, hint: str = "") -> str:
    shown = text if len(text) <= most else f"{text[: most - 1]}…"
    marked = f' class="{kind}"' if kind else ""
    said = f"<title>{_words(hint)}</title>" if hint else ""
    return f'<text{marked} x="{_number(x)}" y="{_number(y)}">{_words(shown)}{said}</text>'


def _number(value: float) -> str:
    return f"{value:g}" if abs(value) < 1e5 else str(round(value))


def _words(text: str) -> str:
    return escape(_UNFIT.sub("\ufffd", text), quote=True)
