"""Opcodes of pickles by what they do with the stack."""

from __future__ import annotations

from tasks.model.content.pickle_values import Plain, Value

PUSHES = frozenset(("INT", "LONG", "LONG4", "FLOAT", "BINFLOAT", "EMPTY_LIST", "EMPTY_SET"))
WHOLE = {"BININT": True, "BININT1": False, "BININT2": False, "LONG1": True}
"""Opcodes of whole numbers, and whether these have a sign."""

PLAIN: dict[str, Value] = {"NONE": Plain.NONE, "NEWTRUE": Plain.TRUE, "NEWFALSE": Plain.FALSE, "EMPTY_TUPLE": ()}
BYTES = frozenset(("BINBYTES", "SHORT_BINBYTES", "BINBYTES8", "BYTEARRAY8"))
TEXTS = frozenset(("BINUNICODE", "SHORT_BINUNICODE", "BINUNICODE8", "BINSTRING", "SHORT_BINSTRING"))
GATHERS = frozenset(("LIST", "FROZENSET"))
FEEDS_MANY = frozenset(("APPENDS", "SETITEMS", "ADDITEMS"))
FEEDS = {"APPEND": 1, "SETITEM": 2, "BUILD": 1}
TUPLES = {"TUPLE1": 1, "TUPLE2": 2, "TUPLE3": 3}
CALLS = {"REDUCE": 2, "NEWOBJ": 2, "NEWOBJ_EX": 3}
EXTENSIONS = frozenset(("EXT1", "EXT2", "EXT4"))
PUTS = frozenset(("PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"))
GETS = frozenset(("GET", "BINGET", "LONG_BINGET"))
