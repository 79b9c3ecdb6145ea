"""An evidence body, which may be any JSON, in a form that a page can show: tables if its objects are alike."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MOST_LEAVES = 5000
MOST_COLUMNS = 9
MOST_DEPTH = 12
MOST_WORDS = 40
MOST_IN_A_CELL = 4
_MOST_TEXT = 2000
_HEX = re.compile(r"([a-z0-9]{1,10}:)?[0-9a-f]{32,128}\Z")
_FIRST = ("path", "name", "id", "uuid", "purl", "kind")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaidOut:
    """``shape`` is ``text``, ``hex`` (a digest), ``number`` (also yes and no), ``fields``, ``table``, ``items``
    or ``words`` (a short list of plain values).

    ``fields``, ``words`` and ``items`` have ``members`` by name, a ``table`` has ``columns`` and ``rows``. ``empty`` names
    the fields with no content, ``left`` is how many more members or rows there are than are shown.
    """

    shape: str
    text: str = ""
    members: tuple[tuple[str, LaidOut], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[LaidOut, ...], ...] = ()
    empty: tuple[str, ...] = ()
    left: int = 0


@dataclass(slots=True)
class _Budget:
    left: int = field(default=MOST_LEAVES)

    def take(self, count: int = 1) -> bool:
        self.left -= count
        return self.left >= 0


def lay_out(value: object) -> LaidOut:
    """*value*, parsed JSON, in at most about `MOST_LEAVES` leaves."""
    return _node(value, _Budget(), 0)


def _node(value: object, budget: _Budget, depth: int) -> LaidOut:
    if not isinstance(value, (dict, list)):
        return _leaf(value)
    if depth >= MOST_DEPTH:
        return LaidOut(shape="number", text=f"… {len(value)} more, nested too deep to be shown here")
    if isinstance(value, list):
        if len(value) <= MOST_WORDS and not any(isinstance(one, (dict, list)) for one in value):
            return _members("words", _numbered(value), budget, depth)
        return _table(value, budget, depth) or _members("items", _numbered(value), budget, depth)
    return _members("fields", value, budget, depth)


def _members(shape: str, value: Mapping[str, object], budget: _Budget, depth: int) -> LaidOut:
    empty = tuple(name for name, member in value.items() if _nothing(member)) if shape == "fields" else ()
    full = {name: member for name, member in value.items() if name not in empty}
    shown = tuple((name, _node(member, budget, depth + 1)) for name, member in full.items() if budget.take())
    return LaidOut(shape=shape, members=shown, empty=empty[:MOST_LEAVES], left=len(full) - len(shown))


def _numbered(value: list[object]) -> Mapping[str, object]:
    return {str(number): one for number, one in enumerate(value, 1)}


def _table(value: list[object], budget: _Budget, depth: int) -> LaidOut | None:
    """A table, if every item is an object and together they have few fields, with little inside each."""
    flat: list[dict[str, object]] = []
    for row in value:
        if not isinstance(row, dict) or not row:
            return None
        flat.append(dict(_flat(row)))
    names = {name: None for row in flat for name in row}
    full = [name for name in names if not all(_nothing(row.get(name)) for row in flat)]
    if not full or len(full) > MOST_COLUMNS or any(_large(member) for row in flat for member in row.values()):
        return None
    columns = tuple(sorted(full, key=lambda name: _FIRST.index(name) if name in _FIRST else len(_FIRST)))
    rows = tuple(
        tuple(
            _node(row[name], budget, depth + 2) if not _nothing(row.get(name)) else LaidOut(shape="number") for name in columns
        )
        for row in flat
        if budget.take(len(columns))
    )
    empty = tuple(name for name in names if name not in full)
    return LaidOut(shape="table", columns=columns, rows=rows, empty=empty, left=len(flat) - len(rows))


def _flat(row: Mapping[str, object], before: str = "") -> Iterator[tuple[str, object]]:
    """The fields of *row*; the fields of a nested object are named ``outer.inner``."""
    for name, member in row.items():
        if isinstance(member, dict) and member and not before:
            yield from _flat(member, f"{name}.")
        else:
            yield f"{before}{name}", member


def _nothing(value: object) -> bool:
    return value is None or value in ("", [], {})


def _large(value: object) -> bool:
    if isinstance(value, dict):
        return _leaves(value) > MOST_IN_A_CELL
    return isinstance(value, list) and (len(value) > 6 or any(isinstance(member, (dict, list)) and member for member in value))


def _leaves(value: object) -> int:
    """How many plain values there are in *value*, empty ones left out."""
    if isinstance(value, (dict, list)):
        return sum(_leaves(member) for member in (value.values() if isinstance(value, dict) else value))
    return 0 if _nothing(value) else 1


def _leaf(value: object) -> LaidOut:
    if isinstance(value, str):
        if _HEX.match(value):
            return LaidOut(shape="hex", text=value)
        return LaidOut(
            shape="text", text=f"{value[:_MOST_TEXT]}… ({len(value)} characters)" if len(value) > _MOST_TEXT else value
        )
    words = {"None": "nothing", "True": "yes", "False": "no"}
    return LaidOut(shape="number", text=words.get(str(value), str(value)))
