"""JSON-RPC envelopes as they pass: read once, ids changed, and everything inside kept as the bytes that came.

What is inside a message is not decoded, so no side's words are changed by what this code knows of them.
Sources: JSON-RPC 2.0; MCP 2025-11-25 and 2026-07-28, basic protocol.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import NoReturn

import msgspec
from msgspec import UNSET, Raw, UnsetType

PARSE_ERROR, INVALID_REQUEST, METHOD_NOT_FOUND, INVALID_PARAMS, INTERNAL_ERROR = -32700, -32600, -32601, -32602, -32603
HEADER_MISMATCH, MISSING_CAPABILITY, UNSUPPORTED_VERSION = -32020, -32021, -32022
UNAVAILABLE = -32000
"""A server that ended, did not answer, or cannot be started now: from the range that is left to implementations."""
CANCELLED = -32800
"""Answers a call of 2025-11-25 that was cancelled: its stream ends only with an answer."""

MOST_DEPTH = 256
"""Objects and arrays inside one another. Servers' own readers of JSON give up at about a thousand."""

Params = Mapping[str, Raw]
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_BRACKETS = re.compile(rb"[\[\]{}]")


class Message(msgspec.Struct, gc=False):
    """One envelope. What is not in it is `UNSET`."""

    jsonrpc: str = ""
    id: int | str | UnsetType | None = UNSET
    method: str | UnsetType = UNSET
    params: Raw | UnsetType = UNSET
    result: Raw | UnsetType = UNSET
    error: Raw | UnsetType = UNSET


class Malformed(Exception):
    """Bytes that are no single JSON-RPC message; ``code`` is the error of JSON-RPC for it, the sentence says what was found."""

    def __init__(self, code: int, said: str) -> None:
        super().__init__(said)
        self.code = code


_message = msgspec.json.Decoder(Message)
_members = msgspec.json.Decoder(dict[str, Raw])
_objects = msgspec.json.Decoder(list[dict[str, Raw]])
_value = msgspec.json.Decoder()
encoded = msgspec.json.encode
"""Any plain value as JSON."""


def read(data: bytes) -> Message:
    """The one message in *data*. Raises `Malformed`: a batch, too deep, no JSON, no JSON-RPC 2.0."""
    if not data.isascii():
        try:
            data.decode()
        except UnicodeDecodeError as error:
            raise Malformed(PARSE_ERROR, f"the message is not UTF-8 (byte {error.start})") from None
    _refuse_depth(data)
    try:
        message = _message.decode(data)
    except msgspec.ValidationError as error:
        _explain(data, error)
    except (msgspec.DecodeError, RecursionError) as error:
        message = _read_slowly(data, error)
    if message.jsonrpc != "2.0":
        raise Malformed(INVALID_REQUEST, 'the message does not say "jsonrpc": "2.0"')
    return message


def heard(line: bytes) -> Message:
    """The message of a server in one *line*: as `read`, without bounds of its depth, because nothing in it is decoded here.

    Bytes that are not UTF-8 are replaced, so that what is passed on is JSON.
    """
    if not line.isascii():
        line = _repaired(line)
    try:
        return _message.decode(line)
    except msgspec.ValidationError as error:
        _explain(line, error)
    except (msgspec.DecodeError, RecursionError) as error:
        return _read_slowly(line, error)


def _repaired(line: bytes) -> bytes:
    try:
        line.decode()
    except UnicodeDecodeError:
        return line.decode(errors="replace").encode()
    return line


def members(raw: Raw | UnsetType) -> dict[str, Raw] | None:
    """The members of an object, each as its bytes; ``None`` if it is not there. The last one of a name counts, alone.

    Raises `Malformed` if it is no object.
    """
    if raw is UNSET or bytes(raw) == b"null":  # `Raw` equals no bytes
        return None
    try:
        return _members.decode(raw)
    except msgspec.DecodeError:
        if (found := _with_halves(bytes(raw))) is not None:
            return {name: _raw(one) for name, one in found.items()}
        raise Malformed(INVALID_PARAMS, "params is not an object") from None


def objects(raw: Raw) -> list[dict[str, Raw]]:
    """The objects of an array, each as its members. Raises `msgspec.DecodeError` if it is no array of objects."""
    return _objects.decode(raw)


def value(raw: Raw | None) -> object:
    """*raw* decoded, or ``None``."""
    return None if raw is None else _value.decode(raw)


def text(raw: Raw | None) -> str:
    """*raw* if it is a string, else nothing."""
    found = value(raw)
    return found if isinstance(found, str) else ""


def one_line(raw: bytes) -> bytes:
    """JSON without the line ends between its parts: its strings have no such ends."""
    if b"\n" in raw:
        raw = raw.replace(b"\n", b" ")
    return raw.replace(b"\r", b" ") if b"\r" in raw else raw


