"""Strict JSON: no key twice, no NaN, limits on length and depth, errors in plain words."""

from __future__ import annotations

import json
from collections import Counter
from typing import NoReturn

from artifacts.nesting import DEEPEST, TOO_DEEP, deep_line
from tasks.model.content.draft import printable
from tasks.model.content.window import Malformed

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


MOST_VALUES = 6_000_000
"""The most lists, mappings and members; the vocabularies of the largest tokenizers have about two million."""


def parse(data: bytes, *, constants: bool = False) -> Json:
    """The value of *data*. Raises `Malformed`. *constants*: NaN and the infinities, which Python writes, count as numbers."""
    brackets = data.count(b"[") + data.count(b"{")
    if data.count(b",") + brackets > MOST_VALUES:
        raise Malformed(f"its JSON has more than {MOST_VALUES} values, the limit for reading")
    # Fewer brackets than levels cannot be nested too deep.
    if brackets > DEEPEST and (line := deep_line(data)) is not None:
        raise Malformed(f"its JSON is not read: {TOO_DEEP} on line {line}")
    try:
        text = data.decode("utf-8-sig" if constants else "utf-8")
        if text.startswith("\ufeff"):
            raise Malformed("its JSON does not parse: Unexpected UTF-8 BOM (decode using utf-8-sig): line 1 column 1 (char 0)")
        value: Json = (_WITH_CONSTANTS if constants else _STRICT).decode(text)
    except UnicodeDecodeError as error:
        raise Malformed(f"its JSON is not UTF-8 at byte {error.start}") from error
    except RecursionError as error:
        raise Malformed("its JSON is nested too deep") from error
    except json.JSONDecodeError as error:
        raise Malformed(f"its JSON does not parse: {printable(str(error))}") from error
    except ValueError as error:
        raise Malformed("its JSON holds a whole number with thousands of digits") from error
    return value


def _once(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    found = dict(pairs)
    if len(found) != len(pairs):
        counts = Counter(name for name, _ in pairs)
        twice = counts.most_common(1)[0][0]
        raise Malformed(f"its JSON has the key {printable(twice)!r} twice, and readers differ on which one counts")
    return found


def _no_constant(name: str) -> NoReturn:
    raise Malformed(f"its JSON has the value {name}, which JSON does not allow")


_STRICT = json.JSONDecoder(object_pairs_hook=_once, parse_constant=_no_constant)
_WITH_CONSTANTS = json.JSONDecoder(object_pairs_hook=_once, parse_constant=float)
"""Made once: for a small document, making one takes as long as reading it."""
