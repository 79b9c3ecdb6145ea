"""Pickle, every protocol: its opcodes are followed and never run. Finds what it would import and call, and ways to hide that.

The walk follows the machine's stack and memo only for names: a string, a global, or another value. A name that is known only by
running the pickle is a problem. So is every case in which unpicklers and scanners are known to disagree: wrong frames, a second
PROTO, data after STOP, a pickle inside a pickle, extension codes, out-of-band buffers, names that reach through attributes.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import MutableMapping
from contextlib import suppress

from tasks.model.content import pickle_kinds as kinds
from tasks.model.content.draft import Draft, printable
from tasks.model.content.names import fault_of
from tasks.model.content.opcodes import OPCODES, Operand
from tasks.model.content.pickle_texts import decoded, number, text
from tasks.model.content.pickle_values import (
    ARRAY_WRAPPER,
    FILE_WRAPPERS,
    MOST_KEPT,
    RECONSTRUCTS,
    Global,
    Made,
    Mapping,
    Value,
    Walk,
    extent,
    harmful,
    made,
    storage,
)
from tasks.model.content.window import Cursor, Malformed, Window

MOST_OPCODES = 3_000_000
LONGEST_LINE = 64 * 1024
LONGEST_NAME = 1024
MOST_TEXT = 64 * 1024 * 1024
HIGHEST_MEMO = 20_000_000

TORCH_MAGIC = 0x1950A86A20F9469CFC6C
"""The first pickle of a legacy torch file holds this number."""


def walk(
    window: Window, draft: Draft, *, at: int = 0, persistent: bool = False, nested: bool = False, arrays: bool = False
) -> Walk:
    """Walk one pickle from *at* to its STOP. *persistent* says that the loader gives persistent ids a meaning (torch does),
    *arrays* that it may be joblib, which reads raw arrays between the opcodes.

    Never raises, whatever the bytes; a fault is in the result and, like all others, among the problems of *draft*.
    """
    machine = _Machine(window, draft, at, persistent, nested, arrays)
    try:
        machine.run()
    except Malformed as fault:
        draft.problem(f"the pickle cannot be read from byte {machine.opcode_at}: {fault}")
        return Walk(machine.cursor.at, False, machine.called, None, str(fault))
    return Walk(machine.cursor.at, True, machine.called, machine.result, stored=machine.stored)


class _Machine:
    """The pickle machine with names for values."""

    def __init__(
        self, window: Window, draft: Draft, at: int, persistent: bool = False, nested: bool = False, arrays: bool = False
    ) -> None:
        self.cursor = Cursor(window, at)
        self.opcode_at = at
        self.called = False
        self.result: Value = None
        self.stored: dict[str, int] = {}
        self._start = at
        self._draft = draft
        self._persistent = persistent
        self._nested = nested
        self._arrays = arrays
        self._stack: list[Value] = []
        self._marks: list[int] = []
        self._memo: MutableMapping[int, Value] = {}
        self._put_last = 0
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
            given = b"" if argument is Operand.NONE else self._argument(argument, name)
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
        if argument.value <= 8:
            return cursor.take(argument.value)
        if argument is Operand.LINE:
            return cursor.line(LONGEST_LINE)
        if argument is Operand.LINES:
            return cursor.line(LONGEST_NAME) + b"\n" + cursor.line(LONGEST_NAME)
        length = int.from_bytes(cursor.take(argument.value - 20), "little", signed=name in ("BINSTRING", "LONG4"))
        if length < 0:
            raise Malformed(f"{name} has a negative length")
        if name in kinds.BYTES or length > LONGEST_NAME:
            self._opaque(length)
            return b"" if name not in kinds.TEXTS else b"\xff"  # no name is that long, and 0xff is not text
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
        if name in kinds.PUTS:  # the most frequent kinds come first
            self._put(name, given)
        elif name in kinds.WHOLE:
            stack.append(int.from_bytes(given, "little", signed=kinds.WHOLE[name]))
        elif name in kinds.TEXTS or name in ("STRING", "UNICODE"):
            self._keep(text(name, given))
        elif name in kinds.TUPLES:
            stack.append(tuple(self._take(kinds.TUPLES[name])))
        elif name in kinds.PUSHES or name in kinds.BYTES:
            stack.append(None)
        elif name in kinds.PLAIN:
            stack.append(kinds.PLAIN[name])
        elif name == "EMPTY_DICT":
            stack.append(Mapping())
        elif name in kinds.GETS:
            index = number(given) if name == "GET" else int.from_bytes(given, "little")
            if index not in self._memo:
                raise Malformed(f"it reads memo {index}, which is empty")
            stack.append(self._memo[index])
        elif name == "MARK":
            self._marks.append(len(stack))
        elif name in kinds.GATHERS:
            self._to_mark()
            stack.append(None)
        elif name == "TUPLE":
            stack.append(_tuple(self._to_mark()))
        elif name == "DICT":
            filled = Mapping()
            filled.put(self._to_mark())
            stack.append(filled)
        elif name in kinds.FEEDS_MANY:
            self._fed(name, self._to_mark())
        elif name in kinds.FEEDS:
            self._fed(name, self._take(kinds.FEEDS[name]))
        elif name in kinds.CALLS:
            target, given_to, *_ = self._take(kinds.CALLS[name])
            self._call(target, given_to)
        elif name == "OBJ":
            items = self._to_mark()
            if not items:
                raise Malformed("OBJ has no class")
            self._call(items[0], _tuple(items[1:]))
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
            found = self._import(decoded(module), decoded(attribute))
            if name == "INST":
                self._call(found, _tuple(self._to_mark()))
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
        elif name in kinds.EXTENSIONS:
            self._draft.problem(
                f"it imports by extension code {int.from_bytes(given, 'little')}, whose name is not in the file"
            )
            stack.append(None)
        elif name in ("PERSID", "BINPERSID"):
            if name == "BINPERSID" and (stored := storage(self._pop())) is not None:
                self.stored[stored[0]] = max(stored[1], self.stored.get(stored[0], 0))
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
        index = self._put_last if name == "MEMOIZE" else number(given) if name == "PUT" else int.from_bytes(given, "little")
        if index > HIGHEST_MEMO:
            raise Malformed(f"it writes to memo {index}, which makes an unpickler allocate gigabytes")
        value = self._pop()
        self._stack.append(value)
        self._put_last += index not in self._memo
        self._memo[index] = value

    def _import(self, module: str, attribute: str) -> Global:
        name = f"{module}.{attribute}"
        self._draft.imported(name)
        if "." in attribute:
            self._draft.problem(f"it reaches through attributes: {printable(attribute)!r} of {printable(module)!r}")
        if not all(part.isidentifier() for part in name.split(".")):
            self._draft.problem(f"it imports {printable(name)!r}, which is not a name")
        return Global(name)

    def _call(self, target: Value, given: Value) -> None:
        self.called = True
        if not isinstance(target, Global):
            self._draft.problem("it calls something that is computed while loading")
        self._stack.append(made(target, given))

    def _fed(self, name: str, items: list[Value]) -> None:
        """BUILD sets the state of the top of the stack, the others call its methods; an imported object must not be there."""
        target = self._pop()
        if isinstance(target, Global):
            self._draft.problem(f"it changes {printable(target.name)!r} itself ({name})")
        if isinstance(target, Mapping) and name in ("SETITEM", "SETITEMS"):
            target.put(items)
        if name == "BUILD":
            self.called = True
            if isinstance(target, Made):
                target = self._built(target, items[0])
        self._stack.append(target)

    def _built(self, target: Made, state: Value) -> Value:
        """*target* with its *state*; if joblib reads an array in its place, the array, whose bytes are passed over."""
        if self._arrays and target.name == ARRAY_WRAPPER:
            if target.state is not None or self._frame_end >= 0:
                raise Malformed("an array of joblib is not at a place at which joblib writes one")
            target.state = state
            return self._array(target)
        if self._arrays and target.name in FILE_WRAPPERS:
            file = state.values.get("filename") if isinstance(state, Mapping) else None
            fault = fault_of(file) if isinstance(file, str) else "is not known"
            if isinstance(file, str) and not fault:
                self._draft.referred(file)
            else:
                self._draft.problem(f"the file of an array, {printable(str(file))!r}, {fault}")
        if target.name == "numpy.dtype":
            target.state = state
        return target

    def _array(self, wrapper: Made) -> Value:
        """Pass over the bytes of the array; whatever reads them as opcodes must find nothing in them."""
        found = extent(wrapper)
        cursor = self.cursor
        begin = cursor.at
        if found.objects:
            if self._nested:
                raise Malformed("pickles are nested more than one level deep")
            walked = walk(cursor.window, self._draft, at=begin, nested=True)
            if not walked.stopped:
                raise Malformed("an array of Python objects cannot be read")
            if not walked.is_array:
                self._draft.problem("it names an array of Python objects, but the pickle in its place makes something else")
            cursor.skip(walked.end - begin)
        else:
            if found.aligned:
                padding = cursor.take(1)[0]
                if padding > found.aligned:
                    raise Malformed(f"an array is padded by {padding} bytes, but is aligned to {found.aligned}")
                cursor.skip(padding)
                if padding not in OPCODES:
                    begin = -1  # a plain unpickler ends at the byte that says how long the padding is
            cursor.skip(found.size)
        if begin >= 0:
            self._read_plainly(begin)
        return Made(next(iter(sorted(RECONSTRUCTS))))

    def _read_plainly(self, begin: int) -> None:
        """What an unpickler without joblib would import, because it reads the bytes of the array as opcodes."""
        self._draft.steps += len(self._stack)
        other = _Plainly(self.cursor.window, Draft("pickle"), begin)
        other._draft.steps = self._draft.steps
        other.known = self._draft.imports
        other._stack = [*self._stack, None]
        other._marks = list(self._marks)
        other._memo = ChainMap({}, self._memo)
        other._put_last = self._put_last
        with suppress(Malformed):  # a plain unpickler ends there, too
            other.run()
        self._draft.steps = other._draft.steps
        if other.harm:
            self._draft.problem(
                f"bytes of an array are opcodes for an unpickler without joblib, which would import {printable(other.harm)!r}"
            )

    def _pop(self) -> Value:
        """Take one value off the stack."""
        if len(self._stack) - 1 < (self._marks[-1] if self._marks else 0):
            raise Malformed("it takes more values from its stack than there are")
        return self._stack.pop()

    def _take(self, count: int) -> list[Value]:
        """Take *count* values off the stack; returns them, the lowest first."""
        floor = self._marks[-1] if self._marks else 0
        if len(self._stack) - count < floor:
            raise Malformed("it takes more values from its stack than there are")
        taken = self._stack[-count:]
        del self._stack[-count:]
        return taken

    def _to_mark(self) -> list[Value]:
        if not self._marks:
            raise Malformed("it goes back to a mark that was never set")
        mark = self._marks.pop()
        items = self._stack[mark:]
        del self._stack[mark:]
        return items


class _Plainly(_Machine):
    """The machine of an unpickler without joblib, which has come to the bytes of an array. It ends at an import that fails."""

    harm = ""
    known: set[str]

    def _import(self, module: str, attribute: str) -> Global:
        name = f"{module}.{attribute}"
        if name in self.known:
            return Global(name)
        self.harm = name if harmful(module, attribute, self.known) else self.harm
        raise Malformed("an import fails")

    def _fed(self, name: str, items: list[Value]) -> None:
        """Nothing changes: the values belong to the machine that reads as joblib does."""
        self._pop()
        self._stack.append(None)


def _tuple(items: list[Value]) -> Value:
    return tuple(items) if len(items) <= MOST_KEPT else None
