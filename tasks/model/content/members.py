"""The files inside an archive, each described as a file of its own: the one way for zips, tars and packed files.

What is inside is judged as what lies beside: by its format (``holds``), its imports, its code, its faults. A file inside may
name others inside the same archive; another archive inside one is not read further, which is a problem.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from arcops.late_dataclass import dataclass
from arcops.sets import Part, faults, is_there, raw_data
from tasks.model.content.draft import Draft, printable
from tasks.model.content.window import Malformed, Window

Fill = Callable[[Window, str, Draft], None]
"""Describes the bytes of a window, under a path, into a draft; raises no `Malformed`."""


@dataclass(frozen=True, slots=True)
class Held:
    """A file inside an archive. ``opened`` gives its bytes, or raises `Malformed`; it may spend what its draft is allowed."""

    name: str
    size: int
    opened: Callable[[Draft], Window]


def describe(held: Iterable[Held], draft: Draft, fill: Fill) -> None:
    """Describe all files of *held* into *draft*, the draft of the archive."""
    parts: list[Part] = []
    for file in held:
        if file.name.endswith("/"):
            continue
        inner = draft.part("other")
        try:
            fill(file.opened(inner), file.name, inner)
        except Malformed as fault:
            inner.problem(str(fault))
        parts.append(Part(_plain(file.name), inner.done(), file.size))
        inner.refers = set()
        draft.absorb(inner, printable(file.name))
    _together(parts, draft)


def _together(parts: list[Part], draft: Draft) -> None:
    """What only all files of the archive together tell."""
    names = {part.path for part in parts}
    for part in parts:
        for path in part.content.refers:
            if not is_there(path, part.path, names):
                draft.problem(f"{printable(part.path)}: it refers to {printable(path)!r}, which is not in the archive")
    data = raw_data(parts)
    draft.holds |= {part.content.format for part in parts if part.content.format != "other" or part.path not in data}
    for fault in faults(parts):
        draft.problem(printable(fault.text, 400))


def _plain(name: str) -> str:
    return "/".join(part for part in name.split("/") if part not in ("", "."))
