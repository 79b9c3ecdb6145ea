"""Pickles, walked and never run: what a load would import, and whatever keeps us from being sure of it.

The opcodes are those that ``pickletools`` documents; its table gives each one's argument and its effect on the stack. Strings
are followed through stack and memo, so that STACK_GLOBAL shows what it imports. Long arguments are stepped over, not read, so
memory does not grow with the file.
"""

from __future__ import annotations

import pickletools
import struct
from dataclasses import dataclass, field

from arcops.seen.content import Content
from tasks.content.window import Malformed, Window

FORMAT = "pickle"
_MOST_STEPS = 3_000_000
_MOST_NAME = 1000
_MOST_IMPORTS = 10_000
_OPS = {op.code.encode("latin-1")[0]: op for op in pickletools.opcodes}
_FIXED = {"uint1": 1, "uint2": 2, "int4": 4, "uint4": 4, "uint8": 8, "float8": 8}
_COUNTED = {
    "string1": "<B", "string4": "<i", "bytes1": "<B", "bytes4": "<I", "bytes8": "<Q", "bytearray8": "<Q", "long1": "<B",
    "long4": "<i", "unicodestring1": "<B", "unicodestring4": "<I", "unicodestring8": "<Q",
}  # fmt: skip
_LINE_KINDS = {"decimalnl_short", "decimalnl_long", "floatnl", "stringnl", "stringnl_noescape", "unicodestringnl"}
_STRING_KINDS = {"string1", "string4", "unicodestring1", "unicodestring4", "unicodestring8", "unicodestringnl", "stringnl"}
_MARK = object()
_OTHER = object()


@dataclass(slots=True)
class Walk:
    """What one pickle would do: ``end`` is the offset behind its STOP."""

    imports: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    persistent: bool = False
    end: int = 0


def walk(window: Window, offset: int = 0) -> Walk:
    """Walk the pickle at *offset* to its STOP. Raises `Malformed` where it does not parse."""
    return _Walker(window, offset).to_the_end()


def read(window: Window) -> Content:
    """A file that is one pickle and nothing else."""
    try:
        walked = walk(window)
    except RecursionError as error:
        raise Malformed("its nesting is too deep to follow") from error
    problems = list(walked.problems)
    if walked.persistent:
        problems.append("It refers to objects outside itself (persistent ids), which only its own loader can explain.")
    if walked.end != window.size:
        problems.append(f"{window.size - walked.end} bytes follow the end of its pickle.")
    return Content(format=FORMAT, imports=tuple(sorted(walked.imports)), problems=tuple(problems), code=bool(walked.imports))


