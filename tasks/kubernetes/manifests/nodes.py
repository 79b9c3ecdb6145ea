"""YAML and JSON as nodes that know their line, made from the parser's events, with a limit on every amount.

Scalars have the meaning that they have for kubectl, which reads YAML 1.1: a plain ``yes`` is a boolean. Aliases are followed,
and each counts with the size of what it repeats, so that a YAML bomb reaches the limit. An alias inside its own anchor, a key
that appears twice, and a key that is not a scalar are refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import yaml

from arcops.errors import Refused
from foundation.yaml_ahead import deep_ahead

DEEPEST = 100
_DEEP = f"values are nested more than {DEEPEST} deep"
MOST_VALUES = 2_000_000
"""In one document: about a gigabyte of nodes. A list of 5,000 pods as a cluster prints it has some 700,000."""

_VALUES_PER_TICK = 10_000
# Names of their own, because they are asked for with each value.
_SCALAR, _MAPPING, _SEQUENCE = yaml.ScalarEvent, yaml.MappingStartEvent, yaml.SequenceStartEvent
_MAPPING_END, _SEQUENCE_END = yaml.MappingEndEvent, yaml.SequenceEndEvent
_Loader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")
_BOOL = re.compile(
    r"(?:y|Y|yes|Yes|YES|n|N|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)\Z"  # YAML 1.1
)
_WHOLE = re.compile(r"-?(?:0|[1-9][0-9]{0,18})\Z")
_NUMBER = re.compile(
    r"[-+]?(?:0b[01_]+|0o?[0-7_]+|0x[0-9a-fA-F_]+|[0-9][0-9_]*(?:\.[0-9_]*)?(?:[eE][-+]?[0-9]+)?|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|\.(?:inf|Inf|INF))\Z|\.(?:nan|NaN|NAN)\Z"
)
_TRUE = frozenset(("y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"))


class Unreadable(Refused):
    """A document that cannot be read, with the line of the error (from 1; 0: the whole file)."""

    def __init__(self, text: str, line: int) -> None:
        super().__init__(text)
        self.line = line


class Scalar:
    """A single value. ``value`` is a string, a whole number, a boolean, or `None`. ``odd`` marks a plain number that is not
    written as a decimal whole number; then the value is its text.
    """

    __slots__ = ("line", "odd", "value")
    __match_args__ = ("line", "value", "odd")

    def __init__(self, line: int, value: str | int | bool | None, odd: bool = False) -> None:
        self.line, self.value, self.odd = line, value, odd


class Mapping:
    """``lines`` holds the line of each key."""

    __slots__ = ("items", "line", "lines")

    def __init__(self, line: int) -> None:
        self.line = line
        self.items: dict[str, Node] = {}
        self.lines: dict[str, int] = {}


class Sequence:
    """A list of values."""

    __slots__ = ("items", "line")

    def __init__(self, line: int) -> None:
        self.line = line
        self.items: list[Node] = []


Node = Scalar | Mapping | Sequence


class _Open:
    """A collection that is not closed yet. ``key`` is the mapping's last key, whose value is not read yet."""

    __slots__ = ("anchor", "began", "key", "key_line", "keyed", "merges", "node")

    def __init__(self, node: Mapping | Sequence, anchor: str | None, began: int) -> None:
        self.node, self.anchor, self.began = node, anchor, began
        self.keyed = type(node) is Mapping
        self.key: str | None = None
        self.key_line = 0
        self.merges: list[tuple[int, Node]] | None = None


def idle() -> None:
    """Does nothing: the default for *tick*."""


def documents(data: bytes, tick: Callable[[], None] = idle) -> Iterator[Node]:
    """Every document in *data*, which is UTF-8, one at a time; empty ones are left out. *tick* is called often and may raise.

    Raises `Unreadable`.
    """
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unreadable("the file is not UTF-8 text", data.count(b"\n", 0, error.start) + 1) from None
    reading = _Reading(builder=_Builder(text))
    try:
        yield from _documents(text, tick, reading)
    except yaml.MarkedYAMLError as error:
        deep = deep_ahead(text, error, after=reading.after, opened=reading.builder.opened, deepest=DEEPEST)
        if deep is not None:
            raise Unreadable(_DEEP, deep) from None
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 0
        raise _unreadable(f"it is not YAML: {error.problem or error.context}", text, line) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position if isinstance(error.position, int) else 0) + 1
        raise Unreadable(f"it holds a character that YAML does not allow: {error.reason}", line) from None
    except yaml.YAMLError as error:
        raise Unreadable(f"it is not YAML: {' '.join(str(error).split())}", 0) from None


def _line(event: yaml.Event) -> int:
    return event.start_mark.line + 1 if event.start_mark is not None else 0


