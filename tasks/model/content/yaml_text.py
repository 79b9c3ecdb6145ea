"""YAML, only by its events: no tag builds anything and no alias is followed, so reading takes time in proportion to the length.

Loaders that know more than the core schema build Python objects from tags, so every tag outside the core schema is a problem.
"""

from __future__ import annotations

from collections.abc import Iterator

import yaml

from arcops.late_pattern import late
from tasks.model.content.bounded_json import Json
from tasks.model.content.draft import Draft, printable
from tasks.model.content.window import Malformed

DEEPEST = 64
MOST_EVENTS = 500_000

_LOADER: type[yaml.CSafeLoader] | type[yaml.SafeLoader] = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader
_CORE = frozenset(
    ("!", *(f"tag:yaml.org,2002:{kind}" for kind in (
        "str", "int", "float", "bool", "null", "seq", "map", "binary", "timestamp", "set", "omap", "pairs", "merge")))
)  # fmt: skip


def documents(text: str, draft: Draft) -> Iterator[Json]:
    """Each document: mappings, lists and texts (an alias, a number and a plain 'no' become ``None``). Raises `Malformed`."""
    stack: list[_Open] = []
    count = 0
    try:
        for event in yaml.parse(text, Loader=_LOADER):
            count += 1
            if count > MOST_EVENTS or len(stack) > DEEPEST:
                raise Malformed(f"its YAML has more than {MOST_EVENTS} parts or is nested more than {DEEPEST} levels deep")
            tag = getattr(event, "tag", None)
            if tag is not None and tag not in _CORE:
                draft.problem(f"it has the YAML tag {printable(str(tag), 80)!r}, from which loaders build objects")
            match event:
                case yaml.DocumentStartEvent():
                    stack = [_Open([])]
                case yaml.DocumentEndEvent():
                    yield stack[0].closed(draft)
                    stack = []
                case yaml.MappingStartEvent():
                    stack.append(_Open([], mapping=True))
                case yaml.SequenceStartEvent():
                    stack.append(_Open([]))
                case yaml.MappingEndEvent() | yaml.SequenceEndEvent():
                    value = stack.pop().closed(draft)
                    stack[-1].items.append(value)
                case yaml.ScalarEvent():
                    stack[-1].items.append(_scalar(event))
                case yaml.AliasEvent():
                    stack[-1].items.append(None)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark is not None else "unknown line"
        raise Malformed(f"its YAML does not parse: {where}: {printable(str(getattr(error, 'problem', None)))}") from error


_NOTHING = late(r"(?i)~|null|false|no|off|[-+]?(\d[\d_]*)?\.?\d*(e[-+]?\d+)?|[-+]?\.(inf|nan)")


def _scalar(event: yaml.ScalarEvent) -> Json:
    """A text, or ``None`` for a plain one that every loader reads as a number or as 'no'."""
    return None if event.implicit[0] and len(event.value) < 64 and _NOTHING.fullmatch(event.value) else str(event.value)


class _Open:
    """A list or a mapping whose end has not come yet."""

    __slots__ = ("items", "mapping")

    def __init__(self, items: list[Json], *, mapping: bool = False) -> None:
        self.items = items
        self.mapping = mapping

    def closed(self, draft: Draft) -> Json:
        if not self.mapping:
            return self.items
        found: dict[str, Json] = {}
        for key, value in zip(self.items[::2], self.items[1::2], strict=True):
            name = key if isinstance(key, str) else f"key {len(found)}"
            if isinstance(key, str) and name != "<<" and name in found:
                draft.problem(f"its YAML has the key {printable(name, 80)!r} twice, and readers differ on which one counts")
            # A key that is not text, and a second merge, stay visible for code that walks over the values.
            found[name if name not in found else f"{name} {len(found)}"] = value if isinstance(key, str) else [key, value]
        return found
