"""What the walk of a pickle knows of a value: enough for names, for the keys of a mapping, and for the end of an array."""

from __future__ import annotations

import re
from dataclasses import field
from enum import Enum
from math import prod
from typing import Union

from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from tasks.model.content.window import Malformed

MOST_KEPT = 64
"""The most items of a tuple, and values of a mapping, that are kept."""

MOST_KEYS = 500_000


@dataclass(frozen=True, slots=True)
class Global:
    """A name that the pickle imports."""

    name: str


class Plain(Enum):
    """A value that an opcode says itself."""

    NONE = 0
    TRUE = 1
    FALSE = 2


@dataclass(slots=True, eq=False)
class Mapping:
    """A dictionary that is being filled: its keys in order, and the first values. ``odd``: a key is not a text."""

    keys: list[str] = field(default_factory=list)
    values: dict[str, Value] = field(default_factory=dict)
    odd: bool = False

    def put(self, items: list[Value]) -> None:
        for key, value in zip(items[::2], items[1::2], strict=False):
            if not isinstance(key, str) or len(self.keys) >= MOST_KEYS:
                self.odd = True
                continue
            self.keys.append(key)
            if len(self.values) < MOST_KEPT or key in self.values:
                self.values[key] = value


@dataclass(slots=True, eq=False)
class Made:
    """What a call of the import *name* gave; *given* and *state* if they are known."""

    name: str
    given: Value = None
    state: Value = None


Value = Union[str, int, Global, Plain, Mapping, Made, tuple["Value", ...], None]  # noqa: UP007  # it names itself
"""What the walk knows of a value on the stack; ``None`` is anything else."""

MAPPINGS = frozenset(("collections.OrderedDict", "builtins.dict", "__builtin__.dict"))
ARRAY_WRAPPER = "joblib.numpy_pickle.NumpyArrayWrapper"
FILE_WRAPPERS = frozenset(
    f"joblib.{module}.{name}"
    for module in ("numpy_pickle", "numpy_pickle_compat")
    for name in ("NDArrayWrapper", "ZNDArrayWrapper")
)
"""What joblib 0.9 and older wrote in place of an array, which is in another file."""

RECONSTRUCTS = frozenset(f"numpy.{core}.multiarray._reconstruct" for core in ("core", "_core"))
_TYPE = late(r"([biufcSaUVmMO?])(\d{0,9})", re.ASCII)


_WIDTHS = {
    **dict.fromkeys(("Byte", "Char", "Bool", "Untyped"), 1),
    **dict.fromkeys(("Short", "Half", "BFloat16"), 2),
    **dict.fromkeys(("Int", "Float"), 4),
    **dict.fromkeys(("Long", "Double"), 8),
}


def storage(named: Value) -> tuple[str, int] | None:
    """The key of the storage that the persistent id *named* names, and how many bytes it has at least; `None` if it names none.

    Source: ``persistent_id`` of ``torch/serialization.py``: ``("storage", class, key, location, count)``.
    """
    if not isinstance(named, tuple) or len(named) < 5 or named[0] != "storage" or not isinstance(named[2], str):
        return None
    kind, count = named[1], named[4]
    called = kind.name.rpartition(".")[2].removesuffix("Storage") if isinstance(kind, Global) else ""
    return named[2], count * _WIDTHS.get(called, 0) if type(count) is int else 0


def made(target: Value, given: Value) -> Value:
    """What a call of *target* gives."""
    if not isinstance(target, Global):
        return None
    if target.name in MAPPINGS and given == ():
        return Mapping()
    return Made(target.name, given if target.name == "numpy.dtype" else None)


@dataclass(frozen=True, slots=True)
class Extent:
    """The bytes of an array in a joblib file. ``objects``: they are another pickle. ``aligned``: a byte with the length of a
    padding, and the padding, come first."""

    size: int
    objects: bool
    aligned: int


