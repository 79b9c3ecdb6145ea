"""A model card's front matter: the YAML block at its top, as plain strings, lists and mappings.

It is read from the parser's events and no object is constructed, so ``no`` stays the language Norwegian, a version stays as
written, and no tag can name a type. Aliases (which can turn a kilobyte into gigabytes), duplicate keys (which readers resolve
differently), tags and deep nesting are refused.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType

import yaml

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from foundation.yaml_ahead import deep_ahead

_LONGEST = 1024 * 1024
_DEEPEST = 24
_NODES = 100_000
_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_PLAIN_TAGS = {"!", *(f"tag:yaml.org,2002:{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map"))}

Node = str | tuple["Node", ...] | Mapping[str, "Node"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CardText:
    """The parts of a card. ``front`` is ``None`` if the card has no front matter."""

    front: Mapping[str, Node] | None
    body: str


def read_card(text: str) -> CardText:
    """The front matter and the rest of the card *text*. Raises `Refused` if the front matter is not valid."""
    lines = text.lstrip("\ufeff").splitlines()
    start = next((at for at, line in enumerate(lines) if line.strip()), None)
    if start is None or lines[start].rstrip() != "---":
        return CardText(front=None, body=text)
    end = next((at for at in range(start + 1, len(lines)) if lines[at].rstrip() == "---"), None)
    if end is None:
        raise Refused("the front matter starts with '---' but does not end; close it with a line that is only '---'")
    return CardText(front=parse_front("\n".join(lines[start + 1 : end])), body="\n".join(lines[end + 1 :]))


def parse_front(text: str) -> Mapping[str, Node]:
    """The mapping in the YAML *text*. Raises `Refused` on anything that is not one plain mapping."""
    if len(text) > _LONGEST:
        raise Refused(f"the front matter has {len(text)} characters; at most {_LONGEST} are read")
    seen = _Seen()
    try:
        events = _checked(yaml.parse(text, Loader=_LOADER), seen)
        root: Node = ""
        for event in events:
            if isinstance(event, yaml.DocumentStartEvent):
                root = _node(next(events), events)
        if isinstance(root, str) and not root:
            return MappingProxyType({})
    except yaml.YAMLError as error:
        if (line := deep_ahead(text, error, after=seen.after, opened=seen.depth, deepest=_DEEPEST)) is not None:
            raise _too_deep(line) from error
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 2}" if mark is not None else "it"
        raise Refused(f"the front matter is not YAML: {where}: {getattr(error, 'problem', None) or 'unreadable'}") from error
    if not isinstance(root, Mapping):
        raise Refused("the front matter is not a mapping of names to values")
    return root


@dataclass(slots=True)
class _Seen:
    """How many collections are open, and where the parser's last event ended."""

    depth: int = 0
    after: int = 0


def _too_deep(line: int) -> Refused:
    return Refused(f"the front matter is nested more than {_DEEPEST} levels deep: line {line + 1}")


def _checked(events: Iterator[yaml.Event], seen: _Seen) -> Iterator[yaml.Event]:
    documents = 0
    for count, event in enumerate(events):
        seen.after = event.end_mark.index if event.end_mark is not None else seen.after
        match event:
            case yaml.AliasEvent():
                raise Refused("the front matter uses a YAML alias, which can stand for any amount of data; write the value out")
            case yaml.DocumentStartEvent():
                documents += 1
            case yaml.MappingStartEvent() | yaml.SequenceStartEvent():
                seen.depth += 1
            case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                seen.depth -= 1
        if seen.depth > _DEEPEST:
            raise _too_deep(event.start_mark.line + 1 if event.start_mark is not None else 1)
        if count > _NODES or documents > 1:
            raise Refused(f"the front matter has more than {_NODES} parts, or is two documents")
        tag = getattr(event, "tag", None)
        if tag is not None and tag not in _PLAIN_TAGS:
            raise Refused(f"the front matter has the YAML tag {str(tag)[:80]!r}; remove it and write a plain value")
        yield event


def _node(event: yaml.Event, events: Iterator[yaml.Event]) -> Node:
    match event:
        case yaml.ScalarEvent():
            return _value(event)
        case yaml.SequenceStartEvent():
            items: list[Node] = []
            while not isinstance(inner := next(events), yaml.SequenceEndEvent):
                items.append(_node(inner, events))
            return tuple(items)
        case yaml.MappingStartEvent():
            return _mapping(events)
        case _:
            raise Refused(f"the front matter has a {type(event).__name__} instead of a value")


def _mapping(events: Iterator[yaml.Event]) -> Mapping[str, Node]:
    members: dict[str, Node] = {}
    while not isinstance(event := next(events), yaml.MappingEndEvent):
        if not isinstance(event, yaml.ScalarEvent):
            raise Refused("the front matter has a key that is not a plain name")
        key = str(event.value)
        if key in members:
            raise Refused(
                f"the front matter states {key[:80]!r} twice, so two readers could read the card differently; keep one"
            )
        members[key] = _node(next(events), events)
    return MappingProxyType(members)


def _value(event: yaml.ScalarEvent) -> str:
    if event.implicit[0] and event.value in ("", "~", "null", "Null", "NULL"):
        return ""
    return shown(event.value)


def shown(text: str) -> str:
    """*text* in one line that a terminal and canonical JSON both accept: characters that cannot be printed become U+FFFD."""
    return " ".join("".join(sign if sign.isprintable() or sign.isspace() else "\ufffd" for sign in text).split())
