"""JSON that callers send, with one reading: what a guard asks a scope for is what is then done.

A message is read by more than one parser on its way (the MCP SDK alone has two, one for each era): what one refuses, another
may take. So what is not the same to all is refused before: members said twice, numbers without end, half of a character, other
encodings than UTF-8.
"""

from __future__ import annotations

from arcops.errors import Refused
from artifacts.envelope import strict_json


def one_reading(body: bytes, what: str) -> object:
    """The JSON in *body*. Raises `Refused`, naming *what* it is, where readers could differ."""
    value = strict_json(body, what)
    for text in _texts(value):
        if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
            raise Refused(f"{what} holds half of a surrogate pair, which is no character")
    return value


def readable(arguments: object) -> None:
    """Raises `Refused` for a NUL in *arguments*: no path, name or document has one, and each would fail elsewhere."""
    if any("\x00" in text for text in _texts(arguments)):
        raise Refused("an argument holds a NUL character, which no path, name or document has")


def _texts(value: object) -> list[str]:
    """Every string in *value*, names of members too."""
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
