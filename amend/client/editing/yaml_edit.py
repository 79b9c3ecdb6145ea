"""Put entries into a mapping of a YAML file, or take them out: every byte outside of them stays, comments and order too."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence

import yaml

from amend.client.family import Value
from arcops.errors import Refused

_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_-]*\Z")
_TRICKY = re.compile(r"(?:y|yes|n|no|true|false|on|off|null)\Z", re.IGNORECASE)


def parsed(text: str, where: str) -> dict[str, object]:
    """What *text* holds; an empty file holds nothing. Raises `Refused` if it is not one YAML mapping, or has a key twice."""
    node = _composed(text, where)
    if node is None:
        return {}
    try:
        loaded: object = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError, OverflowError) as error:  # a tag of its own, or a date that no calendar has
        raise Refused(f"{where} holds a value that no client can be relied on to read; nothing was changed") from error
    if not isinstance(loaded, dict):
        raise Refused(f"{where} holds no mapping, so no server can be put into it; repair the file, or move it away")
    return loaded


def _composed(text: str, where: str) -> yaml.MappingNode | None:
    try:
        nodes = list(yaml.compose_all(text, Loader=yaml.SafeLoader))
        for node in nodes:
            _refuse_twice(node, where)
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        mark = getattr(error, "problem_mark", None)
        place = f" line {mark.line + 1}" if mark is not None else ""
        raise Refused(f"{where}{place} is not YAML; nothing was changed: repair the file, or move it away") from error
    if len(nodes) > 1:
        raise Refused(f"{where} holds {len(nodes)} documents, and clients read one; nothing was changed")
    if not nodes or (isinstance(nodes[0], yaml.ScalarNode) and nodes[0].tag.endswith(":null")):
        return None
    if not isinstance(nodes[0], yaml.MappingNode):
        raise Refused(f"{where} holds no mapping, so no server can be put into it; repair the file, or move it away")
    return nodes[0]


def _refuse_twice(node: yaml.Node | None, where: str, depth: int = 0) -> None:
    if depth > 100:
        raise ValueError("nested too deep")
    if isinstance(node, yaml.MappingNode):
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode) and key.value != "<<"]
        if twice := next((one for one in keys if keys.count(one) > 1), None):
            raise Refused(f"{where}: the key {str(twice)[:60]!r} stands there twice; nothing was changed: repair the file")
        for key, value in node.value:
            _refuse_twice(key, where, depth + 1)
            _refuse_twice(value, where, depth + 1)
    elif isinstance(node, yaml.SequenceNode):
        for one in node.value:
            _refuse_twice(one, where, depth + 1)


def edited(text: str, path: Sequence[str], put: Mapping[str, Value], drop: Collection[str], *, where: str) -> str:
    """*text* with the entries *put* in the mapping at the key *path*, and without those of *drop*.

    Raises `Refused` if *text* cannot be read, or if the mapping is written in braces.
    """
    (key,) = path
    if text and not text.endswith("\n") and yaml.safe_load(text) != yaml.safe_load(text + "\n"):
        raise Refused(f"{where} ends within a block of text, without a last line break; add one, and try again")
    for name in drop:
        text = _changed(text, key, name, None, where)
    for name, value in put.items():
        text = _changed(text, key, name, value, where)
    return text


def _changed(text: str, key: str, name: str, value: Value | None, where: str) -> str:
    line = "\r\n" if "\r\n" in text else "\n"
    root = _composed(text, where)
    if root is not None and root.flow_style:
        raise Refused(f"{where} is written in braces, so an entry cannot be changed alone; write it with one key a line")
    pair = next((one for one in (root.value if root is not None else ()) if one[0].value == key), None)
    if pair is None:
        if value is None:
            return text
        return _ended(text, line) + "".join(one + line for one in (f"{key}:", *_entry(name, value, "  ")))
    head, held = pair
    if not isinstance(held, yaml.MappingNode) or held.flow_style or not held.value:
        return _first(text, head, held, name, value, line, where)
    lines = text.splitlines(keepends=True)
    indent = " " * held.value[0][0].start_mark.column
    for number, (inner, body) in enumerate(held.value):
        if inner.value != name:
            continue
        start, end = inner.start_mark.line, _end(inner, body)
        if value is not None and _is_so(_dedented(lines[start:end], len(indent)), {name: value}):
            return text
        new = [] if value is None else [one + line for one in _entry(name, value, indent)]
        if not new and len(held.value) == 1 and number == 0:
            at = head.end_mark
            kept = lines[at.line]
            lines[at.line] = kept[: at.column] + ": {}" + kept[at.column + 1 :]
        return "".join((*lines[:start], *new, *lines[end:]))
    if value is None:
        return text
    end = _end(*held.value[-1])
    before = "".join(lines[:end])
    return _ended(before, line) + "".join(one + line for one in _entry(name, value, indent)) + "".join(lines[end:])


def _is_so(text: str, wanted: object) -> bool:
    """Does this part of a file say that already? One that refers to another part does not."""
    try:
        return bool(yaml.safe_load(text) == wanted)
    except yaml.YAMLError:
        return False


def _first(text: str, head: yaml.Node, held: yaml.Node, name: str, value: Value | None, line: str, where: str) -> str:
    """Nothing is in the mapping yet: it is empty, ``{}``, or not written at all."""
    empty = (isinstance(held, yaml.ScalarNode) and held.value == "") or (isinstance(held, yaml.MappingNode) and not held.value)
    if not empty:
        raise Refused(f"{where}: {head.value} is written in braces or is no mapping; write it with one key a line")
    if value is None:
        return text
    lines = text.splitlines(keepends=True)
    row, at = head.end_mark.line, held.end_mark
    if isinstance(held, yaml.MappingNode):
        if held.start_mark.line != row or at.line != row:
            raise Refused(f"{where}: the braces of {head.value} stand on a line of their own; write it with one key a line")
        lines[row] = lines[row][: head.end_mark.column] + ":" + lines[row][at.column :]
    indent = " " * (head.start_mark.column + 2)
    before = _ended("".join(lines[: row + 1]), line)
    return before + "".join(one + line for one in _entry(name, value, indent)) + "".join(lines[row + 1 :])


def _end(key: yaml.Node, value: yaml.Node) -> int:
    """The number of the first line after an entry. A collection's own mark lies after the comments that follow it."""
    last = value
    while isinstance(last, yaml.CollectionNode) and not last.flow_style and last.value:
        last = last.value[-1] if isinstance(last, yaml.SequenceNode) else last.value[-1][1]
    mark = last.end_mark
    block = isinstance(last, yaml.ScalarNode) and last.style in ("|", ">")
    return max(int(mark.line) + (0 if block and mark.column == 0 else 1), int(key.end_mark.line) + 1)


