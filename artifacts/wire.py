"""Messages: ArcOps's frozen values to JSON and back, strict and in lowerCamelCase, with canonical bytes.

Canonical bytes are RFC 8785 (JSON Canonicalization Scheme); the digest of a value is SHA-256 over them.

Types are strict: ``1`` is not a string, ``"1"`` and ``1.0`` are not whole numbers, and an unknown field is refused.

A moment is RFC 3339, with ``T``, ``t`` or a space, and may lack its seconds or its offset. Every other spelling is refused: a
count of seconds, ``_`` before the time, a comma before parts of a second, a minus sign that is not ASCII. A duration is ISO
8601: each unit once, from years down to seconds, the last with up to six digits after a point. A comma, ``1:30:00``, ``1 day``
and a ``T`` with nothing after it are refused.
"""

from __future__ import annotations

import gc
import hashlib
from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from typing import Any, TypeVar, cast

from arcops.errors import Broken, Refused
from artifacts.canonical import canonical
from artifacts.json_text import parsed
from artifacts.json_values import JSON
from artifacts.members import camel
from artifacts.misfit import Misfit
from artifacts.readers import reader
from artifacts.straight import straight
from artifacts.writers import writer

__all__ = ["JSON", "canonical", "canonical_bytes", "digest", "from_json", "from_values", "name_on_the_wire", "to_json"]

T = TypeVar("T")

_LONG = 1024 * 1024
"""From this many characters of JSON on, Python's garbage collector takes a share of the time that matters."""

_LARGE = 64 * 1024
_recent: deque[tuple[object, bytes]] = deque(maxlen=4)
"""Large values that were hashed last, with their bytes: what is hashed is kept soon after, and is then taken out of here.

A value is frozen, so its bytes are still right as long as it is the same object.
"""


def name_on_the_wire(field: str) -> str:
    """What JSON calls the *field* of a dataclass: lowerCamelCase."""
    return camel(field)


def to_json(value: object, kind: Any = None) -> JSON:
    """*value*, a dataclass of ours, as JSON values. *kind* is its type if ``type(value)`` does not say it, as of a tuple.

    Raises `Broken` if a value inside is not of its declared type.
    """
    kind = kind or type(value)
    try:
        return cast(JSON, writer(cast(Hashable, kind), False)(value))
    except Misfit as misfit:
        raise Broken(_said(kind, misfit)) from misfit


def from_json(kind: type[T], text: bytes | str) -> T:
    """JSON *text* as a value of *kind*. Raises `Refused` naming the first place that does not fit."""
    with _no_collector() if len(text) > _LONG else nullcontext():
        value = parsed(text, _name(kind))
        return from_values(kind, value)


def from_values(kind: type[T], value: object) -> T:
    """The JSON *value*, which a strict reader has read from text before, as a value of *kind*. Raises as `from_json`."""
    try:
        return cast(T, reader(cast(Hashable, kind), False)(value))
    except Misfit as misfit:
        raise Refused(_said(kind, misfit)) from misfit


def canonical_bytes(value: object) -> bytes:
    """The canonical bytes of *value*, a dataclass of ours: those of its JSON values.

    Raises `Broken` as `to_json` does, and `Refused` as `canonical` does.
    """
    for held in list(_recent):
        if held[0] is value:
            with suppress(ValueError):  # another thread took it out
                _recent.remove(held)
            return held[1]
    return _written(value)


def _written(value: object) -> bytes:
    found = straight(value, type(value))
    return canonical(to_json(value)) if found is None else found


def digest(value: object) -> str:
    """``sha256:…`` of the canonical bytes of *value*, a dataclass of ours."""
    data = _written(value)
    if len(data) > _LARGE:
        _recent.append((value, data))
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


@contextmanager
def _no_collector() -> Iterator[None]:
    """Turn Python's garbage collector off meanwhile: it would check a million new values again and again.

    If two threads are here at once, the first to leave turns it on for both: then the other is slower, and still correct.
    """
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.enable()


def _said(kind: Any, misfit: Misfit) -> str:
    return f"{_name(kind)}: {misfit.place.removeprefix('.') or 'the document'}: {misfit.sentence}"


def _name(kind: Any) -> str:
    return getattr(kind, "__name__", None) or str(kind)
