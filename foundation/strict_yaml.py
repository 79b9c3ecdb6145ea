"""YAML read strictly: safe types only, a key counts once, no aliases (bombs), and only true and false are booleans."""

from __future__ import annotations

import json
import re
from collections.abc import Hashable

import yaml

from arcops.errors import Refused

JSON = dict[str, "JSON"] | list["JSON"] | str | int | float | bool | None


class _Loader(yaml.SafeLoader):
    values_left: int

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            raise yaml.YAMLError("aliases are not allowed; write the value out")
        self.values_left -= 1
        if self.values_left < 0:
            raise yaml.YAMLError("it has more values than anything of its kind needs")
        return super().compose_node(parent, index)

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, object]:
        mapping: dict[Hashable, object] = super().construct_mapping(node, deep=deep)
        if len(mapping) != len(node.value):
            raise yaml.YAMLError(f"a key stands twice in the mapping that begins on line {node.start_mark.line + 1}")
        return mapping


_Loader.yaml_implicit_resolvers = {
    first: [
        (tag, pattern) for tag, pattern in resolvers if tag not in ("tag:yaml.org,2002:timestamp", "tag:yaml.org,2002:bool")
    ]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
for _first in "tf":
    _boolean = ("tag:yaml.org,2002:bool", re.compile("^(?:true|false)$"))
    _Loader.yaml_implicit_resolvers.setdefault(_first, []).append(_boolean)


_QUOTED = re.compile(r"""(['"])(.*?)\1""")
_SIGN = re.compile(r"[^\w\s]{1,2}|<[a-z ]+>")
"""What PyYAML quotes that is no word of a file: a sign of YAML's own, or a name for what stands there."""


def _unquoted(quoted: re.Match[str]) -> str:
    return quoted[0] if _SIGN.fullmatch(quoted[2]) else "what stands there"


def _told(error: Exception) -> str:
    """What is wrong, and where, without a word of the file: who asks may be somebody who could not read it."""
    if isinstance(error, yaml.MarkedYAMLError):
        problem = _QUOTED.sub(_unquoted, " ".join((error.problem or error.context or "it is no YAML").split()))
        mark = error.problem_mark or error.context_mark
        return f"{problem} (line {mark.line + 1}, column {mark.column + 1})" if mark is not None else problem
    if isinstance(error, AttributeError | LookupError):  # PyYAML's own, for a date or a boolean that is none
        return "a value in it is not what its tag says"
    if isinstance(error, ValueError) and not isinstance(error, UnicodeDecodeError) and "literal" in str(error):
        return "a number in it cannot be understood"
    return " ".join(str(error).split())


def load_all(data: bytes, *, what: str, most_values: int = 200_000) -> list[JSON]:
    """Every document in *data*, which is UTF-8, as JSON values. Raises `Refused`, saying *what* it was to be.

    *most_values* bounds time and memory: the reader needs some 50 µs and a kilobyte for each value, however short it is.
    """
    try:
        loader = _Loader(data.decode("utf-8"))
        loader.values_left = most_values
        documents: list[JSON] = []
        while loader.check_data():  # type: ignore[no-untyped-call]  # types-PyYAML leaves it untyped
            documents.append(loader.get_data())
        json.dumps(documents, allow_nan=False)
    except (UnicodeDecodeError, yaml.YAMLError, TypeError, ValueError, AttributeError, LookupError, RecursionError) as error:
        raise Refused(f"{what} in YAML cannot be read: {_told(error)}") from error
    return documents
