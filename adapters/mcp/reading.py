"""Messages that have one reading: what the guard asks a scope for is what the SDK then does.

The SDK reads messages with two parsers, one for each era, and neither is ``json``: what one refuses, another may take. So what
is not the same to all of them is refused before: members said twice, numbers without end, half of a character, other encodings.
"""

from __future__ import annotations

from arcops.errors import Refused
from artifacts.envelope import strict_json


def message(body: bytes) -> object:
    """The JSON in *body*. Raises `Refused` where readers could differ."""
    value = strict_json(body, "the message")
    for text in _texts(value):
        if not text.isascii() and any("\ud800" <= one <= "\udfff" for one in text):
            raise Refused("the message holds half of a surrogate pair, which is no character")
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
