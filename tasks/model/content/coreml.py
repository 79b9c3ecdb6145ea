"""Core ML: models as protocol buffers, and the file of weights beside an ML program.

Source: ``mlmodel/format/Model.proto``, ``MIL.proto``, ``NeuralNetwork.proto`` and ``StorageFormat.hpp`` of coremltools.
"""

from __future__ import annotations

from tasks.model.content import pickles
from tasks.model.content.draft import Draft, printable
from tasks.model.content.names import fault_of
from tasks.model.content.protobuf import WireField, fields, text
from tasks.model.content.window import Malformed, Window

DEEPEST = 48
MOST_BLOBS = 1_000_000
HIGHEST_VERSION = 64

_HEAD = frozenset((1, 2, 10))
_TYPES = frozenset(
    (*range(200, 203), *range(300, 305), *range(400, 405), *range(500, 503), 555, 556, 560, *range(600, 611), 900,
     *range(2000, 2007), 3000)
)  # fmt: skip
"""Fields of a model that hold its one type."""

_SENTINEL = b"\xef\xbe\xad\xde"
_DESCRIPTION = 64
"""Bytes of the description of a part in a file of weights, to which an offset leads."""

# Which fields of which message hold which messages; only those that can lead to code of the app, to another model or file.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {
        **dict.fromkeys((200, 201), "in-pipeline"), 202: "pipeline", **dict.fromkeys((303, 403, 500), "network"),
        502: "program", 555: "custom", 556: "linked", 3000: "serialized",
    },
    "in-pipeline": {1: "pipeline"},
    "pipeline": {1: "model"},
    "network": {1: "layer"},
    "layer": {500: "custom", 605: "branch", 615: "loop"},
    "branch": {1: "network", 2: "network"},
    "loop": {3: "network", 4: "network"},
    "program": {2: "named-function", 4: "named-value"},
    "named-function": {2: "function"},
    "function": {3: "named-block", 4: "named-value"},
    "named-block": {2: "block"},
    "block": {3: "operation", 4: "named-value"},
    "operation": {2: "named-argument", 4: "block", 5: "named-value"},
    "named-argument": {2: "argument"},
    "argument": {1: "binding"},
    "binding": {2: "value"},
    "named-value": {2: "value"},
    "value": {3: "immediate", 5: "blob"},
    "immediate": {2: "values", 3: "values", 4: "dictionary"},
    "values": {1: "value"},
    "dictionary": {1: "pair"},
    "pair": {1: "value", 2: "value"},
}  # fmt: skip

_CLASS = 10
"""The field of a custom layer or model that names a class of the app."""


def looks_like(window: Window) -> bool:
    """Does it consist of the fields of a Core ML model, with one type?"""
    seen: set[int] = set()
    try:
        for count, field in enumerate(fields(window, Draft(""))):
            if field.number not in _HEAD | _TYPES or count > 64:
                return False
            seen.add(field.number)
    except Malformed:
        pass  # cut off, perhaps; the reader says so
    return 1 in seen and len(seen & _TYPES) == 1


def read(window: Window, draft: Draft) -> None:
    """Note the classes and files that the model names."""
    _model(window, WireField(0, 0, 0, window.size), draft, 0)


def _model(window: Window, outer: WireField, draft: Draft, depth: int) -> None:
    types = 0
    for field in fields(window, draft, outer.start, outer.start + outer.size):
        if field.number == 1 and not 0 < field.value <= HIGHEST_VERSION:
            draft.problem(f"its specification has the version {field.value}; 1 to {HIGHEST_VERSION} are read")
        elif field.number in _TYPES:
            types += 1
            if field.number in _INSIDE["model"]:
                _message(window, field, _INSIDE["model"][field.number], draft, depth + 1)
        elif field.number not in _HEAD:
            draft.problem(f"it has the field {field.number}, which no known version of Core ML has")
    if types != 1:
        draft.problem(f"a model in it has {types} types, but must have one")


