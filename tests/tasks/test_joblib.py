"""joblib's files and arrays of objects: arrays are passed over by their extents, and nothing can be hidden in them."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import pickle
import re
import struct
import sys
import zlib
from collections.abc import Callable
from types import ModuleType

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.seen.content import Content
from tests.tasks.test_readers import archive, seen

pytestmark = pytest.mark.requirement("ARC-A5/pickles-that-execute-are-red")

OURS = {"joblib.numpy_pickle.NumpyArrayWrapper", "numpy.dtype", "numpy.ndarray"}


class _Wrapper:
    """Stands for joblib's class of this name, which pickles to the same opcodes."""


@pytest.fixture(autouse=True)
def _modules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Python's pickler looks up what it names."""
    for name, alias in (("numpy_pickle", "NumpyArrayWrapper"), ("numpy_pickle_compat", "NDArrayWrapper")):
        module = ModuleType(f"joblib.{name}")
        setattr(module, alias, _Wrapper)
        monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(sys.modules, "joblib", ModuleType("joblib"))


def dumped(
    value: object,
    *,
    protocol: int = 4,
    aligned: bool = True,
    raw: Callable[[bytes], bytes] = bytes,
    padding: int | None = None,
    **state: object,
) -> bytes:
    """*value* as ``joblib.dump`` writes it: after the description of each array, its bytes. *raw* may change these, *state* the
    description, *padding* the byte that tells the length of the padding."""
    out = io.BytesIO()
    _Wrapper.__module__, _Wrapper.__qualname__ = "joblib.numpy_pickle", "NumpyArrayWrapper"

    class Pickler(pickle._Pickler):
        def save(self, obj: object, save_persistent_id: bool = True) -> None:
            if type(obj) is not numpy.ndarray:
                super().save(obj, save_persistent_id)
                return
            wrapper = _Wrapper()
            said = {"subclass": numpy.ndarray, "shape": obj.shape, "order": "C", "dtype": obj.dtype, "allow_mmap": True}
            align = {"numpy_array_alignment_bytes": 16} if aligned else {}
            wrapper.__dict__ |= said | align | state
            super().save(wrapper, save_persistent_id)
            if self.proto >= 4:
                self.framer.commit_frame(force=True)
            if obj.dtype.hasobject:
                out.write(raw(pickle.dumps(obj, protocol=5)))
                return
            if aligned:
                length = 16 - (out.tell() + 1) % 16
                out.write(bytes([length if padding is None else padding]) + b"\xff" * length)
            out.write(raw(obj.tobytes()))

    Pickler(out, protocol).dump(value)
    return out.getvalue()


ARRAYS = [
    numpy.arange(12.0).reshape(3, 4),
    numpy.array(["a", "längst"]),
    numpy.zeros((0, 3), "i2"),
    numpy.array(5),
    numpy.array([True]),
    numpy.array([(1, 2.0)], dtype=[("a", "i4"), ("b", "f8")]),
    numpy.array(["2026-01-01"], dtype="M8[D]"),
    numpy.arange(7, dtype=">u2"),
]
MODEL = {"coef": ARRAYS[0], "all": ARRAYS, "name": "words", "again": ARRAYS[0]}


@pytest.mark.parametrize("aligned", [True, False])
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_arrays_are_passed_over_and_only_imports_count(protocol: int, aligned: bool) -> None:
    content = seen(dumped(MODEL, protocol=protocol, aligned=aligned), "model.joblib")
    assert (content.format, content.problems, content.code) == ("joblib", (), False)
    assert set(content.imports) - {"_codecs.encode"} == OURS


def test_an_array_of_objects_is_a_pickle_of_its_own() -> None:
    content = seen(dumped([numpy.array([1, None, "x"], dtype=object), numpy.arange(3)]), "model.joblib")
    assert content.problems == ()
    assert set(content.imports) == OURS | {"numpy._core.multiarray._reconstruct"}


@pytest.mark.parametrize(
    "pack", [zlib.compress, gzip.compress, bz2.compress, lzma.compress, lambda data: lzma.compress(data, lzma.FORMAT_ALONE)]
)
@pytest.mark.parametrize("name", ["model.joblib", "model.pkl"])
def test_what_joblib_packed_is_read_like_what_it_did_not(pack: Callable[[bytes], bytes], name: str) -> None:
    content = seen(pack(dumped(MODEL, aligned=False)), name)
    assert (content.format, content.problems, set(content.imports)) == ("joblib", (), OURS)
    assert "os.system" in seen(pack(b"cos\nsystem\n(S'id'\ntR."), name).imports


class _Runs:
    def __reduce__(self) -> object:
        return eval, ("1",)


