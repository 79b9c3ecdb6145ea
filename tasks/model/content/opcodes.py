"""The pickle machine's opcodes, with the operand that follows each in the stream.

Source: PEP 3154, PEP 574 and the standard library's description of protocols 0 to 5.
"""

from __future__ import annotations

from enum import Enum


class Operand(Enum):
    """What follows an opcode: nothing, bytes of a fixed width, a line, two lines, or a length and that many bytes."""

    NONE = 0
    BYTE = 1
    TWO = 2
    FOUR = 4
    EIGHT = 8
    LINE = 10
    LINES = 11
    COUNTED1 = 21
    COUNTED4 = 24
    COUNTED8 = 28


_A = Operand
OPCODES: dict[int, tuple[str, Operand]] = {
    code[0]: (name, argument)
    for code, name, argument in (
        (b"(", "MARK", _A.NONE), (b".", "STOP", _A.NONE), (b"0", "POP", _A.NONE), (b"1", "POP_MARK", _A.NONE),
        (b"2", "DUP", _A.NONE), (b"F", "FLOAT", _A.LINE), (b"I", "INT", _A.LINE), (b"J", "BININT", _A.FOUR),
        (b"K", "BININT1", _A.BYTE), (b"L", "LONG", _A.LINE), (b"M", "BININT2", _A.TWO), (b"N", "NONE", _A.NONE),
        (b"P", "PERSID", _A.LINE), (b"Q", "BINPERSID", _A.NONE), (b"R", "REDUCE", _A.NONE), (b"S", "STRING", _A.LINE),
        (b"T", "BINSTRING", _A.COUNTED4), (b"U", "SHORT_BINSTRING", _A.COUNTED1), (b"V", "UNICODE", _A.LINE),
        (b"X", "BINUNICODE", _A.COUNTED4), (b"a", "APPEND", _A.NONE), (b"b", "BUILD", _A.NONE), (b"c", "GLOBAL", _A.LINES),
        (b"d", "DICT", _A.NONE), (b"}", "EMPTY_DICT", _A.NONE), (b"e", "APPENDS", _A.NONE), (b"g", "GET", _A.LINE),
        (b"h", "BINGET", _A.BYTE), (b"i", "INST", _A.LINES), (b"j", "LONG_BINGET", _A.FOUR), (b"l", "LIST", _A.NONE),
        (b"]", "EMPTY_LIST", _A.NONE), (b"o", "OBJ", _A.NONE), (b"p", "PUT", _A.LINE), (b"q", "BINPUT", _A.BYTE),
        (b"r", "LONG_BINPUT", _A.FOUR), (b"s", "SETITEM", _A.NONE), (b"t", "TUPLE", _A.NONE), (b")", "EMPTY_TUPLE", _A.NONE),
        (b"u", "SETITEMS", _A.NONE), (b"G", "BINFLOAT", _A.EIGHT), (b"\x80", "PROTO", _A.BYTE), (b"\x81", "NEWOBJ", _A.NONE),
        (b"\x82", "EXT1", _A.BYTE), (b"\x83", "EXT2", _A.TWO), (b"\x84", "EXT4", _A.FOUR), (b"\x85", "TUPLE1", _A.NONE),
        (b"\x86", "TUPLE2", _A.NONE), (b"\x87", "TUPLE3", _A.NONE), (b"\x88", "NEWTRUE", _A.NONE),
        (b"\x89", "NEWFALSE", _A.NONE), (b"\x8a", "LONG1", _A.COUNTED1), (b"\x8b", "LONG4", _A.COUNTED4),
        (b"B", "BINBYTES", _A.COUNTED4), (b"C", "SHORT_BINBYTES", _A.COUNTED1), (b"\x8c", "SHORT_BINUNICODE", _A.COUNTED1),
        (b"\x8d", "BINUNICODE8", _A.COUNTED8), (b"\x8e", "BINBYTES8", _A.COUNTED8), (b"\x8f", "EMPTY_SET", _A.NONE),
        (b"\x90", "ADDITEMS", _A.NONE), (b"\x91", "FROZENSET", _A.NONE), (b"\x92", "NEWOBJ_EX", _A.NONE),
        (b"\x93", "STACK_GLOBAL", _A.NONE), (b"\x94", "MEMOIZE", _A.NONE), (b"\x95", "FRAME", _A.EIGHT),
        (b"\x96", "BYTEARRAY8", _A.COUNTED8), (b"\x97", "NEXT_BUFFER", _A.NONE), (b"\x98", "READONLY_BUFFER", _A.NONE),
    )
}  # fmt: skip

_NEED_A_STACK = frozenset(
    (
        "STOP", "POP", "POP_MARK", "DUP", "BINPERSID", "REDUCE", "APPEND", "APPENDS", "BUILD", "DICT", "LIST", "TUPLE",
        "TUPLE1", "TUPLE2", "TUPLE3", "OBJ", "PUT", "BINPUT", "LONG_BINPUT", "SETITEM", "SETITEMS", "ADDITEMS", "FROZENSET",
        "NEWOBJ", "NEWOBJ_EX", "STACK_GLOBAL", "MEMOIZE",
    )
)  # fmt: skip
_NEED_A_MEMO = frozenset(("GET", "BINGET", "LONG_BINGET"))
CANNOT_BEGIN = frozenset(byte for byte in range(256) if byte not in OPCODES or OPCODES[byte][0] in _NEED_A_STACK | _NEED_A_MEMO)
"""First bytes at which every unpickler stops with an error: no opcode, or one that takes from a stack or memo that is still
empty.
"""