def _unreadable(problem: str, text: str, line: int) -> Unreadable:
    """*problem* on *line*; or, if this line or the one before has template marks, that the file is a template."""
    before = max(0, line - 2)
    for number, one in enumerate(text.splitlines()[before:line], start=before + 1):
        if "{{" in one:
            said = "it is a template that was not rendered ('{{'); render it first (helm template) and check the result"
            return Unreadable(said, number)
    return Unreadable(problem, line)


@dataclass(slots=True)
class _Reading:
    """The state of reading a text: the document that is being built, and the parser's last event."""

    builder: _Builder
    last: yaml.Event | None = None
    left: int = 0
    """How many values of further documents are read before the next tick."""

    @property
    def after(self) -> int:
        """Where the last event ended."""
        return self.last.end_mark.index if self.last is not None and self.last.end_mark is not None else 0


def _documents(text: str, tick: Callable[[], None], reading: _Reading) -> Iterator[Node]:
    loader = _Loader(text)
    try:
        while True:
            done = reading.builder.next(loader.get_event, tick, reading)
            if done is None:
                return
            if not (isinstance(done, Scalar) and done.value is None):
                yield done
            reading.left -= reading.builder.values
            if reading.left < 0:
                reading.left = _VALUES_PER_TICK
                tick()
            reading.builder = _Builder(text, reading.builder.meanings)
    finally:
        loader.dispose()


