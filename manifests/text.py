"""Objects as YAML: the same bytes for the same objects, with comments, and no value that could be misread."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from manifests.objects import Json

Value = Mapping[str, "Value"] | Sequence["Value"] | str | int
_PLAIN = re.compile(r"[A-Za-z/][-A-Za-z0-9_./]*\Z")
_MEANT_OTHERWISE = frozenset(("y", "n", "yes", "no", "on", "off", "true", "false", "null", "none", "nan", "inf"))
"""Words that YAML 1.1 reads as other types, in upper or lower case."""


def document(comment: str, value: Mapping[str, Json]) -> str:
    """One document with *comment* at its top."""
    lines = [f"# {line}" for line in comment.splitlines()]
    return "\n".join([*lines, *_block(value, 0)]) + "\n"


def documents(texts: Sequence[str]) -> str:
    return "---\n".join(texts)


def scalar(value: str | float | None) -> str:
    """*value*, quoted if a reader could misread it."""
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if not isinstance(value, str):
        return str(value)
    plain = _PLAIN.match(value) and value.lower() not in _MEANT_OTHERWISE
    return value if plain else f'"{"".join(map(_escaped, value))}"'


def _escaped(char: str) -> str:
    code = ord(char)
    if char in '"\\':
        return f"\\{char}"
    if 0x20 <= code < 0x7F:
        return char
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


def _block(value: Mapping[str, Json], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for key, inner in value.items():
        name = scalar(key)
        if isinstance(inner, str | float | int | None):
            yield f"{pad}{name}: {scalar(inner)}"
        elif isinstance(inner, Mapping):
            if inner:
                yield f"{pad}{name}:"
                yield from _block(inner, depth + 1)
            else:
                yield f"{pad}{name}: {{}}"
        elif inner:
            yield f"{pad}{name}:"
            yield from _items(inner, depth + 1)
        else:
            yield f"{pad}{name}: []"


def _items(values: Sequence[Json], depth: int) -> Iterator[str]:
    pad = "  " * depth
    for one in values:
        if isinstance(one, str | float | int | None):
            yield f"{pad}- {scalar(one)}"
        elif one:
            first, *rest = _block(one, depth + 1) if isinstance(one, Mapping) else _items(one, depth + 1)
            yield f"{pad}- {first.lstrip()}"
            yield from rest
        else:
            yield f"{pad}- {{}}" if isinstance(one, Mapping) else f"{pad}- []"
