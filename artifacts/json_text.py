"""JSON text to values (RFC 8259): in UTF-8, with a limit on depth, and every string made of whole characters."""

from __future__ import annotations

import json
import re

from arcops.errors import Refused
from artifacts.nesting import TOO_DEEP, deep_line

_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def parsed(text: bytes | str, what: str) -> object:
    """The values in the JSON *text*. Raises `Refused` naming *what* was to be read.

    If two members have one name, the last counts; `artifacts.envelope.strict_json` refuses them.
    """
    try:
        data = text.encode() if isinstance(text, str) else text
        words = text if isinstance(text, str) else text.decode()
    except UnicodeError as error:
        raise Refused(f"{what}: it is not text in UTF-8: {error}") from error
    if (line := deep_line(data)) is not None:
        raise Refused(f"{what}: {TOO_DEEP} on line {line}")
    try:
        value: object = _DECODER.decode(words)
    except _NoNumber as error:
        raise Refused(f"{what}: it is not JSON: it has {error}, which JSON does not allow") from error
    except json.JSONDecodeError as error:
        raise Refused(f"{what}: it is not JSON: {error}") from error
    except ValueError as error:  # the only one left is Python's limit on the digits of a whole number
        raise Refused(f"{what}: a whole number has thousands of digits, which is too long") from error
    except RecursionError as error:  # our limit is smaller, but the caller's own stack may be deep already
        raise Refused(f"{what}: it is nested too deep to be read") from error
    if halved(data, value):
        raise Refused(f"{what}: a string has half of a surrogate pair, which is not a character")
    return value


def halved(data: bytes, value: object) -> bool:
    """Does a string in *value*, which was parsed from *data*, have half of a surrogate pair, which is not a character?"""
    if not _HALF.search(data):
        return False
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return True
    return False


class _NoNumber(Exception):
    """``NaN`` or an infinity, which Python reads and JSON does not allow."""


def _no_number(name: str) -> object:
    raise _NoNumber(name)


_DECODER = json.JSONDecoder(parse_constant=_no_number)