class _Builder:
    """One document, event by event, without recursion."""

    def __init__(self, text: str, meanings: dict[str, tuple[str | int | bool | None, bool]] | None = None) -> None:
        self.meanings = meanings if meanings is not None else {}
        """What plain texts of this file mean; most of them come again and again."""
        self._text = text
        self._stack: list[_Open] = []
        self._anchors: dict[str, tuple[Node, int]] = {}
        self._opening: set[str] = set()
        self._values = 0
        self._pause = min(_VALUES_PER_TICK, MOST_VALUES)
        self._root: Node | None = None

    @property
    def values(self) -> int:
        """How many values were read, with all repetitions by aliases."""
        return self._values

    @property
    def opened(self) -> int:
        """How many collections are open."""
        return len(self._stack)

    def next(self, get: Callable[[], Any], tick: Callable[[], None], reading: _Reading) -> Node | None:
        """The next whole document of the events that *get* gives; `None` at the end of the text.

        What most events are is done here, without a call: a plain text whose meaning is known, a text in quotes, and the
        beginning and the end of a collection without an anchor.
        """
        meanings, stack = self.meanings, self._stack
        top: _Open | None = None
        event: Any = reading.last
        try:
            while True:
                event = get()
                kind = type(event)
                if kind is _SCALAR:
                    known = meanings.get(event.value) if event.implicit[0] else (event.value, False)
                    self._values += 1
                    if self._values > self._pause:
                        self._rest(event, tick)
                    if known is None or top is None or event.tag or event.anchor:
                        self._take_scalar(event)
                        continue
                    value, odd = known
                    line = event.start_mark.line + 1
                    if top.key is None and top.keyed and type(value) is str and not odd:
                        top.key, top.key_line = value, line
                        continue
                    node: Node = Scalar(line, value, odd)
                elif kind is _MAPPING_END or kind is _SEQUENCE_END:
                    done = stack.pop()
                    node = done.node
                    line = node.line
                    if done.anchor or done.merges is not None:
                        self._close(done)
                    top = stack[-1] if stack else None
                elif kind is _MAPPING or kind is _SEQUENCE:
                    self._values += 1
                    line = event.start_mark.line + 1
                    node = Mapping(line) if kind is _MAPPING else Sequence(line)
                    if self._values > self._pause:
                        self._rest(event, tick)
                    if event.tag or event.anchor or len(stack) >= DEEPEST:
                        self._open(node, event)
                    if top is not None and top.keyed and top.key is None:
                        raise _unreadable("a key is not a plain value", self._text, line)
                    top = _Open(node, event.anchor, self._values - 1)
                    stack.append(top)
                    continue
                else:
                    if kind is yaml.AliasEvent:
                        self._alias(event)
                    elif kind is yaml.DocumentEndEvent:
                        return self._root if self._root is not None else Scalar(0, None)
                    elif kind is yaml.StreamEndEvent:
                        return None
                    continue
                if top is None:
                    self._root = node
                    continue
                within = top.node
                if isinstance(within, Sequence):
                    within.items.append(node)
                elif top.key is not None and top.key != "<<" and top.key not in within.items:
                    within.items[top.key], within.lines[top.key], top.key = node, top.key_line, None
                else:
                    self._place(node, line)
        finally:
            reading.last = event

    def _take_scalar(self, event: yaml.ScalarEvent) -> None:
        line = _line(event)
        node = self._scalar(event)
        if event.implicit[0] and not event.tag:
            self.meanings[event.value] = (node.value, node.odd)
        if event.anchor:
            self._anchors[event.anchor] = (node, 1)
        self._place(node, line)

    def _rest(self, event: yaml.Event, tick: Callable[[], None]) -> None:
        """After many values: say so, and refuse a document that has too many."""
        self._count(event, 0)
        self._pause = min(self._values + _VALUES_PER_TICK, MOST_VALUES)
        tick()

    def _count(self, event: yaml.Event, more: int = 1) -> None:
        self._values += more
        if self._values > MOST_VALUES:
            line = _line(event)
            raise Unreadable(f"a document has more than {MOST_VALUES:,} values, repetitions by aliases included", line)

    def _open(self, node: Mapping | Sequence, event: yaml.MappingStartEvent | yaml.SequenceStartEvent) -> None:
        """Refuse the collection *node* for its place or tag, or note its anchor."""
        self._count(event, 0)
        if len(self._stack) >= DEEPEST:
            raise Unreadable(_DEEP, node.line)
        if event.tag and event.tag not in ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!"):
            raise Unreadable(f"the tag {event.tag} is not allowed in a manifest", node.line)
        if event.anchor:
            self._opening.add(event.anchor)

    def _close(self, done: _Open) -> None:
        """Complete a collection that has an anchor, or in which others are merged."""
        node = done.node
        if done.merges is not None and isinstance(node, Mapping):
            self._merge(node, done.merges)
        if done.anchor:
            self._opening.discard(done.anchor)
            self._anchors[done.anchor] = (node, self._values - done.began)

    def _alias(self, event: yaml.AliasEvent) -> None:
        line = _line(event)
        if event.anchor in self._opening:
            raise Unreadable(f"the alias *{event.anchor} is inside its own anchor, so it would repeat without end", line)
        if event.anchor not in self._anchors:
            raise Unreadable(f"the alias *{event.anchor} has no anchor before it", line)
        node, size = self._anchors[event.anchor]
        self._count(event, size)
        self._place(node, line)

    def _place(self, node: Node, line: int) -> None:
        if not self._stack:
            self._root = node
            return
        top = self._stack[-1]
        within = top.node
        if isinstance(within, Sequence):
            within.items.append(node)
        elif top.key is None:
            top.key, top.key_line = self._key(node, line), line
        elif top.key != "<<" and top.key not in within.items:
            within.items[top.key], within.lines[top.key], top.key = node, top.key_line, None
        else:
            self._entry(top, within, node)

    def _entry(self, top: _Open, mapping: Mapping, node: Node) -> None:
        key = top.key
        assert key is not None  # noqa: S101  # the caller has just looked
        top.key = None
        if key == "<<":
            top.merges = top.merges or []
            top.merges.append((top.key_line, node))
        elif key in mapping.items:
            first = mapping.lines[key]
            raise Unreadable(f"the key {key[:80]!r} appears twice in one mapping, first on line {first}", top.key_line)
        else:
            mapping.items[key] = node
            mapping.lines[key] = top.key_line

    def _key(self, node: Node, line: int) -> str:
        if not isinstance(node, Scalar):
            raise _unreadable("a key is not a plain value", self._text, line)
        if isinstance(node.value, str) and not node.odd:
            return node.value
        if isinstance(node.value, int) and not isinstance(node.value, bool):
            return str(node.value)  # as kubectl writes it
        raise Unreadable(
            f"the key {str(node.value)[:80]!r} has another type for kubectl than it seems to have; put it in quotes", line
        )

    def _merge(self, mapping: Mapping, merges: list[tuple[int, Node]]) -> None:
        """``<<``: adds the keys of other mappings that the mapping does not have. The first mapping with a key counts."""
        for line, node in merges:
            for source in node.items if isinstance(node, Sequence) else [node]:
                if not isinstance(source, Mapping):
                    raise Unreadable("'<<' merges a value that is not a mapping", line)
                self._values += len(source.items)
                for key, value in source.items.items():
                    if key not in mapping.items:
                        mapping.items[key] = value
                        mapping.lines[key] = source.lines[key]

    def _scalar(self, event: yaml.ScalarEvent) -> Scalar:
        line = _line(event)
        text: str = event.value
        if event.tag and event.tag not in ("!", "tag:yaml.org,2002:str"):
            raise Unreadable(f"the tag {event.tag} is not allowed in a manifest", line)
        if not event.implicit[0] or event.tag:
            return Scalar(line, text)
        if _NULL.match(text):
            return Scalar(line, None)
        if _BOOL.match(text):
            return Scalar(line, text in _TRUE)
        if _WHOLE.match(text):
            return Scalar(line, int(text))
        return Scalar(line, text, odd=_NUMBER.match(text) is not None)
