"""An evidence body, which may be any JSON, as something that a page can lay out: tables where its objects are alike."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

MOST_LEAVES = 5000
MOST_COLUMNS = 8
MOST_DEPTH = 12
_MOST_TEXT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """``shape`` is ``text``, ``number`` (also truth and nothing), ``fields``, ``table`` or ``items``.

    ``fields`` and ``items`` have ``members`` by name, a ``table`` has ``columns`` and ``rows``. ``left`` is how many more
    there are than are shown.
    """

    shape: str
    text: str = ""
    members: tuple[tuple[str, Node], ...] = ()
    columns: tuple[str, ...] = ()
    rows: tuple[tuple[Node, ...], ...] = ()
    left: int = 0


@dataclass(slots=True)
class _Budget:
    left: int = field(default=MOST_LEAVES)

    def take(self) -> bool:
        self.left -= 1
        return self.left >= 0


def lay_out(value: object) -> Node:
    """*value*, parsed JSON, in at most `MOST_LEAVES` leaves."""
    return _node(value, _Budget(), 0)


def _node(value: object, budget: _Budget, depth: int) -> Node:
    if depth >= MOST_DEPTH and isinstance(value, (dict, list)):
        return Node(shape="number", text=f"… {len(value)} more, too deep to be shown here")
    if isinstance(value, dict):
        shown = tuple(_members(value, budget, depth))
        return Node(shape="fields", members=shown, left=len(value) - len(shown))
    if isinstance(value, list):
        columns = _columns(value)
        if columns:
            rows = tuple(_rows(value, columns, budget, depth))
            return Node(shape="table", columns=columns, rows=rows, left=len(value) - len(rows))
        shown = tuple(_members({str(number): one for number, one in enumerate(value, 1)}, budget, depth))
        return Node(shape="items", members=shown, left=len(value) - len(shown))
    return _leaf(value)


def _members(value: Mapping[str, object], budget: _Budget, depth: int) -> Iterator[tuple[str, Node]]:
    for name, member in value.items():
        if not budget.take():
            return
        yield str(name), _node(member, budget, depth + 1)


def _rows(value: list[object], columns: tuple[str, ...], budget: _Budget, depth: int) -> Iterator[tuple[Node, ...]]:
    for row in value:
        if not budget.take() or not isinstance(row, dict):
            return
        budget.left -= len(columns)
        yield tuple(_node(row[name], budget, depth + 2) if name in row else Node(shape="number") for name in columns)


def _columns(value: list[object]) -> tuple[str, ...]:
    """The columns of a table, where every item is an object and together they have few fields, none with much inside."""
    names: dict[str, None] = {}
    for row in value:
        if not isinstance(row, dict) or not row:
            return ()
        names |= dict.fromkeys(row)
        if len(names) > MOST_COLUMNS or any(_large(member) for member in row.values()):
            return ()
    return tuple(names)


def _large(value: object) -> bool:
    if isinstance(value, dict):
        return len(value) > 4 or any(isinstance(member, (dict, list)) and member for member in value.values())
    if isinstance(value, list):
        return len(value) > 6 or any(isinstance(member, (dict, list)) and member for member in value)
    return False


def _leaf(value: object) -> Node:
    if isinstance(value, str):
        cut = f"{value[:_MOST_TEXT]}… ({len(value)} characters)" if len(value) > _MOST_TEXT else value
        return Node(shape="text", text=cut)
    words = {"None": "nothing", "True": "yes", "False": "no"}
    return Node(shape="number", text=words.get(str(value), str(value)))
