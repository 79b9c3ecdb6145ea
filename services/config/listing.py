"""What a client's own command shows of the servers that were written. Exit codes say nothing: clients drop entries without an
error.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from amend.client.family import Family

_COLOURS = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def shown_servers(text: str, family: Family) -> dict[str, str]:
    """The servers that a client's list *text* has, each with the part of the text that is about it."""
    found: dict[str, list[str]] = {}
    current: list[str] = []
    for line in _COLOURS.sub("", text).splitlines():
        row = re.match(family.row, line)
        if row is not None:
            current = found.setdefault(row["name"], [])
        current.append(line)
    return {name: "\n".join(lines) for name, lines in found.items()}


def not_shown(text: str, family: Family, entries: Mapping[str, object]) -> tuple[str, ...]:
    """The names among *entries* that the client's list *text* lacks, or shows with another command or address."""
    there = shown_servers(text, family)
    return tuple(
        name for name, entry in entries.items() if name not in there or (family.row_tells and _target(entry) not in there[name])
    )


def _target(entry: object) -> str:
    """What tells an entry from another one of its name: its address, or the program that it starts."""
    if not isinstance(entry, dict):
        return ""
    for key in ("url", "httpUrl", "serverUrl", "uri", "command", "cmd"):
        found = entry.get(key)
        if isinstance(found, list):
            return str(found[0]) if found else ""
        if isinstance(found, str):
            return found
    return ""
