"""Is what a running server offers still what was judged? Each of its messages that may be a list is compared with the pins."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping

from arcops.errors import Refused
from arcops.seen.server_tools import Pin
from artifacts.envelope import strict_json
from tasks.server.definitions import INSTRUCTIONS, LISTS, pinned, pinned_text

Pins = Mapping[tuple[str, str], frozenset[str]]
"""The digests of each thing that was offered, by kind and name."""

_MEMBERS = {member: kind for kind, (_, member, _) in LISTS.items()}
_SPELLED = re.compile(rb"\\u00[2-7]")
"""A letter of ASCII written by its number: the name of a member may be written like that, and no one else needs it."""
_SIGNS = tuple(f'"{member}"'.encode() for member in (*_MEMBERS, INSTRUCTIONS))


def pins_by_name(pins: tuple[Pin, ...] | None) -> Pins | None:
    """*pins*, for `unlike`."""
    if pins is None:
        return None
    found: dict[tuple[str, str], set[str]] = defaultdict(set)
    for one in pins:
        found[one.kind, one.name].add(one.digest)
    return {key: frozenset(digests) for key, digests in found.items()}


def unlike(pins: Pins | None, changed: Callable[[str], None], line: bytes) -> bool:
    """May *line* of a server be passed on? If it offers what is not in *pins*, *changed* gets a clause that says so.

    A resource may come and go, because servers list what they work on; a tool, a prompt or a template may not. A line that is
    no message is not passed on by anyone else either. Without pins everything may.
    """
    if pins is None or not (any(sign in line for sign in _SIGNS) or _SPELLED.search(line)):
        return True
    try:
        message = strict_json(line, "a message")
    except Refused:
        # A reader that is less strict could see another list in it than this one.
        changed("it sends a message that two readers could read as two things")
        return False
    for one in message if isinstance(message, list) else (message,):
        result = one.get("result") if isinstance(one, dict) else None
        if isinstance(result, dict) and (why := _changed(pins, result)):
            changed(why)
            return False
    return True


def _changed(pins: Pins, result: dict[str, object]) -> str:
    """What of a *result* is not as it was judged, as a clause; empty if all of it is."""
    said = result.get(INSTRUCTIONS)
    if said:
        known = pins.get((INSTRUCTIONS, INSTRUCTIONS), frozenset())
        if not isinstance(said, str) or pinned_text(said).digest not in known:
            return "it instructs a model otherwise than when it was judged"
    for member, kind in _MEMBERS.items():
        listed = result.get(member)
        for definition in listed if isinstance(listed, list) and kind != "resource" else ():
            if why := _unlike(pins, kind, definition):
                return why
    return ""


def _unlike(pins: Pins, kind: str, definition: object) -> str:
    try:
        found = pinned(kind, definition)
    except Refused as error:
        return str(error)
    known = pins.get((kind, found.name))
    if known is None:
        return f"it offers the {kind} {found.name[:100]!r}, which it did not when it was judged"
    if found.digest not in known:
        return f"it defines the {kind} {found.name[:100]!r} otherwise than when it was judged"
    return ""
