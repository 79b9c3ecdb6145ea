"""NumPy ``.npy`` and ``.npz``: a bounded reader of the header, which is one literal; object arrays are pickles.

Source: ``numpy.lib.format``, versions 1.0 to 3.0.
"""

from __future__ import annotations

from math import prod

from arcops.late_pattern import late
from tasks.model.content import adapters, pickles, zips
from tasks.model.content.draft import Draft, printable
from tasks.model.content.window import Malformed, Window

HEADER_LIMIT = 64 * 1024

_TOKEN = late(r"\s*(?:(?P<string>'[^'\\]*'|\"[^\"\\]*\")|(?P<number>\d{1,19})L?|(?P<word>True|False)|(?P<mark>[\[\](){},:]))")
_TYPE = late(r"[<>|=]?([biufcSUVmMO?aB])(\d{0,9})(\[[^\]]{1,40}\])?")

Literal = dict[str, "Literal"] | list["Literal"] | str | int | bool


class _Literal:
    """The few Python literals that a header may hold: strings, numbers, booleans, tuples and lists (alike), dicts."""

    def __init__(self, text: str) -> None:
        self._tokens = []
        at = 0
        text = text.rstrip()
        while at < len(text):
            match = _TOKEN.match(text, at)
            if match is None:
                raise Malformed("its header is not a plain literal")
            self._tokens.append((match.lastgroup, match.group(match.lastgroup or 0)))
            at = match.end()
        self._at = 0

    def whole(self) -> Literal:
        value = self._value(0)
        if self._at != len(self._tokens):
            raise Malformed("its header has more data after its end")
        return value

    def _next(self) -> tuple[str | None, str]:
        if self._at >= len(self._tokens):
            raise Malformed("its header ends too early")
        self._at += 1
        return self._tokens[self._at - 1]

    def _value(self, depth: int) -> Literal:
        if depth > 16:
            raise Malformed("its header is nested too deep")
        kind, text = self._next()
        if kind == "string":
            return text[1:-1]
        if kind == "number":
            return int(text)
        if kind == "word":
            return text == "True"
        if text == "{":
            return self._dict(depth)
        if text in ("(", "["):
            items: list[Literal] = []
            close = ")" if text == "(" else "]"
            while not self._closes(close):
                items.append(self._value(depth + 1))
                if not self._closes(close, peek=True):
                    self._expect(",")
                elif text == "(" and len(items) == 1:
                    self._at += 1
                    return items[0]  # parentheses only
            return items
        raise Malformed("its header is not a plain literal")

    def _dict(self, depth: int) -> Literal:
        found: dict[str, Literal] = {}
        while not self._closes("}"):
            kind, text = self._next()
            if kind != "string" or text[1:-1] in found:
                raise Malformed("its header has a key twice, or a key that is not a string")
            self._expect(":")
            found[text[1:-1]] = self._value(depth + 1)
            if not self._closes("}", peek=True):
                self._expect(",")
        return found

    def _closes(self, mark: str, *, peek: bool = False) -> bool:
        if self._at >= len(self._tokens):
            raise Malformed("its header ends too early")
        closes = self._tokens[self._at] == ("mark", mark)
        if closes and not peek:
            self._at += 1
        return closes

    def _expect(self, mark: str) -> None:
        if self._next() != ("mark", mark):
            raise Malformed("its header is not a plain literal")


def holds_objects(window: Window) -> bool:
    """Does the header name Python objects?"""
    return _header(window)[2]


def read(window: Window, draft: Draft) -> None:
    """One array."""
    start, count, objects = _header(window)
    if objects:
        draft.notes.add("is an array of Python objects, so it is a pickle")
        walked = pickles.walk(window, draft, at=start)
        if walked.stopped and walked.end != window.size:
            draft.problem(f"after the pickle of its objects there are {window.size - walked.end} bytes")
        if not walked.is_array:
            draft.problem("it says that it is an array of Python objects, but its pickle makes something else")
    elif count != window.size - start:
        draft.problem(f"its shape and type need {count} bytes, but there are {window.size - start}")


def _header(window: Window) -> tuple[int, int, bool]:
    """The start of the data, how many bytes they should be, and whether Python objects are in them."""
    version = window.read(6, 2)
    if version not in (b"\x01\x00", b"\x02\x00", b"\x03\x00"):
        raise Malformed(f"it is of the unknown NumPy format version {version[0]}.{version[1]}")
    width = 2 if version[0] == 1 else 4
    length = int.from_bytes(window.read(8, width), "little")
    if length > HEADER_LIMIT:
        raise Malformed(f"its header claims {length} bytes; at most {HEADER_LIMIT} are read")
    start = 8 + width + length
    try:
        header = _Literal(window.read(8 + width, length).decode("utf-8" if version[0] == 3 else "latin-1")).whole()
    except UnicodeDecodeError as error:
        raise Malformed("its header is not UTF-8") from error
    if not isinstance(header, dict) or set(header) != {"descr", "fortran_order", "shape"}:
        raise Malformed("its header does not have exactly the keys descr, fortran_order and shape")
    size, objects = _item(header["descr"], 0)
    shape = header["shape"] if isinstance(header["shape"], list) else None
    if shape is None or len(shape) > 64 or not isinstance(header["fortran_order"], bool):
        raise Malformed("its header has no usable shape and order")
    return start, size * prod(_whole(length) for length in shape), objects


def _whole(value: Literal) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise Malformed("its shape does not consist of whole numbers")
    return value


def _item(descr: Literal, depth: int) -> tuple[int, bool]:
    """Bytes of one element, and whether Python objects are in it."""
    if depth > 8:
        raise Malformed("its type is nested too deep")
    if isinstance(descr, str):
        match = _TYPE.fullmatch(descr)
        if match is None:
            raise Malformed(f"its type {printable(descr)!r} is not known")
        letter, digits = match.group(1), match.group(2)
        return (int(digits or 1) * (4 if letter == "U" else 1), letter == "O")
    if isinstance(descr, list):
        size, objects = 0, False
        for field in descr:
            if not isinstance(field, list) or len(field) not in (2, 3):
                raise Malformed("a field of its type is not a name, a type and perhaps a shape")
            inner, holds = _item(field[1], depth + 1)
            lengths = field[2] if len(field) == 3 else 1
            times = prod(_whole(length) for length in lengths) if isinstance(lengths, list) else _whole(lengths)
            size += inner * times
            objects = objects or holds
        return size, objects
    raise Malformed("its type is neither a string nor a list of fields")


def read_members(window: Window, members: list[zips.Member], draft: Draft) -> None:
    """An ``.npz``: a zip of arrays."""
    for member in members:
        inner = Draft("numpy")
        try:
            head = zips.first_bytes(window, member, HEADER_LIMIT + 16)
            if not head.startswith(b"\x93NUMPY"):
                raise Malformed("it is not an array")
            if holds_objects(Window.over(head)):
                read(zips.content_of(window, member, draft), inner)
            else:
                read(Window(lambda offset, length, head=head: head[offset : offset + length], member.size), inner)  # type: ignore[misc]  # binds this turn's head
        except Malformed as fault:
            inner.problem(str(fault))
        draft.absorb(inner, printable(member.name))
    adapters.by_tensors([member.name.removesuffix(".npy") for member in members], draft)
