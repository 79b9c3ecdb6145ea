"""JSON and JSONC with the places of every value, so that one member can change and every other byte stays."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

from amend.client.family import Value
from arcops.errors import Refused

DEEPEST = 100
_STRING = re.compile(r'"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[0-9A-Fa-f]{4}))*"')
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?")
_WORD = re.compile(r"true|false|null")
_WHITE = " \t\r\n"


@dataclass(slots=True, kw_only=True)
class Node:
    """A value from ``start`` to ``end`` of the text. ``members`` are those of an object or array; an item's key is empty.

    ``content_end`` is the end of the last thing before the closing bracket, a comment included; ``comma`` says that a comma
    stands after the last member.
    """

    start: int
    end: int = 0
    kind: str
    value: object = None
    members: list[Member] = field(default_factory=list)
    content_end: int = 0
    comma: bool = False

    def member(self, key: str) -> Member | None:
        """The member of that *key*."""
        return next((one for one in self.members if one.key == key), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Member:
    """A member of an object or an item of an array, from ``start``, the begin of its key."""

    key: str
    start: int
    node: Node


class _Reader:
    def __init__(self, text: str, *, comments: bool, where: str) -> None:
        self.text, self.at, self.comments, self.where = text, 0, comments, where
        self.solid = 0
        """The end of the last thing that was not white space."""

    def fail(self, what: str) -> Refused:
        line = self.text.count("\n", 0, self.at) + 1
        return Refused(f"{self.where} line {line}: {what}; nothing was changed: repair the file, or move it away")

    def space(self) -> None:
        while self.at < len(self.text):
            if self.text[self.at] in _WHITE:
                self.at += 1
                continue
            if not self.text.startswith(("//", "/*"), self.at):
                return
            if not self.comments:
                raise self.fail("it has a comment, which this client does not read")
            block = self.text.startswith("/*", self.at)
            end = self.text.find("*/" if block else "\n", self.at + 2)
            if end < 0 and block:
                raise self.fail("a comment does not end")
            self.at = len(self.text) if end < 0 else end + 2 * block
            self.solid = self.at if block or not self.text[: self.at].endswith("\r") else self.at - 1

    def value(self, depth: int = 0) -> Node:
        if depth > DEEPEST:
            raise self.fail(f"values are nested more than {DEEPEST} deep")
        start, char = self.at, self.text[self.at : self.at + 1]
        if char in ("{", "["):
            return self.collection(depth, "}" if char == "{" else "]")
        for kind, form in (("string", _STRING), ("number", _NUMBER), ("word", _WORD)):
            if found := form.match(self.text, self.at):
                self.at = self.solid = found.end()
                return Node(start=start, end=self.at, kind=kind, value=json.loads(found[0]))
        raise self.fail("a value is expected" if char else "the file ends too early")

    def collection(self, depth: int, closing: str) -> Node:
        node = Node(start=self.at, kind="object" if closing == "}" else "array")
        self.at += 1
        self.solid = self.at
        self.space()
        while not self.text.startswith(closing, self.at):
            if node.members and not node.comma:
                raise self.fail(f"',' or {closing!r} is expected")
            start, key = self.at, self.key() if closing == "}" else ""
            if closing == "}" and node.member(key):
                raise self.fail(f"the key {key[:60]!r} stands there twice")
            node.members.append(Member(key=key, start=start, node=self.value(depth + 1)))
            self.space()
            node.comma = self.text.startswith(",", self.at)
            if node.comma:
                self.at += 1
                self.solid = self.at
                self.space()
        if node.comma and not self.comments:
            raise self.fail("a comma stands before the end of a list, which this client does not read")
        node.content_end = self.solid
        self.at += 1
        node.end = self.solid = self.at
        node.value = (
            {one.key: one.node.value for one in node.members} if closing == "}" else [m.node.value for m in node.members]
        )
        return node

    def key(self) -> str:
        found = _STRING.match(self.text, self.at)
        if not found:
            raise self.fail("a key in double quotes is expected")
        self.at = found.end()
        self.space()
        if not self.text.startswith(":", self.at):
            raise self.fail("':' is expected")
        self.at += 1
        self.space()
        return cast(str, json.loads(found[0]))


def read(text: str, *, comments: bool, where: str) -> Node:
    """The object that *text* holds. Raises `Refused`, which names the file and the line, for anything else, and for a key
    twice.
    """
    reader = _Reader(text, comments=comments, where=where)
    reader.space()
    node = reader.value()
    reader.space()
    if reader.at < len(text):
        raise reader.fail("something stands after the end")
    if node.kind != "object":
        raise Refused(f"{where} holds no JSON object, so no server can be put into it; repair the file, or move it away")
    return node


def find(root: Node, path: Sequence[str], where: str) -> tuple[Node, tuple[str, ...]]:
    """The innermost collection on *path* that there is, and the rest of the path. Raises `Refused` if a step is no object."""
    node = root
    for depth, step in enumerate(path):
        found = node.member(step)
        if found is None:
            return node, tuple(path[depth:])
        if found.node.kind not in ("object", "array"):
            raise Refused(f"{where}: {'.'.join(path[: depth + 1])} is no object; nothing was changed: repair it first")
        node = found.node
    return node, ()


def name_of(member: Member) -> str:
    """The name of a member of an object, or the ``id`` of an item of an array; empty if it has none."""
    if member.key or not isinstance(member.node.value, dict):
        return member.key
    found = member.node.value.get("id")
    return found if isinstance(found, str) else ""


def spelled(value: Value, *, indent: str, unit: str, line: str) -> str:
    """*value* as JSON text whose first line stands at its place and whose others begin with *indent*."""
    text = json.dumps(value, indent=unit, ensure_ascii=False)
    return text.replace("\n", line + indent)