EVIL = b"cos\nsystem\n(S'id'\ntR."
HIDDEN: dict[str, Callable[[], bytes]] = {
    "opcodes in the bytes of an array": lambda: dumped(
        [numpy.zeros(64, "u1")], aligned=False, raw=lambda data: EVIL.ljust(len(data))
    ),
    "opcodes after some harmless ones": lambda: dumped(
        [numpy.zeros(64, "u1")], aligned=False, raw=lambda data: (b"N0N0" + EVIL).ljust(len(data))
    ),
    "a padding that is an opcode": lambda: dumped([numpy.zeros(64, "u1")], padding=ord("c")),
    "a padding past the alignment": lambda: dumped([numpy.zeros(64, "u1")], padding=17),
    "a shape that is computed": lambda: dumped([numpy.zeros(4)], shape=(_Runs(),)),
    "a shape below zero": lambda: dumped([numpy.zeros(4)], shape=(-1,)),
    "a shape past the end": lambda: dumped([numpy.zeros(4)], shape=(2**40,)),
    "a shape that is too small": lambda: dumped([numpy.ones(64, "u1") * 255], shape=(1,)),
    "a type that is no type": lambda: dumped([numpy.zeros(4)], dtype="f8"),
    "an alignment that is a text": lambda: dumped([numpy.zeros(4)], numpy_array_alignment_bytes="16"),
    "objects that are not there": lambda: dumped([numpy.zeros(4)], dtype=numpy.dtype("O")),
    "another thing than an array": lambda: dumped([numpy.array([None], dtype=object)], raw=lambda _: pickle.dumps([1])),
    "an array that is cut": lambda: dumped([numpy.zeros(64)])[:-80],
}


@pytest.mark.parametrize("case", HIDDEN)
def test_nothing_is_hidden_in_an_array(case: str) -> None:
    assert seen(HIDDEN[case](), "model.joblib").problems


def test_what_is_pickled_between_arrays_and_in_them_is_named() -> None:
    assert "builtins.eval" in seen(dumped([numpy.zeros(4), _Runs(), numpy.zeros(4)]), "model.joblib").imports
    inside = seen(dumped([numpy.array([_Runs()], dtype=object)]), "model.joblib")
    assert "builtins.eval" in inside.imports


def test_names_that_only_another_unpickler_would_read_in_an_array_of_objects_are_a_problem() -> None:
    """Its memo begins again for joblib, but goes on for a plain unpickler: the same numbers are other names."""
    inner = pickle.dumps(numpy.array([None], dtype=object), protocol=5)
    gets = b"\x80\x04\x8c\x05numpy\x940\x8c\x05dtype\x940h\x00h\x01\x930" + inner[2:]
    outer = b"\x80\x03X\x02\x00\x00\x00osq\x000X\x06\x00\x00\x00systemq\x010"
    plain = re.sub(rb"q[\x00-\x0c]", b"", SAMPLE[2:-18])
    objects = plain.replace(b"\x02\x00\x00\x00f8", b"\x02\x00\x00\x00O8").replace(b"\xffK\x00t", b"\xffK\x3ft")
    assert seen(b"\x80\x03" + objects + inner + b"a.", "model.joblib").problems == ()
    assert any("os.system" in problem for problem in seen(outer + objects + gets + b"a.", "model.joblib").problems)


def test_arrays_of_old_joblib_are_files_beside_it() -> None:
    def old(name: str) -> bytes:
        _Wrapper.__module__, _Wrapper.__qualname__ = "joblib.numpy_pickle_compat", "NDArrayWrapper"
        wrapper = _Wrapper()
        wrapper.__dict__ |= {"filename": name, "subclass": numpy.ndarray}
        return pickle.dumps([wrapper], 2)

    assert seen(old("model.pkl_01.npy"), "model.pkl").refers == ("model.pkl_01.npy",)
    assert seen(old("../../x.npy"), "model.pkl").problems


# Arrays of objects


def saved(array: numpy.ndarray) -> bytes:
    out = io.BytesIO()
    numpy.save(out, array, allow_pickle=True)
    return out.getvalue()


def test_an_array_of_objects_is_judged_by_its_imports() -> None:
    def sound(content: Content) -> bool:
        return content.problems == () and {"numpy._core.multiarray._reconstruct"} <= set(content.imports)

    data = saved(numpy.array([1, None, "x"], dtype=object))
    assert sound(seen(data, "a.npy"))
    assert sound(seen(archive({"a.npy": data}), "a.npz"))
    assert seen(data + b"N.", "a.npy").problems
    assert "builtins.eval" in seen(saved(numpy.array([_Runs()], dtype=object)), "a.npy").imports


@given(st.data())
def test_no_damage_breaks_the_walk_of_a_joblib_file(draw: st.DataObject) -> None:
    data = bytearray(SAMPLE)
    for _ in range(draw.draw(st.integers(1, 6))):
        at = draw.draw(st.integers(0, len(data) - 1))
        data[at : at + 1] = draw.draw(st.sampled_from([b"", b"\x00", b"\xff", b"c", b"\x94", b"b", b"\x93", b"h\x00"]))
    content = seen(bytes(data), "model.joblib")
    assert not any("reader failed" in problem for problem in content.problems)


SAMPLE = (
    b"\x80\x03]q\x00cjoblib.numpy_pickle\nNumpyArrayWrapper\nq\x01)\x81q\x02}q\x03(X\x05\x00\x00\x00shapeq\x04K\x02\x85q\x05"
    b"X\x05\x00\x00\x00dtypeq\x06cnumpy\ndtype\nq\x07X\x02\x00\x00\x00f8q\x08\x89\x88\x87q\tRq\n(K\x03X\x01\x00\x00\x00<q\x0b"
    b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tq\x0cbub" + struct.pack("<2d", 1.0, 2.0) + b"a."
)


def test_the_sample_is_sound() -> None:
    assert seen(SAMPLE, "model.joblib").problems == ()
