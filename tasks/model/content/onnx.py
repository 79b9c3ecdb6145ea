"""ONNX: which other files it loads, and which operators only an extension could run.

Source: ``onnx/onnx.proto`` and ``docs/ExternalData.md`` of ONNX.
"""

from __future__ import annotations

from tasks.model.content.draft import Draft, printable
from tasks.model.content.names import fault_of
from tasks.model.content.protobuf import WireField, fields, text
from tasks.model.content.window import Malformed, Window

DEEPEST = 32
STANDARD = frozenset(("", "ai.onnx", "ai.onnx.ml", "ai.onnx.training", "ai.onnx.preview.training"))
"""Operator domains that the ONNX specification itself defines."""

_IR_VERSION, _PRODUCER, _GRAPH, _OPSETS, _FUNCTIONS, _TRAINING = 1, 2, 7, 8, 25, 20

# Which fields of which message hold which messages; only those that can lead to a tensor, a node or a domain.
_INSIDE: dict[str, dict[int, str]] = {
    "model": {7: "graph", 20: "training", 25: "function"},
    "training": {1: "graph", 2: "graph"},
    "function": {7: "node", 11: "attribute"},
    "graph": {1: "node", 5: "tensor", 15: "sparse"},
    "node": {5: "attribute"},
    "attribute": {5: "tensor", 6: "graph", 10: "tensor", 11: "graph", 22: "sparse", 23: "sparse"},
    "sparse": {1: "tensor", 2: "tensor"},
}


def looks_like(window: Window) -> str:
    """``onnx``, ``saved-model`` or nothing, for a file that begins as both do: with field 1, a small number."""
    seen: set[int] = set()
    draft = Draft("")
    try:
        for count, field in enumerate(fields(window, draft)):
            seen.add(field.number)
            if field.number > 25 or count > 4096:
                return ""
    except Malformed:
        return "onnx" if _GRAPH in seen and seen <= set(range(1, 26)) else ""
    if _GRAPH in seen:
        return "onnx"
    return "saved-model" if seen == {1, 2} else ""


def read(window: Window, draft: Draft) -> None:
    graphs = 0
    for field in fields(window, draft):
        if field.number == _GRAPH:
            graphs += 1
        if field.number == _OPSETS:
            _domain(window, field, 1, draft)
        inside = _INSIDE["model"].get(field.number)
        if inside:
            _message(window, field, inside, draft, 0)
    if graphs != 1:
        draft.problem(f"it holds {graphs} graphs, but must hold one")


def _message(window: Window, outer: WireField, kind: str, draft: Draft, depth: int) -> None:
    if depth > DEEPEST:
        raise Malformed("its graphs are nested too deep")
    if outer.size < 0:
        raise Malformed(f"field {outer.number} should be a message, but is a number")
    if kind == "tensor":
        _tensor(window, outer, draft)
        return
    inside = _INSIDE[kind]
    for field in fields(window, draft, outer.start, outer.start + outer.size):
        if kind == "node" and field.number == 7:
            _named(text(window, field), draft)
        elif kind == "function" and field.number == 9:
            _domain(window, field, 1, draft)
        elif field.number in inside:
            _message(window, field, inside[field.number], draft, depth + 1)


def _domain(window: Window, outer: WireField, number: int, draft: Draft) -> None:
    for field in fields(window, draft, outer.start, outer.start + max(outer.size, 0)):
        if field.number == number:
            _named(text(window, field), draft)


def _named(domain: str, draft: Draft) -> None:
    if domain not in STANDARD:
        draft.operators.add(printable(domain))


def _tensor(window: Window, outer: WireField, draft: Draft) -> None:
    external = False
    location = ""
    extent = {"offset": 0, "length": 0}
    for field in fields(window, draft, outer.start, outer.start + outer.size):
        if field.number == 14:
            external = field.value == 1
        elif field.number == 13:
            key = value = ""
            for entry in fields(window, draft, field.start, field.start + max(field.size, 0)):
                if entry.number == 1:
                    key = text(window, entry)
                elif entry.number == 2:
                    value = text(window, entry)
            if key in extent:
                if not value.isdecimal() or len(value) > 15:
                    draft.problem(f"the {key} of its external data is {printable(value, 40)!r}, which is no number of bytes")
                else:
                    extent[key] = int(value)
            if key == "location":
                if location and location != value:
                    draft.problem("a tensor names two external files")
                location = value
                fault = fault_of(value)
                if fault:
                    draft.problem(f"its external data {printable(value)!r} {fault}")
                else:
                    draft.referred(value)
    if location:
        draft.needs(location, extent["offset"] + extent["length"])
    if external and not location:
        draft.problem("the data of a tensor are in another file, but the tensor names no file")
