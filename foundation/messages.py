"""JSON from callers that every parser reads in the same way, so that what was authorised is what is done.

More than one parser reads a message on its way (the MCP SDK alone has two, one for each era): what one refuses, another may
accept. So a message that parsers may read differently is refused first: duplicate members, infinite numbers, half of a
character, encodings other than UTF-8.
"""

from __future__ import annotations

from arcops.errors import Refused
from artifacts.envelope import strict_json


def one_reading(body: bytes, what: str) -> object:
    """The JSON in *body*. Raises `Refused`, naming *what* it is, if parsers could read it differently."""
    return strict_json(body, what)


def readable(arguments: object) -> None:
    """Raises `Refused` for a NUL in *arguments*: no path, name or document may have one, and it would fail later."""
    if any("\x00" in text for text in _texts(arguments)):
        raise Refused("an argument has a NUL character, which is not allowed in a path, name or document")


def _texts(value: object) -> list[str]:
    """Every string in *value*, including the names of members."""
    found: list[str] = []
    left = [value]
    while left:
        one = left.pop()
        if isinstance(one, str):
            found.append(one)
        elif isinstance(one, dict):
            found += [name for name in one if isinstance(name, str)]
            left += one.values()
        elif isinstance(one, list):
            left += one
    return found
