"""The wire: ArcOps's frozen values to JSON and back, strict and in lowerCamelCase, with canonical bytes.

Canonical bytes are RFC 8785 (JSON Canonicalization Scheme); the digest of a value is SHA-256 over them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Hashable
from functools import cache
from typing import Any, NewType, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.alias_generators import to_camel

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.nesting import TOO_DEEP, deep_line
from artifacts.typed import JSON

__all__ = ["JSON", "canonical", "digest", "from_json", "to_json"]

T = TypeVar("T")

_renamed: Any = NewType

STRICT = ConfigDict(alias_generator=to_camel, extra="forbid", strict=True, validate_by_name=False, validate_by_alias=True)


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    # pydantic refuses a config beside a bare dataclass, which could carry its own; behind a new name it takes it, and hands
    # it on to every dataclass inside, so the words in `arcops` need not know pydantic.
    return TypeAdapter(_renamed("Wire", kind), config=STRICT)


def name_on_the_wire(field: str) -> str:
    """What JSON calls the *field* of a dataclass: lowerCamelCase."""
    return to_camel(field)


def to_json(value: object, kind: Any = None) -> JSON:
    """*value*, a dataclass of ours, as JSON values. *kind* is its type where ``type(value)`` does not say it (generics)."""
    dumped: JSON = _adapter(cast(Hashable, kind or type(value))).dump_python(value, mode="json", by_alias=True)
    return dumped


def from_json(kind: type[T], text: bytes | str) -> T:
    """JSON *text* as a value of *kind*. Raises `Refused` naming the first place that does not fit."""
    try:
        value: T = _adapter(cast(Hashable, kind)).validate_json(text)
    except ValidationError as error:
        line = deep_line(text.encode(errors="surrogatepass") if isinstance(text, str) else text)
        if line is not None:  # pydantic has a bound of its own, and other words
            raise Refused(f"{kind.__name__}: {TOO_DEEP} on line {line}") from error
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(str(part) for part in first["loc"]) or "the document"
        raise Refused(f"{kind.__name__}: {where}: {first['msg']} ({error.error_count()} problem(s) in all)") from error
    return value


def digest(value: object) -> str:
    """``sha256:…`` of the canonical bytes of *value*, a dataclass of ours."""
    return f"sha256:{hashlib.sha256(canonical(to_json(value))).hexdigest()}"
