"""Pickle, every protocol: its opcodes are followed and never run. Finds what it would import and call, and ways to hide that.

The walk follows the machine's stack and memo only for names: a string, a global, or another value. A name that is known only by
running the pickle is a problem. So is every case in which unpicklers and scanners are known to disagree: wrong frames, a second
PROTO, data after STOP, a pickle inside a pickle, extension codes, out-of-band buffers, names that reach through attributes.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from arcops.late_pattern import late
from tasks.model.content.draft import Draft, printable
from tasks.model.content.opcodes import OPCODES, Operand
from tasks.model.content.window import Cursor, Malformed, Window

MOST_OPCODES = 3_000_000
LONGEST_LINE = 64 * 1024
LONGEST_NAME = 1024
MOST_TEXT = 64 * 1024 * 1024
HIGHEST_MEMO = 20_000_000

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of a legacy torch file holds this number."""


@dataclass(frozen=True, slots=True)
class Global:
    """A name that the pickle imports."""

    name: str


Value = str | int | Global | None
"""What the walk knows of a value on the stack; ``None`` is anything else."""


@dataclass(frozen=True, slots=True)
class Walk:
    """The result of a walk: the byte of its end, whether it reached STOP, whether the pickle would call a function, and its
    value if that is a number. ``fault`` says why the walk ended early."""

    end: int
    stopped: bool
    called: bool
    value: Value
    fault: str = ""