def _message(window: Window, outer: WireField, kind: str, draft: Draft, depth: int) -> None:
    if depth > DEEPEST:
        raise Malformed("its parts are nested too deep")
    if outer.size < 0:
        raise Malformed(f"field {outer.number} should be a message, but is a number")
    if kind == "model":
        _model(window, outer, draft, depth)
        return
    if kind in _ENDS:
        _ENDS[kind](window, outer, draft)
        return
    inside = _INSIDE[kind]
    for field in fields(window, draft, outer.start, outer.start + outer.size):
        if kind == "operation" and field.number == 1 and text(window, field).startswith("custom"):
            draft.operators.add(_class_of(window, outer, draft) or printable(text(window, field)))
        if field.number in inside:
            _message(window, field, inside[field.number], draft, depth + 1)


def _custom(window: Window, outer: WireField, draft: Draft) -> None:
    """A layer or a model that is a class of the app."""
    name = ""
    for field in fields(window, draft, outer.start, outer.start + outer.size):
        if field.number == _CLASS:
            name = text(window, field)
    draft.operators.add(printable(name) if name else "custom")


def _linked(window: Window, outer: WireField, draft: Draft) -> None:
    draft.problem("it uses a compiled model of the app (linkedModel), which is not in the file")


def _serialized(window: Window, outer: WireField, draft: Draft) -> None:
    """A model in a format that only Apple's frameworks know."""
    names = [text(window, field) for field in fields(window, draft, outer.start, outer.start + outer.size) if field.number == 1]
    draft.operators.add(printable(f"serialized:{names[-1] if names else ''}"))


def _blob(window: Window, outer: WireField, draft: Draft) -> None:
    path, offset = "", 0
    for field in fields(window, draft, outer.start, outer.start + outer.size):
        if field.number == 1:
            name = text(window, field)
            path = name.removeprefix("@model_path/")
            fault = fault_of(path)
            if fault:
                draft.problem(f"its file of weights {printable(name)!r} {fault}")
            else:
                draft.referred(path)
        elif field.number == 2:
            offset = min(field.value, 2**52)
    draft.needs(path, offset + _DESCRIPTION)


_ENDS = {"custom": _custom, "linked": _linked, "serialized": _serialized, "blob": _blob}


def _class_of(window: Window, operation: WireField, draft: Draft) -> str:
    """The text of the attribute ``class_name``: a value, immediate, of a tensor, of strings."""
    for field in fields(window, draft, operation.start, operation.start + operation.size):
        if field.number != 5:
            continue
        parts = {part.number: part for part in fields(window, draft, field.start, field.start + max(field.size, 0))}
        if 1 in parts and 2 in parts and text(window, parts[1]) == "class_name":
            found: WireField | None = parts[2]
            for number in (3, 1, 4, 1):
                found = _first(window, found, number, draft) if found is not None else None
            return printable(text(window, found)) if found is not None else ""
    return ""


def _first(window: Window, outer: WireField, number: int, draft: Draft) -> WireField | None:
    inner = fields(window, draft, outer.start, outer.start + max(outer.size, 0))
    return next((field for field in inner if field.number == number), None)


def is_weights(head: bytes) -> bool:
    """Is it a file of weights: a count, the version, reserved bytes, then the mark of the first part?"""
    return head[4:8] == b"\x02\x00\x00\x00" and head[8:64] == bytes(56) and head[64:68] == _SENTINEL


def read_weights(window: Window, draft: Draft) -> None:
    """Parts one after another, each with a description of 64 bytes, aligned to 64 bytes."""
    trial = Draft("pickle")
    pickles.walk(window, trial)
    if trial.imports:
        draft.problem("its bytes are a pickle, too, which imports names")
    count = int.from_bytes(window.read(0, 4), "little")
    if not 0 < count <= MOST_BLOBS:
        raise Malformed(f"it claims {count} parts; 1 to {MOST_BLOBS} are read")
    at = 64
    for number in range(count):
        said = window.read(at, 64)
        size, offset = int.from_bytes(said[8:16], "little"), int.from_bytes(said[16:24], "little")
        if said[:4] != _SENTINEL:
            raise Malformed(f"no description of part {number} is at byte {at}")
        if offset != at + 64 or offset + size > window.size:
            raise Malformed(f"part {number} claims the bytes {offset} to {offset + size}, which is not its place")
        at = -(-(offset + size) // 64) * 64
    if window.size > at:
        draft.problem(f"after the last part there are {window.size - at} bytes")
