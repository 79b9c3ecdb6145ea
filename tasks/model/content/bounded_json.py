"""Strict JSON: no key twice, no NaN, limits on length and depth, errors in plain words."""

from __future__ import annotations

import json
from collections import Counter
from typing import NoReturn

from artifacts.nesting import TOO_DEEP, deep_line
from tasks.model.content.draft import printable
from tasks.model.content.window import Malformed

Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


MOST_VALUES = 6_000_000
"""The most lists, mappings and members; the vocabularies of the largest tokenizers have about two million."""


def parse(data: bytes, *, constants: bool = False) -> Json:
    """The value of *data*. Raises `Malformed`. *constants*: NaN and the infinities, which Python writes, count as numbers."""
    if data.count(b",") + data.count(b"[") + data.count(b"{") > MOST_VALUES:
        raise Malformed(f"its JSON has more than {MOST_VALUES} values, the limit for reading")
    constant = float if constants else _no_constant
    if (line := deep_line(data)) is not None:
        raise Malformed(f"its JSON is not read: {TOO_DEEP} on line {line}")
    try:
        value: Json = json.loads(
            data.decode("utf-8-sig" if constants else "utf-8"), object_pairs_hook=_once, parse_constant=constant
        )
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