def _dedented(lines: Sequence[str], columns: int) -> str:
    return "".join(one[columns:] if one[:columns].isspace() else one for one in lines)


def _ended(text: str, line: str) -> str:
    return text if not text or text.endswith("\n") else text + line


def _entry(name: str, value: Value, indent: str) -> Iterator[str]:
    key = name if _PLAIN.match(name) and not _TRICKY.match(name) else _spelled(name)
    if isinstance(value, dict) and value:
        yield f"{indent}{key}:"
        for inner, one in value.items():
            yield from _entry(inner, one, indent + "  ")
    elif isinstance(value, list) and value:
        yield f"{indent}{key}:"
        for one in value:
            yield f"{indent}  - {_spelled(one)}"
    else:
        yield f"{indent}{key}: {_spelled(value)}"


def _spelled(value: Value) -> str:
    if isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        return "".join(one if one.isprintable() else f"\\U{ord(one):08x}" for one in text)
    return json.dumps(value, ensure_ascii=False)


def whole(path: Sequence[str], entries: Mapping[str, Value]) -> str:
    """A file that holds these *entries* and nothing else."""
    (key,) = path
    if not entries:
        return f"{key}: {{}}\n"
    return "".join(f"{line}\n" for line in (f"{key}:", *(one for name in entries for one in _entry(name, entries[name], "  "))))