def extent(wrapper: Made) -> Extent:
    """What *wrapper*, a `NumpyArrayWrapper` with its state, says of the array after it. Raises `Malformed` if its shape or type
    is not known from the file alone.

    Source: ``NumpyArrayWrapper.read_array`` of joblib 0.10 to 1.6; what ``numpy.dtype`` pickles.
    """
    state = wrapper.state
    if not isinstance(state, Mapping) or state.odd or len(state.keys) != len(set(state.keys)):
        raise Malformed("an array of joblib has no readable description")
    shape, dtype = state.values.get("shape"), state.values.get("dtype")
    if not isinstance(shape, tuple) or not all(type(length) is int and 0 <= length < 2**48 for length in shape):
        raise Malformed("an array of joblib has no readable shape")
    size, objects = _item(dtype)
    align = state.values.get("numpy_array_alignment_bytes", Plain.NONE)
    if align is not Plain.NONE and not (type(align) is int and 0 < align <= 255):
        raise Malformed("an array of joblib has no readable alignment")
    count = prod(length for length in shape if type(length) is int)
    return Extent(count * size, objects, align if type(align) is int else 0)


def _item(dtype: Value) -> tuple[int, bool]:
    """Bytes of one element, and whether it is a Python object."""
    given = dtype.given if isinstance(dtype, Made) and dtype.name == "numpy.dtype" else None
    kind = given[0] if isinstance(given, tuple) and given else None
    match = _TYPE.fullmatch(kind) if isinstance(kind, str) else None
    if match is None or not isinstance(dtype, Made):
        raise Malformed("an array of joblib has no readable type")
    letter, size = match[1], int(match[2] or 1) * (4 if match[1] == "U" else 1)
    objects = letter == "O"
    state = dtype.state
    if state is not None:
        if not isinstance(state, tuple) or len(state) < 8 or type(state[5]) is not int or type(state[7]) is not int:
            raise Malformed("the type of an array of joblib has an unreadable state")
        if state[5] not in (-1, size) and letter in "SaUV":
            raise Malformed("the type of an array of joblib has two sizes")
        if letter == "V":
            objects = bool(state[7] & 1)
        elif bool(state[7] & 1) != objects:
            raise Malformed("the type of an array of joblib contradicts itself")
    elif letter == "V":
        raise Malformed("the type of an array of joblib has no state")
    return size, objects


@dataclass(frozen=True, slots=True)
class Walk:
    """The result of a walk: the byte of its end, whether it reached STOP, whether the pickle would call a function, and its
    value as far as it is known. ``fault`` says why the walk ended early. ``stored`` are the storages of torch that it names,
    each with the bytes that it has at least."""

    end: int
    stopped: bool
    called: bool
    value: Value
    fault: str = ""
    stored: dict[str, int] = field(default_factory=dict)

    @property
    def keys(self) -> tuple[str, ...] | None:
        """The keys of the mapping that the pickle makes, each once; ``None`` if that is not known."""
        return tuple(dict.fromkeys(self.value.keys)) if isinstance(self.value, Mapping) and not self.value.odd else None

    @property
    def is_array(self) -> bool:
        """Does it make an array of NumPy?"""
        return isinstance(self.value, Made) and self.value.name in RECONSTRUCTS


_STATE_WORDS = frozenset(("subclass", "shape", "order", "dtype", "allow_mmap", "numpy_array_alignment_bytes", "C", "F"))
"""Texts of the description of an array, which are no modules."""


def harmful(module: str, attribute: str, known: set[str]) -> bool:
    """Could the import of *attribute* from *module* do something that none of the *known* imports does? If not, it fails.

    The memo of an array of objects begins again, so its numbers mean other texts to a plain unpickler; few of them are modules.
    """
    attributes = {one.rpartition(".")[2] for one in known}
    if not all(part.isidentifier() for part in (*module.split("."), *attribute.split("."))):
        return False
    return not (attribute in attributes and module in attributes | _STATE_WORDS)
