"""How deep JSON is nested, measured before parsing, because each parser has its own limit and its own error text."""

from __future__ import annotations

import re
from itertools import accumulate

from arcops.late_pattern import late

DEEPEST = 100
"""Levels of lists and objects. The deepest document that anything here has to read, an SBOM of nested parts, has some 20."""
TOO_DEEP = f"values are nested more than {DEEPEST} deep"

_OUTSIDE = bytes(set(range(256)) - set(b'"[]{}'))
_STEP = {ord("["): 1, ord("{"): 1, ord("]"): -1, ord("}"): -1}
_TOKEN = late(rb'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


def deep_line(data: bytes) -> int | None:
    """The line on which the JSON *data* nests lists and objects more than `DEEPEST` deep; `None` if it does not.

    It does not check that the data is JSON. It takes a small part of the time that a parser needs.
    """
    bare = data.replace(b"\\\\", b"").replace(b'\\"', b"") if b"\\" in data else data
    # Two adjacent quotes are an empty string, or end one string and begin the next: neither changes the depth.
    marks = bare.translate(None, _OUTSIDE).replace(b'""', b"")
    brackets = b"".join(marks.split(b'"')[::2])
    if len(brackets) <= DEEPEST or max(accumulate(map(_STEP.__getitem__, brackets))) <= DEEPEST:
        return None
    return _line(data)


def _line(data: bytes) -> int:
    depth = 0
    for token in _TOKEN.finditer(data):
        depth += _STEP.get(token[0][0], 0)
        if depth > DEEPEST:
            return data.count(b"\n", 0, token.start()) + 1
    return 1
