"""Values of an object as a schema's formats and CEL rules see them."""

from __future__ import annotations

import base64
import ipaddress
import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"
"""JSON in memory, kept in this room."""

_MOST_TEXT = 300


def inside(value: Plain, schema: dict[str, Plain]) -> Iterator[tuple[str | int, Plain, Plain]]:
    """The members of *value*, each with its own schema."""
    if isinstance(value, dict):
        properties, more = schema.get("properties"), schema.get("additionalProperties")
        for name, one in value.items():
            known = properties.get(name) if isinstance(properties, dict) else None
            yield name, one, known if known is not None else more
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield number, one, schema.get("items")


_DURATION = re.compile(r"[-+]?(?:(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:ns|us|µs|ms|s|m|h))+\Z|[-+]?0\Z")
_PARTS = re.compile(r"([0-9]+(?:\.[0-9]*)?|\.[0-9]+)(ns|us|µs|ms|s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def is_duration(text: str) -> bool:
    """Is *text* a span of time?"""
    return _duration(text) is not None


def _duration(text: str) -> timedelta | None:
    """As Go writes it: ``1h30m``."""
    if len(text) > _MOST_TEXT or not _DURATION.match(text):
        return None
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _PARTS.findall(text))
    try:
        return timedelta(seconds=-seconds if text.startswith("-") else seconds)
    except OverflowError:
        return None


def is_bytes(text: str) -> bool:
    """Is *text* base64?"""
    try:
        base64.b64decode(text, validate=True)
    except ValueError:
        return False
    return True


def is_cidr(text: str) -> bool:
    """Is *text* a block of addresses?"""
    try:
        ipaddress.ip_network(text, strict=False)
    except ValueError:
        return False
    return "/" in text


_WORDS = frozenset(
    (
        "true",
        "false",
        "null",
        "in",
        "as",
        "break",
        "const",
        "continue",
        "else",
        "for",
        "function",
        "if",
        "import",
        "let",
        "loop",
        "package",
        "namespace",
        "return",
        "var",
        "void",
        "while",
    )
)
"""Names that CEL reserves."""


def for_cel(value: Plain, schema: Plain) -> object:
    """*value* as CEL sees it: names of fields escaped, ``number`` as a double."""
    form = schema if isinstance(schema, dict) else {}
    if isinstance(value, dict):
        fields = form.get("properties")
        known = fields if isinstance(fields, dict) else {}
        return {
            _escaped(name) if name in known else name: for_cel(value[name], inner)
            for name, _, inner in inside(value, form)
            if isinstance(name, str)
        }
    if isinstance(value, list):
        return [for_cel(one, form.get("items")) for one in value]
    if isinstance(value, str):
        return _timed(value, form.get("format"))
    if form.get("type") == "number" and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    return value


def _timed(text: str, form: Plain) -> object:
    """A string whose format makes it a time, a span of time or bytes in CEL; any other text was refused before."""
    if form not in ("date-time", "date", "duration", "byte"):
        return text
    from google.protobuf.duration_pb2 import Duration  # type: ignore[import-untyped]  # it ships no types
    from google.protobuf.timestamp_pb2 import Timestamp  # type: ignore[import-untyped]  # it ships no types

    if form in ("date-time", "date"):
        try:
            found = datetime.fromisoformat(text)
        except ValueError:
            return text
        moment = Timestamp()
        moment.FromDatetime(found if found.tzinfo is not None else found.replace(tzinfo=UTC))
        return moment
    if form == "duration":
        span = Duration()
        span.FromTimedelta(_duration(text) or timedelta())
        return span
    return base64.b64decode(text) if form == "byte" and is_bytes(text) else text


def _escaped(name: str) -> str:
    if name in _WORDS:
        return f"__{name}__"
    text = name.replace("__", "__underscores__")
    for sign, word in ((".", "dot"), ("-", "dash"), ("/", "slash")):
        text = text.replace(sign, f"__{word}__")
    return text