def request(id: int, method: str, params: bytes | None) -> bytes:
    """A request as one line."""
    if params is None:
        return b'{"jsonrpc":"2.0","id":%d,"method":%b}' % (id, encoded(method))
    return one_line(b'{"jsonrpc":"2.0","id":%d,"method":%b,"params":%b}' % (id, encoded(method), params))


def notification(method: str, params: bytes | None) -> bytes:
    """A notification as one line."""
    if params is None:
        return b'{"jsonrpc":"2.0","method":%b}' % encoded(method)
    return one_line(b'{"jsonrpc":"2.0","method":%b,"params":%b}' % (encoded(method), params))


def asked(id: bytes, method: str, params: Raw | UnsetType) -> bytes:
    """A request with any *id*, which is JSON already."""
    inner = b"" if params is UNSET else b',"params":%b' % bytes(params)
    return one_line(b'{"jsonrpc":"2.0","id":%b,"method":%b%b}' % (id, encoded(method), inner))


def answer(id: bytes, message: Message) -> bytes:
    """The answer *message* under another *id*, which is JSON already."""
    if message.error is not UNSET:
        return one_line(b"".join((b'{"jsonrpc":"2.0","id":', id, b',"error":', message.error, b"}")))
    return one_line(b"".join((b'{"jsonrpc":"2.0","id":', id, b',"result":', message.result, b"}")))  # type: ignore[arg-type]  # set: `is_answer`


def result(id: bytes, inner: bytes) -> bytes:
    """An answer with *inner* as its result; both are JSON already."""
    return b"".join((b'{"jsonrpc":"2.0","id":', id, b',"result":', inner, b"}"))


def error(id: bytes, code: int, said: str, data: object = None) -> bytes:
    """An error of our own; *id* is JSON already (``null`` if it could not be read)."""
    inner: dict[str, object] = {"code": code, "message": said[:2000]}
    if data is not None:
        inner["data"] = data
    return b"".join((b'{"jsonrpc":"2.0","id":', id, b',"error":', encoded(inner), b"}"))


def id_of(answer: bytes) -> bytes:
    """The id of an answer that was made here, as JSON."""
    return encoded(_message.decode(answer).id)


def is_request(message: Message) -> bool:
    """Does it ask for an answer?"""
    return message.method is not UNSET and message.id is not UNSET


def is_answer(message: Message) -> bool:
    """Is it a result or an error, and not both?"""
    return message.method is UNSET and (message.result is UNSET) != (message.error is UNSET)


def code_of(message: Message) -> int:
    """The code of an error, or 0."""
    if message.error is UNSET:
        return 0
    try:
        found = value(message.error)
    except msgspec.DecodeError:
        return 0
    code = found.get("code") if isinstance(found, dict) else None
    return code if isinstance(code, int) else 0


def _refuse_depth(data: bytes) -> None:
    if data.count(b"[") + data.count(b"{") <= MOST_DEPTH:
        return
    depth = 0
    for match in _BRACKETS.finditer(_STRING.sub(b"", data)):
        depth += 1 if match[0] in b"[{" else -1
        if depth > MOST_DEPTH:
            raise Malformed(PARSE_ERROR, f"the message has more than {MOST_DEPTH} objects and arrays inside one another")


def _explain(data: bytes, error: Exception) -> NoReturn:
    if data.lstrip()[:1] == b"[":
        raise Malformed(INVALID_REQUEST, "the body is a batch; send one message a request") from None
    raise Malformed(INVALID_REQUEST, f"the message is not a JSON-RPC message: {error}") from None


def _read_slowly(data: bytes, error: Exception) -> Message:
    found = _with_halves(data)
    if found is None:
        raise Malformed(PARSE_ERROR, f"the message is not JSON: {error}") from None
    id, method = found.get("id", UNSET), found.get("method", UNSET)
    if isinstance(id, bool) or not isinstance(id, (int, str, type(None), UnsetType)):
        raise Malformed(INVALID_REQUEST, "the id is neither a string nor a whole number")
    if not isinstance(method, (str, UnsetType)):
        raise Malformed(INVALID_REQUEST, "the method is not a string")
    params, result, error_ = (_raw(found[name]) if name in found else UNSET for name in ("params", "result", "error"))
    return Message(jsonrpc=str(found.get("jsonrpc", "")), id=id, method=method, params=params, result=result, error=error_)


def _with_halves(data: bytes) -> dict[str, object] | None:
    """An object that the fast reader refuses: an escape may be half of a pair of surrogates (RFC 8259, 8.2)."""
    if b"\\ud" not in data.lower():
        return None
    try:
        found = json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return None
    return found if isinstance(found, dict) else None


def _raw(found: object) -> Raw:
    return Raw(json.dumps(found, separators=(",", ":")).encode())


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")
