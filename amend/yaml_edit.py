"""One change at one place in one YAML document. Everything else stays as it was written: comments, order, style.

Places are found by the parser's marks. After every change the document is read again, and must hold exactly what was meant. If
it does not (an anchor that is used twice, a style that is not supported), there is no change.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass
from typing import Any

Path = tuple[str | int, ...]
Value = str | list["Value"] | dict[str, "Value"]
_PLAIN = re.compile(r"[A-Za-z][A-Za-z0-9_./-]*\Z|[0-9]+(?:\.[0-9]+){3}/[0-9]+\Z")
_TRICKY = re.compile(r"(?:y|yes|n|no|true|false|on|off|null)\Z", re.IGNORECASE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replace:
    """Replace the single value at *path* by *value*."""

    path: Path
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AddKey:
    """Give the mapping at *path* the member *key*, which it does not have."""

    path: Path
    key: str
    value: Value


@dataclass(frozen=True, slots=True, kw_only=True)
class AddItem:
    """Write *value* before the others of the list at *path*."""

    path: Path
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveItem:
    """Remove the item at *path*, whose last part is its index, from its list."""

    path: Path


_LONGEST_NUMBER = 64

Edit = Replace | AddKey | AddItem | RemoveItem


def edited(text: str, *edits: Edit) -> str | None:
    """*text*, one YAML document, after *edits*, one after the other; `None` if one of them cannot be made safely."""
    import yaml  # imported here, so that only judging manifests takes the time

    for edit in edits:
        try:
            document = _load(text)
            wanted = _meant(copy.deepcopy(document), edit)
            text = _written(text, edit)
            if _load(text) != wanted or wanted == document:
                return None
        except (yaml.YAMLError, LookupError, StopIteration, TypeError, ValueError, RecursionError):
            return None
    return text


def flow(value: Value) -> str:
    """*value* on one line of YAML, in quotes if a reader could take it for something else."""
    match value:
        case str():
            return value if _PLAIN.match(value) and not _TRICKY.match(value) else json.dumps(value)
        case list():
            return f"[{', '.join(flow(one) for one in value)}]"
        case dict():
            return f"{{{', '.join(f'{flow(key)}: {flow(one)}' for key, one in value.items())}}}"


def _load(text: str) -> Any:
    import yaml

    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(text)
    try:
        root = loader.get_single_node()
        if _has_long_number(root):
            raise ValueError("a number is too long to be edited")
        return loader.construct_document(root) if root is not None else None
    finally:
        loader.dispose()


def _has_long_number(root: Any) -> bool:
    """Does a scalar below *root* take long to compute? YAML 1.1 reads ``1:20:…`` as a number of any length."""
    left, seen = [root] if root is not None else [], set[int]()
    while left:
        node = left.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node.value, str):
            if len(node.value) > _LONGEST_NUMBER and node.tag.endswith((":int", ":float")):
                return True
        else:
            left += [one for item in node.value for one in (item if isinstance(item, tuple) else (item,))]
    return False


def _meant(document: Any, edit: Edit) -> Any:
    """*document* as it must be after *edit*. Raises `LookupError`, `TypeError` or `ValueError` if it cannot be made."""
    here = document
    for part in edit.path if isinstance(edit, AddKey | AddItem) else edit.path[:-1]:
        here = here[part]
    match edit:
        case Replace():
            hash(here[edit.path[-1]])  # a single value, not a mapping or a list
            here[edit.path[-1]] = edit.value
        case AddKey():
            if edit.key in here:
                raise LookupError(edit.path)
            here[edit.key] = edit.value
        case AddItem():
            here.insert(0, edit.value)
        case RemoveItem():
            del here[edit.path[-1]]
    return document


def _written(text: str, edit: Edit) -> str:
    import yaml

    root = yaml.compose(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    return _Page(text, root).write(edit)


class _Page:
    """A text, and the nodes in it."""

    def __init__(self, text: str, root: Any) -> None:
        self._text, self._root = text, root
        self._starts = [0]
        for line in text.split("\n"):
            self._starts.append(self._starts[-1] + len(line) + 1)

    def write(self, edit: Edit) -> str:
        match edit:
            case Replace():
                node = self._at(edit.path)
                return self._cut(self._index(node.start_mark), self._index(node.end_mark), flow(edit.value))
            case AddKey():
                return self._add_key(self._at(edit.path), f"{flow(edit.key)}: {flow(edit.value)}")
            case AddItem():
                return self._add_item(self._at(edit.path), flow(edit.value))
            case RemoveItem():
                return self._remove(self._at(edit.path[:-1]).value, self._at(edit.path[:-1]), int(edit.path[-1]))

    def _at(self, path: Path) -> Any:
        node = self._root
        for part in path:
            if isinstance(part, int) and not isinstance(node.value[0], tuple):
                node = node.value[part]
            else:
                node = next(one for key, one in node.value if key.value == str(part))
        return node

    def _index(self, mark: Any) -> int:
        return int(self._starts[mark.line]) + int(mark.column)

    def _cut(self, first: int, end: int, new: str) -> str:
        return self._text[:first] + new + self._text[end:]

    def _add_key(self, node: Any, pair: str) -> str:
        if node.flow_style:
            if not node.value:
                at = self._index(node.start_mark) + 1
                return self._cut(at, at, pair)
            at = self._index(node.value[-1][1].end_mark)
            return self._cut(at, at, f", {pair}")
        first, last = node.value[0][0], node.value[-1][1]
        column = " " * first.start_mark.column
        if isinstance(last.value, str) and last.style not in ("|", ">") and last.start_mark.line == last.end_mark.line:
            at = self._starts[last.end_mark.line + 1]
            return self._cut(at, at, f"{column}{pair}\n")
        at = self._index(first.start_mark)
        return self._cut(at, at, f"{pair}\n{column}")

    def _add_item(self, node: Any, item: str) -> str:
        at = self._index(node.start_mark)
        if node.flow_style:
            return self._cut(at + 1, at + 1, f"{item}, " if node.value else item)
        return self._cut(at, at, f"- {item}\n{' ' * node.start_mark.column}")

    def _remove(self, items: Any, node: Any, position: int) -> str:
        item = items[position]
        if len(items) == 1:
            start = self._index(node.start_mark)
            if node.flow_style:
                return self._cut(start, self._index(node.end_mark), "[]")
            # Cut up to the key's colon: the empty list is written on the key's own line.
            return self._cut(len(self._text[:start].rstrip()), self._index(_end(node)), " []")
        if node.flow_style:
            if position + 1 < len(items):
                return self._cut(self._index(item.start_mark), self._index(items[position + 1].start_mark), "")
            return self._cut(self._index(items[position - 1].end_mark), self._index(item.end_mark), "")
        after = items[position + 1].start_mark.line if position + 1 < len(items) else _end(item).line + 1
        return self._cut(self._starts[item.start_mark.line], self._starts[after], "")


def _end(node: Any) -> Any:
    """The mark at the end of *node*'s text. For a block, the parser's own mark comes after the comments that follow it."""
    if isinstance(node.value, str) or node.flow_style or not node.value:
        return node.end_mark
    last = node.value[-1]
    return _end(last[1] if isinstance(last, tuple) else last)
