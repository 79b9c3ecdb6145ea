"""The places at which two JSON documents differ: the path of each, with its value on both sides."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

MOST_FIELDS = 200
_MOST_VALUE = 300
_LONGEST_PATH = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldChanged:
    """One place in a document. ``a`` or ``b`` is empty if that side does not have the place."""

    path: str
    a: str
    b: str


def differing(a: object, b: object) -> tuple[tuple[FieldChanged, ...], int]:
    """The first 200 places at which the JSON values *a* and *b* differ, and how many more there are."""
    first, second = dict(_leaves(a, "")), dict(_leaves(b, ""))
    paths = [path for path in {**first, **second} if _exact(first, path) != _exact(second, path)]
    shown = (FieldChanged(path=_short(path), a=_shown(first, path), b=_shown(second, path)) for path in paths[:MOST_FIELDS])
    return tuple(shown), max(0, len(paths) - MOST_FIELDS)


def _exact(body: Mapping[str, object], path: str) -> str:
    """The value at *path* as JSON, so that 1 differs from "1" and from ``true``; empty if the path does not exist."""
    return json.dumps(body[path]) if path in body else ""


def _shown(body: Mapping[str, object], path: str) -> str:
    value = body.get(path, "")
    return _short(value if isinstance(value, str) else json.dumps(value))


def _short(text: str) -> str:
    """*text*, cut if it is prose: what has no space, such as a path or a digest, is copied and used, so it is whole."""
    most = _MOST_VALUE if any(one.isspace() for one in text) else _LONGEST_PATH
    return text if len(text) <= most else f"{text[:most]}… ({len(text)} characters)"


def _leaves(value: object, where: str) -> Iterator[tuple[str, object]]:
    """Each leaf of a JSON value by its path. Objects in a list go by their name, so that a new one does not move the others."""
    if isinstance(value, dict) and value:
        for name, member in value.items():
            yield from _leaves(member, f"{where}.{_plain(name)}" if where else _plain(name))
    elif isinstance(value, list) and value:
        for name, member in zip(_names(value), value, strict=True):
            yield from _leaves(member, f"{where}[{_plain(name)}]")
    else:
        yield where, value


def _plain(name: str) -> str:
    """*name* as part of a path, quoted if it could be read as more than one part."""
    return json.dumps(name, ensure_ascii=False) if set('[]"') & set(name) else name


def _names(values: list[object]) -> Iterable[str]:
    for field in ("path", "name", "id", "uuid", "purl"):
        names = [value.get(field) if isinstance(value, dict) else None for value in values]
        if all(isinstance(name, str) for name in names) and len(set(names)) == len(names):
            return [str(name) for name in names]
    return [str(number) for number in range(len(values))]
