"""Texts and numbers of a pickle, as unpicklers read them from the operands of opcodes."""

from __future__ import annotations

import codecs
import re

from arcops.late_pattern import late
from tasks.model.content.pickle_values import Value
from tasks.model.content.window import Malformed

_ESCAPES = late(rb"(?:[^\\]|\\(?:[\\'\"abfnrtv]|x[0-9a-fA-F]{2}|[0-3]?[0-7]{1,2}))*", re.DOTALL)


def text(name: str, given: bytes) -> Value:
    """The string that an opcode makes, or ``None`` if unpicklers could differ on it."""
    try:
        if name == "STRING":
            body = given.strip()
            if len(body) < 2 or body[:1] != body[-1:] or body[:1] not in (b"'", b'"'):
                raise Malformed("a string of protocol 0 has no quotes")
            if _ESCAPES.fullmatch(body[1:-1]) is None:
                return None
            return codecs.escape_decode(body[1:-1])[0].decode("ascii")
        if name == "UNICODE":
            return given.decode("raw-unicode-escape")
        return given.decode("ascii" if "STRING" in name else "utf-8")
    except ValueError:
        return None


def decoded(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def number(given: bytes) -> int:
    try:
        index = int(given[:32])
    except ValueError as error:
        raise Malformed("a memo index is not a number") from error
    if index < 0:
        raise Malformed("a memo index is negative")
    return index
