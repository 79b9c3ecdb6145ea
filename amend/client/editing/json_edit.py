"""Put entries into a JSON or JSONC file, or take them out: every byte outside of them stays, comments and order too."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence

from amend.client.editing.json_text import Member, Node, find, name_of, read, spelled
from amend.client.family import Value


def edited(
    text: str,
    path: Sequence[str],
    put: Mapping[str, Value],
    drop: Collection[str],
    *,
    comments: bool,
    where: str,
    array: bool = False,
) -> str:
    """*text* with the entries *put* in the object (with *array*: the array) at *path*, and without those of *drop*.

    Raises `Refused` if *text* cannot be read, or *path* leads to something else.
    """
    if not text.strip():
        text = "{}" + ("\n" if text.endswith("\n") or not text else "")
    for name in drop:
        text = _dropped(text, path, name, comments=comments, where=where)
    for name, value in put.items():
        text = _put(text, path, name, value, comments=comments, where=where, array=array)
    return text


def _put(text: str, path: Sequence[str], name: str, value: Value, *, comments: bool, where: str, array: bool) -> str:
    root = read(text, comments=comments, where=where)
    node, rest = find(root, path, where)
    unit, line = _unit(text, root), "\r\n" if "\r\n" in text else "\n"
    if rest:
        inner: Value = [value] if array else {name: value}
        for step in reversed(rest[1:]):
            inner = {step: inner}
        return _added(text, node, rest[0], inner, unit, line)
    found = next((one for one in node.members if name_of(one) == name), None)
    if found is None:
        return _added(text, node, "" if node.kind == "array" else name, value, unit, line)
    if found.node.value == value:
        return text
    new = spelled(value, indent=_indent(text, found.start), unit=unit, line=line)
    return text[: found.node.start] + new + text[found.node.end :]


def _added(text: str, node: Node, key: str, value: Value, unit: str, line: str) -> str:
    base = _indent(text, node.start)
    indent = base + unit
    if node.members and text[: node.members[0].start].rstrip(" \t").endswith("\n"):
        indent = _indent(text, node.members[0].start)
    new = line + indent + (json.dumps(key, ensure_ascii=False) + ": " if key else "")
    new += spelled(value, indent=indent, unit=unit, line=line)
    at = node.content_end
    if "\n" not in text[at : node.end]:
        new += line + base
    if node.members and not node.comma:
        last = node.members[-1].node.end
        return text[:last] + "," + text[last:at] + new + text[at:]
    return text[:at] + new + text[at:]


def _dropped(text: str, path: Sequence[str], name: str, *, comments: bool, where: str) -> str:
    node, rest = find(read(text, comments=comments, where=where), path, where)
    found = None if rest else next((one for one in node.members if name_of(one) == name), None)
    if found is None:
        return text
    start = len(text[: found.start].rstrip(" \t\r\n"))
    index = node.members.index(found)
    after = _comma(text, found, comments=comments)
    if after:
        return text[:start] + text[found.node.end : after - 1] + text[after:]
    if index:  # it is the last one, and the comma before it goes with it
        before = _comma(text, node.members[index - 1], comments=comments)
        kept = text[before:start]
        return text[: before - 1] + kept + text[found.node.end :]
    if not text[node.start + 1 : start].strip() and not text[found.node.end : node.end - 1].strip():
        return text[: node.start + 1] + text[node.end - 1 :]
    return text[:start] + text[found.node.end :]


def _comma(text: str, member: Member, *, comments: bool) -> int:
    """The place after the comma that follows *member*; 0 if none does. Comments may stand between."""
    at = member.node.end
    while at < len(text):
        if text.startswith("//", at):
            at = text.find("\n", at)
            if at < 0:
                return 0
        elif text.startswith("/*", at):
            at = text.find("*/", at) + 2
        elif text[at] in " \t\r\n":
            at += 1
        else:
            return at + 1 if text[at] == "," else 0
    return 0


def _indent(text: str, at: int) -> str:
    """The white space with which the line of *at* begins."""
    line = text[text.rfind("\n", 0, at) + 1 : at]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _unit(text: str, root: Node) -> str:
    """The indentation of the file, as its first member shows; two spaces if it shows none."""
    base = _indent(text, root.start)
    for member in root.members:
        if text[: member.start].rstrip(" \t").endswith("\n") and (found := _indent(text, member.start)) > base:
            return found[len(base) :]
    return "  "