class _Walker:
    def __init__(self, window: Window, offset: int) -> None:
        self._window = window
        self._offset = offset
        self._buffer = b""
        self._buffer_at = offset
        self._stack: list[object] = []
        self._memo: dict[int, object] = {}
        self._frame_end: int | None = None
        self._walk = Walk()

    def to_the_end(self) -> Walk:
        for _ in range(_MOST_STEPS):
            self._check_frame()
            code = self._take(1)[0]
            op = _OPS.get(code)
            if op is None:
                raise Malformed(f"byte {code:#04x} at offset {self._offset - 1} is no pickle opcode")
            argument = self._argument(op.arg.name) if op.arg else None
            if op.name == "STOP":
                if self._frame_end is not None and self._offset != self._frame_end:
                    self._walk.problems.append("Its last frame does not end where the pickle ends.")
                self._walk.end = self._offset
                return self._walk
            self._obey(op, argument)
        raise Malformed(f"it has more than {_MOST_STEPS} opcodes")

    def _take(self, length: int) -> bytes:
        start = self._offset - self._buffer_at
        if start < 0 or start + length > len(self._buffer):
            self._buffer_at = self._offset
            left = self._window.size - self._offset
            if length > left:
                raise Malformed(f"it ends in the middle of an opcode at offset {self._offset}")
            self._buffer = self._window.at(self._offset, min(max(length, 65536), left))
            start = 0
        self._offset += length
        return self._buffer[start : start + length]

    def _line(self) -> bytes:
        start = self._offset
        parts = bytearray()
        while True:
            byte = self._take(1)
            if byte == b"\n":
                return bytes(parts)
            parts += byte
            if len(parts) > 1 << 16:
                raise Malformed(f"a line longer than {1 << 16} bytes stands at offset {start}")

    def _argument(self, kind: str) -> object:
        if kind in _FIXED:
            return int.from_bytes(self._take(_FIXED[kind]), "little")
        if kind == "stringnl_noescape_pair":
            return self._line(), self._line()
        if kind in _LINE_KINDS:
            return self._line()
        form = _COUNTED.get(kind)
        if form is None:
            raise Malformed(f"its opcodes use the argument kind {kind}, which is not known here")
        (length,) = struct.unpack(form, self._take(struct.calcsize(form)))
        if length < 0 or length > self._window.size - self._offset:
            raise Malformed(f"an argument at offset {self._offset} claims {length} bytes, more than there are")
        if kind in _STRING_KINDS and length <= _MOST_NAME:
            return self._take(length)
        self._offset += length
        return _OTHER

    def _check_frame(self) -> None:
        if self._frame_end is not None and self._offset >= self._frame_end:
            if self._offset > self._frame_end:
                self._walk.problems.append(f"An opcode straddles the end of its frame at offset {self._frame_end}.")
            self._frame_end = None

    def _obey(self, op: pickletools.OpcodeInfo, argument: object) -> None:
        match op.name:
            case "FRAME":
                self._frame(argument)
            case "GLOBAL" | "INST":
                module, name = argument if isinstance(argument, tuple) else (b"", b"")
                self._import(_text(module), _text(name))
            case "STACK_GLOBAL":
                name_, module_ = self._pop(), self._pop()
                self._import(module_ if isinstance(module_, str) else None, name_ if isinstance(name_, str) else None)
                self._stack.append(_OTHER)
                return
            case "EXT1" | "EXT2" | "EXT4":
                self._walk.problems.append("It imports through the extension registry, which cannot be seen from the file.")
            case "PERSID" | "BINPERSID":
                self._walk.persistent = True
            case "NEXT_BUFFER" | "READONLY_BUFFER":
                self._walk.problems.append("It takes buffers from outside itself.")
            case "PUT" | "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                self._remember(op.name, argument)
                return
            case "GET" | "BINGET" | "LONG_BINGET":
                key = _number(argument)
                if key not in self._memo:
                    raise Malformed(f"it asks for memo {key}, which was never stored")
                self._stack.append(self._memo[key])
                return
            case "DUP":
                top = self._pop()
                self._stack += [top, top]
                return
            case "POP":
                self._pop(mark_too=True)
                return
        self._shift(op, argument)

    def _frame(self, argument: object) -> None:
        length = _number(argument)
        if self._frame_end is not None:
            self._walk.problems.append(f"A frame begins inside another at offset {self._offset}.")
        if length > self._window.size - self._offset:
            raise Malformed(f"a frame at offset {self._offset} claims {length} bytes, more than there are")
        self._frame_end = self._offset + length

    def _import(self, module: str | None, name: str | None) -> None:
        if not module or not name:
            self._walk.problems.append(
                f"It imports something whose name cannot be told from the file, at offset {self._offset}."
            )
            return
        # A dotted name walks attributes, so it gets a form that no plain allow-list entry has.
        self._walk.imports.add(f"{module}:{name}" if "." in name else f"{module}.{name}")
        if len(self._walk.imports) > _MOST_IMPORTS:
            raise Malformed(f"it imports more than {_MOST_IMPORTS} names")

    def _remember(self, how: str, argument: object) -> None:
        if not self._stack or self._stack[-1] is _MARK:
            raise Malformed("it stores to its memo from an empty stack")
        key = len(self._memo) if how == "MEMOIZE" else _number(argument)
        self._memo[key] = self._stack[-1]

    def _pop(self, *, mark_too: bool = False) -> object:
        if not self._stack or (self._stack[-1] is _MARK and not mark_too):
            raise Malformed(f"it takes from an empty stack at offset {self._offset}")
        return self._stack.pop()

    def _shift(self, op: pickletools.OpcodeInfo, argument: object) -> None:
        """The opcode's effect on the stack, as its table entry tells it."""
        before = op.stack_before
        if pickletools.stackslice in before:
            while True:
                if not self._stack:
                    raise Malformed(f"it looks for a mark that is not there at offset {self._offset}")
                if self._stack.pop() is _MARK:
                    break
            before = before[: before.index(pickletools.markobject)]
        elif pickletools.markobject in before:
            while self._pop(mark_too=True) is not _MARK:
                pass
            before = []
        for _ in before:
            self._pop()
        for after in op.stack_after:
            if after is pickletools.markobject:
                self._stack.append(_MARK)
            elif op.arg is not None and op.arg.name in _STRING_KINDS and isinstance(argument, bytes):
                self._stack.append(_string(op.arg.name, argument))
            else:
                self._stack.append(_OTHER)


def _string(kind: str, raw: bytes) -> object:
    if kind == "stringnl":
        quoted = raw.strip()
        if len(quoted) < 2 or quoted[:1] not in (b"'", b'"') or quoted[-1:] != quoted[:1] or b"\\" in quoted:
            return _OTHER
        raw = quoted[1:-1]
    if kind == "unicodestringnl":
        return _OTHER if b"\\" in raw else _text(raw)
    return _text(raw) or _OTHER


def _text(raw: bytes) -> str | None:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return None


def _number(argument: object) -> int:
    if isinstance(argument, int):
        return argument
    if isinstance(argument, bytes) and argument.strip().isdigit() and len(argument) < 20:
        return int(argument)
    raise Malformed(f"it has a number that is none: {argument!r}")
