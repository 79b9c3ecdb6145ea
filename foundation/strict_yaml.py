"""YAML read strictly, by a part of the core schema of YAML 1.2 (chapter 10.3): only the tags of the core schema, no duplicate
keys, only text as keys, no aliases (bombs), and only true and false are booleans. ``010`` is ten, ``0o10`` eight; ``1:20``,
``1_000``, ``0b1`` and dates, which are numbers in YAML 1.1, are text.
"""

from __future__ import annotations

import math
import re

import yaml

from arcops.errors import Refused
from arcops.late_pattern import late

JSON = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None

DEEPEST = 100
LONGEST_NUMBER = 64
"""Characters. The time for longer ones grows faster than their length, and no field of ours takes one."""

_CORE = "tag:yaml.org,2002:"
_TAGS = frozenset(f"{_CORE}{kind}" for kind in ("str", "int", "float", "bool", "null", "seq", "map"))
_KINDS = (
    ("null", late(r"(?:~|null|Null|NULL|)\Z")),
    ("bool", late(r"(?:true|false)\Z")),
    ("int", late(r"(?:[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+)\Z")),
    ("float", late(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?\Z")),
    ("float", late(r"(?:[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")),
)
_BASES = {"0o": 8, "0x": 16}


class _Loader(yaml.SafeLoader):
    values_left: int
    depth = 0

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        event = self.peek_event()  # type: ignore[no-untyped-call]  # types-PyYAML leaves it untyped
        if isinstance(event, yaml.AliasEvent):
            raise _problem("aliases are not allowed; write the value out", event)
        if self.depth >= DEEPEST and isinstance(event, yaml.CollectionStartEvent):
            raise _problem(f"values are nested more than {DEEPEST} deep", event)
        if event.tag is not None and event.tag not in _TAGS:
            raise _problem("tags are not allowed; write the value without one", event)
        self.values_left -= 1
        if self.values_left < 0:
            raise _problem("it has too many values", event)
        self.depth += 1
        node = super().compose_node(parent, index)
        self.depth -= 1
        return node

    def fetch_flow_collection_start(self, TokenClass: type[yaml.Token]) -> None:  # as its parent names it
        # The scanner reads ahead, and at each bracket it checks every open one, so it needs this limit, too.
        if self.flow_level >= DEEPEST:
            raise yaml.YAMLError(f"values are nested more than {DEEPEST} deep (line {self.line + 1})")
        super().fetch_flow_collection_start(TokenClass)

    def resolve(self, kind: type[yaml.Node], value: str | None, implicit: bool | tuple[bool, bool]) -> str:
        """The tag of a node without one: the core schema's for plain values; text for quoted ones."""
        if kind is not yaml.ScalarNode:
            return f"{_CORE}{'seq' if kind is yaml.SequenceNode else 'map'}"
        plain = isinstance(implicit, tuple) and implicit[0]
        return f"{_CORE}{next((name for name, form in _KINDS if form.match(value or '')), 'str') if plain else 'str'}"


_QUOTED = late(r"""(['"])(.*?)\1""")
_SIGN = late(r"[^\w\s]{1,2}|<[a-z ]+>")
"""What PyYAML quotes that is not text of the file: a sign of YAML, or a name for a kind of token."""


def _unquoted(quoted: re.Match[str]) -> str:
    return quoted[0] if _SIGN.fullmatch(quoted[2]) else "what stands there"


def _told(error: Exception) -> str:
    """What is wrong, and where, without quoting the file: the caller may not be allowed to read it."""
    if isinstance(error, yaml.MarkedYAMLError):
        problem = _QUOTED.sub(_unquoted, " ".join((error.problem or error.context or "it is not YAML").split()))
        mark = error.problem_mark or error.context_mark
        return f"{problem} (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else problem
    if isinstance(error, AttributeError | LookupError):  # PyYAML's own, for a wrong date or boolean
        return "a value in it does not match its tag"
    if isinstance(error, ValueError) and not isinstance(error, UnicodeDecodeError) and "literal" in str(error):
        return "a number in it cannot be understood"
    return " ".join(str(error).split())


def load_all(data: bytes, *, what: str, most_values: int = 200_000) -> list[JSON]:
    """Every document in *data*, which is UTF-8, as JSON values. Raises `Refused`, saying *what* it was to be.

    *most_values* limits time and memory: the reader needs some 50 µs and a kilobyte for each value, however short it is.
    """
    try:
        loader = _Loader(data.decode("utf-8"))
        loader.values_left = most_values
        documents: list[JSON] = []
        while loader.check_node():
            node = loader.get_node()
            documents.append(None if node is None else _value(node))
    # PyYAML converts escapes ("\UFFFFFFFF") and versions in directives without checking how large they are.
    except (UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError, OverflowError, LookupError, RecursionError) as error:
        raise Refused(f"{what} in YAML cannot be read: {_told(error)}") from error
    return documents


def _value(node: yaml.Node) -> JSON:
    if isinstance(node, yaml.MappingNode):
        return _mapping(node)
    if isinstance(node, yaml.SequenceNode):
        if node.tag != f"{_CORE}seq":
            raise _problem(f"a list cannot be a {node.tag.removeprefix(_CORE)}", node)
        return [_value(item) for item in node.value]
    return _scalar(_text(node), node.tag.removeprefix(_CORE), node)


def _mapping(node: yaml.MappingNode) -> dict[str, JSON]:
    if node.tag != f"{_CORE}map":
        raise _problem(f"a mapping cannot be a {node.tag.removeprefix(_CORE)}", node)
    mapping: dict[str, JSON] = {}
    for name, member in node.value:
        if not isinstance(name, yaml.ScalarNode):
            raise _problem("a key is not a plain value", name)
        key = _text(name)
        if key in mapping:
            begins = node.start_mark.line + 1
            raise yaml.YAMLError(f"a key is there twice in the mapping that begins on line {begins}")
        mapping[key] = _value(member)
    return mapping


def _text(node: yaml.Node) -> str:
    text: str = node.value
    if not text.isascii() and any("\ud800" <= letter <= "\udfff" for letter in text):
        raise _problem("it has half of a character (a lone surrogate)", node)
    return text


def _scalar(text: str, kind: str, node: yaml.Node) -> JSON:
    if kind == "str":
        return text
    if kind not in ("null", "bool", "int", "float"):
        raise _problem(f"a single value cannot be a {kind}", node)
    if len(text) > LONGEST_NUMBER:
        raise _problem(f"a number has more than {LONGEST_NUMBER} digits; put it in quotes if it is a name", node)
    if not any(name == kind and form.match(text) for name, form in _KINDS):
        raise _problem(f"a value has the tag {kind}, but is not one in YAML 1.2", node)
    match kind:
        case "null":
            return None
        case "bool":
            return text == "true"
        case "int":
            return int(text[2:], _BASES[text[:2]]) if text[:2] in _BASES else int(text)
    number = math.inf if text[-1].isalpha() else float(text)  # .inf and .nan end in a letter, and nothing else does
    if not math.isfinite(number):
        raise _problem("a number is infinite or not a number (.inf, .nan), which JSON does not allow", node)
    return number


def _problem(text: str, at: yaml.Node | yaml.Event) -> yaml.YAMLError:
    return yaml.YAMLError(f"{text} (line {at.start_mark.line + 1})" if at.start_mark is not None else text)
