"""Put tables into a TOML file, or take them out: every byte outside of them stays, comments and order too."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from amend.client.family import Value
from arcops.errors import Refused

_BARE = re.compile(r"[A-Za-z0-9_-]+\Z")
_ODD = re.compile(r"[\x7f-\x9f]")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Table:
    """A table from the line of its header at ``start`` to the end of its last statement."""

    path: tuple[str, ...]
    start: int
    end: int


def parsed(text: str, where: str) -> dict[str, object]:
    """What *text* holds. Raises `Refused` if it is not TOML."""
    try:
        return tomllib.loads(text.replace("\r\n", "\n"))
    except (tomllib.TOMLDecodeError, RecursionError, ValueError) as error:
        raise Refused(f"{where} is not TOML ({error}); nothing was changed: repair the file, or move it away") from error


def edited(text: str, path: Sequence[str], put: Mapping[str, Value], drop: Collection[str], *, where: str) -> str:
    """*text* with a table for each entry *put* below *path*, and without those of *drop*.

    Raises `Refused` if *text* cannot be read, or if an entry stands there in a form that cannot be changed without touching
    what is beside it (an inline table, a dotted key).
    """
    before = parsed(text, where)
    there = _below(before, path)
    line = "\r\n" if "\r\n" in text else "\n"
    for name in drop:
        if name in there:
            text, _ = _without(text, (*path, name), where)
    for name, value in put.items():
        if there.get(name) == value:
            continue
        block = "".join(one + line for one in _lines((*path, name), value))
        if name in there:
            text, at = _without(text, (*path, name), where)
            text = text[:at] + block + text[at:]
        else:
            text += ("" if not text or text.endswith("\n") else line) + (line if text.strip() else "") + block
    return text


def _below(values: dict[str, object], path: Sequence[str]) -> dict[str, object]:
    found: object = values
    for step in path:
        found = found.get(step, {}) if isinstance(found, dict) else {}
    return found if isinstance(found, dict) else {}


def _without(text: str, path: tuple[str, ...], where: str) -> tuple[str, int]:
    """*text* without the tables at and below *path*, and where the first of them began."""
    tables = [one for one in _tables(text) if one.path[: len(path)] == path]
    if not tables or tables[0].path != path:
        raise Refused(
            f"{where}: {'.'.join(path)} is written inline or with dots, so it cannot be changed alone; write it as the table "
            f"[{'.'.join(path)}], or remove it"
        )
    for one in reversed(tables):
        text = text[: one.start] + text[one.end :]
    return text, tables[0].start


def _tables(text: str) -> list[_Table]:
    found: list[_Table] = []
    for start, end in _statements(text):
        statement = text[start:end]
        if statement.lstrip().startswith("["):
            found.append(_Table(path=_path(statement), start=start, end=end))
        elif found:
            last = found[-1]
            found[-1] = _Table(path=last.path, start=last.start, end=end)
    return found


def _path(header: str) -> tuple[str, ...]:
    values: object = tomllib.loads(header.replace("\r\n", "\n"))
    steps: list[str] = []
    while isinstance(values, dict) and values:
        step, values = next(iter(values.items()))
        steps.append(step)
        if isinstance(values, list):
            values = values[0]
    return tuple(steps)


def _statements(text: str) -> Iterator[tuple[int, int]]:
    """The places of the headers and of the key and value pairs, each with the whole of its lines."""
    at, start, depth = 0, -1, 0
    header = False
    while at < len(text):
        char = text[at]
        if char == "\n":
            at += 1
            if start >= 0 and depth <= 0:
                yield start, at
                start, depth, header = -1, 0, False
            continue
        if char == "#":
            end = text.find("\n", at)
            at = len(text) if end < 0 else end
            continue
        if char in " \t\r":
            at += 1
            continue
        if start < 0:
            start = text.rfind("\n", 0, at) + 1
            header = char == "["
        if char in "\"'":
            at = _after_string(text, at)
            continue
        if not header:
            depth += (char in "[{") - (char in "]}")
        at += 1
    if start >= 0:
        yield start, len(text)


def _after_string(text: str, at: int) -> int:
    quote = text[at]
    if text.startswith(quote * 3, at):
        at += 3
        while at < len(text) and not text.startswith(quote * 3, at):
            at += 2 if quote == '"' and text[at] == "\\" else 1
        at += 3
        while text.startswith(quote, at):  # up to two quotes may stand before the closing three
            at += 1
        return at
    at += 1
    while at < len(text) and text[at] not in (quote, "\n"):
        at += 2 if quote == '"' and text[at] == "\\" else 1
    return at + 1


def _lines(path: tuple[str, ...], value: Value) -> Iterator[str]:
    if not isinstance(value, dict):
        raise Refused(f"{'.'.join(path)} is no table, so it cannot be written")
    yield f"[{'.'.join(map(_key, path))}]"
    for name, one in value.items():
        if not isinstance(one, dict):
            yield f"{_key(name)} = {_spelled(one)}"
    for name, one in value.items():
        if isinstance(one, dict):
            yield from _lines((*path, name), one)


def _key(name: str) -> str:
    return name if _BARE.match(name) else _spelled(name)


def _spelled(value: Value) -> str:
    if isinstance(value, str):
        return _ODD.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(value, ensure_ascii=False))
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return f"[{', '.join(map(_spelled, value))}]"
    return str(value)


def whole(path: tuple[str, ...], entries: Mapping[str, Value]) -> str:
    """A file that holds these *entries* and nothing else."""
    return "\n".join("".join(f"{line}\n" for line in _lines((*path, name), one)) for name, one in entries.items())
