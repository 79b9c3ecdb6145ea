"""Hostile bytes from sound ones: a seeded stream of changes to bytes, to JSON values, and to what hides in base64 in them."""

from __future__ import annotations

import base64
import binascii
import copy
import json
import random
from collections.abc import Iterator, Sequence
from typing import Any

_ODD: tuple[Any, ...] = (
    None,
    True,
    False,
    0,
    -1,
    1.5,
    2**31,
    2**53,
    2**63,
    2**64,
    10**30,
    "",
    "0",
    "a",
    "\ud800",
    "\x00",
    "é\u202e",
    "../../x",
    "x" * 5000,
    [],
    {},
    [[]],
    [None],
    [{}],
    {"": ""},
    {"a": {}},
    [1, "a"],
    "9999-12-31T23:59:59Z",
    "0001-01-01T00:00:00+23:59",
    "2026-11-20T00:00:00",
    "-1",
    "1e999",
    "AAAA",
    "sha256:" + "0" * 64,
    "{",
    "[" * 150,
    float("inf"),
    float("nan"),
)
_RAW: tuple[bytes, ...] = (
    b"\x00",
    b"\xff",
    b"\xff\xff\xff\xff",
    b"\x80",
    b"\xed\xa0\x80",
    b"\xf4\x90\x80\x80",
    b"{",
    b"}",
    b"[",
    b"]",
    b'"',
    b"\\",
    b":",
    b",",
    b"\n",
    b"\r",
    b"\t",
    b"'",
    b"&",
    b"<",
    b">",
    b"-",
    b"*",
    b"|",
    b"%",
    b"!",
    b"1e999",
    b"-0",
    b"9" * 4301,
    b"\\ud800",
    b"\\u0000",
    b"null",
    b"--- ",
    b"&a",
    b"*a",
    b"<<: ",
    b"\xef\xbb\xbf",
    b"\xfe\xff",
    b"\x7f\xff\xff\xff\xff\xff\xff\xff",
    b"1:1:1",
    b"0x",
    b"[" * 120,
    b"0" * 100,
)


def mutants(seeds: Sequence[bytes], count: int, *, seed: str) -> Iterator[bytes]:
    """*count* inputs, the same for the same *seed*: *seeds* themselves, then each one of them after one to four changes."""
    chance = random.Random(seed)  # noqa: S311  # repeatable, not secret
    yield from seeds[:count]
    for _ in range(max(0, count - len(seeds))):
        data = chance.choice(seeds)
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            data = _changed(chance, data, seeds)
        yield data


def _changed(chance: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    if chance.random() < 0.6:
        made = _in_json(chance, data)
        if made is not None:
            return made
    return _in_bytes(chance, data, seeds)


def _in_bytes(chance: random.Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    at = chance.randrange(len(data) + 1)
    end = min(len(data), at + chance.choice((1, 1, 2, 4, 8, 64)))
    match chance.randrange(8):
        case 0:
            return data[:at] + bytes([chance.randrange(256)]) + data[end:]
        case 1:
            return data[:at] + data[end:]
        case 2:
            return data[:at] + chance.choice(_RAW) + data[at:]
        case 3:
            return data[:at] + chance.choice(_RAW) + data[end:]
        case 4:
            return data[:at]
        case 5:
            return data[:end] + data[at:end] * chance.choice((1, 2, 40)) + data[end:]
        case 6:
            other = chance.choice(seeds)
            start = chance.randrange(len(other) + 1)
            return data[:at] + other[start : start + chance.choice((1, 16, 256))] + data[end:]
        case _:
            if not data:
                return b"\0"
            place = min(at, len(data) - 1)
            return data[:place] + bytes([data[place] ^ 1 << chance.randrange(8)]) + data[place + 1 :]


def _in_json(chance: random.Random, data: bytes) -> bytes | None:
    """*data* with one value of its JSON (or of one line of it) changed; `None` if it is not JSON."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError):
        return None
    places = list(_places(document))
    if not places:
        return json.dumps(chance.choice(_ODD)).encode()
    holder, key = chance.choice(places)
    value = holder[key]
    match chance.randrange(6):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[str(chance.choice(("", "\ud800", "a", "__proto__", key.upper())))] = holder.pop(key)
        case 2 if isinstance(holder, list):
            holder.extend(copy.deepcopy(value) for _ in range(chance.choice((1, 3, 30))))
        case 3 if isinstance(value, str):
            holder[key] = _in_text(chance, value)
        case 4:
            other, place = chance.choice(places)
            holder[key] = copy.deepcopy(other[place])
        case _:
            holder[key] = chance.choice(_ODD)
    try:
        return json.dumps(document).encode()
    except (ValueError, RecursionError):
        return None


def _in_text(chance: random.Random, text: str) -> str:
    """*text* with a change; if it is base64, of what it encodes."""
    if len(text) >= 8 and len(text) % 4 == 0:
        try:
            inner = base64.b64decode(text, validate=True)
        except (binascii.Error, ValueError):
            pass
        else:
            return base64.b64encode(_changed(chance, inner, (inner,))).decode()
    return _in_bytes(chance, text.encode("utf-8", "replace"), (b"",)).decode("utf-8", "replace")


def _places(document: Any) -> Iterator[tuple[Any, Any]]:
    waiting, left = [document], 2000
    while waiting and left:
        left -= 1
        here = waiting.pop()
        keys = here.keys() if isinstance(here, dict) else range(len(here)) if isinstance(here, list) else ()
        for key in keys:
            yield here, key
            if isinstance(here[key], dict | list):
                waiting.append(here[key])