_NUMBERS = ("INT", "BININT", "BININT1", "BININT2", "LONG", "LONG4", "FLOAT", "BINFLOAT")
_PUSHES = frozenset((*_NUMBERS, "NONE", "NEWTRUE", "NEWFALSE", "EMPTY_LIST", "EMPTY_TUPLE", "EMPTY_DICT", "EMPTY_SET"))
_BYTES = frozenset(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"))
_TEXTS = frozenset(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"))
_GATHERS = frozenset(("LIST", "DICT", "TUPLE", "FROZENSET"))
_FEEDS_MANY = frozenset(("APPENDS", "SETITEMS", "ADDITEMS"))
_FEEDS = {"APPEND": 1, "SETITEM": 2, "BUILD": 1}
_TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
_CALLS = {"REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3}
_EXTENSIONS = frozenset(("EXT1", "EXT2", "EXT4"))
_PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"))
_GETS = frozenset(("GET", "BINGET", "LONG_BINGET"))


def walk(window: Window, draft: Draft, *, at: int = 0, persistent: bool = False, nested: bool = False) -> Walk:
    """Walk one pickle from *at* to its STOP. *persistent* says that the loader gives persistent ids a meaning (torch does).

    Never raises, whatever the bytes; a fault is in the result and, like all others, among the problems of *draft*.
    """
    machine = _Machine(window, draft, at, persistent, nested)
    try:
        machine.run()
    except Malformed as fault:
        draft.problem(f"the pickle cannot be read from byte {machine.opcode_at}: {fault}")
        return Walk(machine.cursor.at, False, machine.called, None, str(fault))
    return Walk(machine.cursor.at, True, machine.called, machine.result)


def read(window: Window, draft: Draft) -> None:
    """A file with only a pickle, or with several one after another. Several are a problem, but all are walked."""
    end, count = 0, 0
    while end < window.size:
        walked = walk(window, draft, at=end)
        count += 1
        if not walked.stopped:
            if count > 1:
                draft.problem(f"after the pickle there are {window.size - end} bytes that are not a pickle")
            break
        end = walked.end
        if count == 1000:
            draft.problem("more than 1000 pickles follow one another")
            break
    if count > 1:
        draft.problem("more than one pickle, or other data, follows the first one")
    if any(name.startswith("joblib.") for name in draft.imports):
        draft.format = "joblib"
        if not draft.clean:
            draft.problem("joblib writes raw arrays between the opcodes, so the data after them cannot be checked")


class _Machine:
    """The pickle machine with names for values."""

    def __init__(self, window: Window, draft: Draft, at: int, persistent: bool, nested: bool) -> None:
        self.cursor = Cursor(window, at)
        self.opcode_at = at
        self.called = False
        self.result: Value = None
        self._start = at
        self._draft = draft
        self._persistent = persistent
        self._nested = nested
        self._stack: list[Value] = []
        self._marks: list[int] = []
        self._memo: dict[int, Value] = {}
        self._frame_end = -1
        self._kept = 0

    def run(self) -> None:
        cursor = self.cursor
        while self._draft.steps < MOST_OPCODES:
            self._draft.steps += 1
            self.opcode_at = cursor.at
            found = OPCODES.get(cursor.take(1)[0])
            if found is None:
                raise Malformed("a byte is not an opcode")
            name, argument = found
            if name == "STOP":
                self._framed()
                self.result = self._pop()
                if self._frame_end > cursor.at:
                    self._draft.problem("a frame of the pickle reaches past its STOP")
                return
            given = self._argument(argument, name)
            self._framed()
            self._step(name, given)
        raise Malformed(f"it has more than {MOST_OPCODES} opcodes, the limit for reading")

    def _framed(self) -> None:
        """If an opcode crosses a frame's end, unpicklers that read whole frames see other opcodes than those that do not."""
        if self._frame_end >= 0:
            if self.cursor.at > self._frame_end:
                raise Malformed("an opcode crosses the end of its frame")
            if self.cursor.at == self._frame_end:
                self._frame_end = -1

    def _argument(self, argument: Operand, name: str) -> bytes:
        cursor = self.cursor
        if argument is Operand.NONE:
            return b""
        if argument.value <= 8:
            return cursor.take(argument.value)
        if argument is Operand.LINE:
            return cursor.line(LONGEST_LINE)
        if argument is Operand.LINES:
            return cursor.line(LONGEST_NAME) + b"\n" + cursor.line(LONGEST_NAME)
        length = int.from_bytes(cursor.take(argument.value - 20), "little", signed=name in ("BINSTRING", "LONG4"))
        if length < 0:
            raise Malformed(f"{name} has a negative length")
        if name in _BYTES or length > LONGEST_NAME:
            self._opaque(length)
            return b"" if name not in _TEXTS else b"\xff"  # no name is that long, and 0xff is not text
        return cursor.take(length)

    def _opaque(self, length: int) -> None:
        """Skip a value that is not a name, but check if it is another pickle."""
        cursor = self.cursor
        start = cursor.at
        cursor.skip(length)
        if length < 4:
            return
        first, last = cursor.window.read(start, 2), cursor.window.read(start + length - 1, 1)
        if first[0] == 0x80 and 2 <= first[1] <= 5 and last == b".":
            if self._nested:
                raise Malformed("pickles are nested more than one level deep")
            inner = Draft("pickle")
            inner.steps = self._draft.steps
            ended = walk(cursor.window.part(start, length), inner, nested=True, persistent=self._persistent).end
            self._draft.steps = inner.steps
            if ended == length:
                self._draft.problem("it holds another pickle inside, which only code that it runs could load")
                self._draft.absorb(inner, "the pickle inside")

    def _step(self, name: str, given: bytes) -> None:
        stack = self._stack
        if name in _PUSHES:
            stack.append(None)
        elif name in _TEXTS or name in ("STRING", "UNICODE"):
            self._keep(_text(name, given))
        elif name in _BYTES:
            stack.append(None)
        elif name in _PUTS:
            self._put(name, given)
        elif name in _GETS:
            index = _number(given) if name == "GET" else int.from_bytes(given, "little")
            if index not in self._memo:
                raise Malformed(f"it reads memo {index}, which is empty")
            stack.append(self._memo[index])
        elif name == "MARK":
            self._marks.append(len(stack))
        elif name in _GATHERS:
            self._to_mark()
            stack.append(None)
        elif name in _TUPLES:
            self._pop(_TUPLES[name])
            stack.append(None)
        elif name in _FEEDS_MANY:
            self._to_mark()
            self._fed(name)
        elif name in _FEEDS:
            self._pop(_FEEDS[name])
            self._fed(name)
        elif name in _CALLS:
            self._call(self._pop(_CALLS[name]))
        elif name == "OBJ":
            items = self._to_mark()
            if not items:
                raise Malformed("OBJ has no class")
            self._call(items[0])
        elif name == "LONG1":
            stack.append(int.from_bytes(given, "little", signed=True))
        else:
            self._rare(name, given)

    def _keep(self, text: Value) -> None:
        """Push a string, as long as all strings together stay small."""
        self._kept += len(text) if isinstance(text, str) else 0
        self._stack.append(text if self._kept < MOST_TEXT else None)

    def _rare(self, name: str, given: bytes) -> None:
        stack = self._stack
        if name in ("GLOBAL", "INST"):
            module, attribute = given.split(b"\n")
            found = self._import(_decoded(module), _decoded(attribute))
            if name == "INST":
                self._to_mark()
                self._call(found)
            else:
                stack.append(found)
        elif name == "STACK_GLOBAL":
            attribute_value = self._pop()
            module_value = self._pop()
            if not isinstance(module_value, str) or not isinstance(attribute_value, str):
                self._draft.problem("it imports a name that is computed while loading")
                stack.append(None)
            else:
                stack.append(self._import(module_value, attribute_value))
        elif name in _EXTENSIONS:
            self._draft.problem(
                f"it imports by extension code {int.from_bytes(given, 'little')}, whose name is not in the file"
            )
            stack.append(None)
        elif name in ("PERSID", "BINPERSID"):
            if name == "BINPERSID":
                self._pop()
            if not self._persistent:
                self._draft.problem("it asks its loader for a persistent object, which plain unpicklers do not know")
            stack.append(None)
        elif name == "POP":
            if self._marks and self._marks[-1] == len(stack):
                self._marks.pop()
            else:
                self._pop()
        elif name == "POP_MARK":
            self._to_mark()
        elif name == "DUP":
            value = self._pop()
            stack += (value, value)
        elif name == "PROTO":
            if given[0] > 5:
                raise Malformed(f"it claims protocol {given[0]}; 0 to 5 are known")
            if self.opcode_at != self._start:
                self._draft.problem("it names its protocol a second time, in the middle")
        elif name == "FRAME":
            length = int.from_bytes(given, "little")
            if self._frame_end >= 0:
                raise Malformed("a frame begins inside a frame")
            if length > self.cursor.left:
                raise Malformed(f"a frame claims {length} bytes, but only {self.cursor.left} are left")
            self._frame_end = self.cursor.at + length
        else:  # NEXT_BUFFER, READONLY_BUFFER
            self._draft.problem("it takes buffers from outside the file")
            if name == "NEXT_BUFFER":
                stack.append(None)

    def _put(self, name: str, given: bytes) -> None:
        index = len(self._memo) if name == "MEMOIZE" else _number(given) if name == "PUT" else int.from_bytes(given, "little")
        if index > HIGHEST_MEMO:
            raise Malformed(f"it writes to memo {index}, which makes an unpickler allocate gigabytes")
        value = self._pop()
        self._stack.append(value)
        self._memo[index] = value

    def _import(self, module: str, attribute: str) -> Global:
        name = f"{module}.{attribute}"
        self._draft.imported(name)
        if "." in attribute:
            self._draft.problem(f"it reaches through attributes: {printable(attribute)!r} of {printable(module)!r}")
        if not all(part.isidentifier() for part in name.split(".")):
            self._draft.problem(f"it imports {printable(name)!r}, which is not a name")
        return Global(name)

    def _call(self, target: Value) -> None:
        self.called = True
        if not isinstance(target, Global):
            self._draft.problem("it calls something that is computed while loading")
        self._stack.append(None)

    def _fed(self, name: str) -> None:
        """BUILD sets the state of the top of the stack, the others call its methods; an imported object must not be there."""
        target = self._pop()
        if isinstance(target, Global):
            self._draft.problem(f"it changes {printable(target.name)!r} itself ({name})")
        if name == "BUILD":
            self.called = True
        self._stack.append(target)

    def _pop(self, count: int = 1) -> Value:
        """Take *count* values off the stack; returns the lowest of them."""
        floor = self._marks[-1] if self._marks else 0
        if len(self._stack) - count < floor:
            raise Malformed("it takes more values from its stack than there are")
        lowest = self._stack[-count]
        del self._stack[-count:]
        return lowest

    def _to_mark(self) -> list[Value]:
        if not self._marks:
            raise Malformed("it goes back to a mark that was never set")
        mark = self._marks.pop()
        items = self._stack[mark:]
        del self._stack[mark:]
        return items


_ESCAPES = late(rb"(?:[^\\]|\\(?:[\\'\"abfnrtv]|x[0-9a-fA-F]{2}|[0-3]?[0-7]{1,2}))*", re.DOTALL)


def _text(name: str, given: bytes) -> Value:
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


def _decoded(name: bytes) -> str:
    return name.decode("utf-8", "backslashreplace")


def _number(given: bytes) -> int:
    try:
        index = int(given[:32])
    except ValueError as error:
        raise Malformed("a memo index is not a number") from error
    if index < 0:
        raise Malformed("a memo index is negative")
    return index
