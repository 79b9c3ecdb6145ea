"""What a file is and what loading it would do, from its bytes alone: one module for each format, pure parsing, bounded reads.

A module of a rare format is imported when a file of that format is found: few models have more than two such formats. A failed
import is a fault of ArcOps, not of the file, so it is raised.

`describe` decides by signature first. Then it tries the formats without a signature: protobuf, tar, pickle, text. The name only
says what the file should be; a difference is a problem.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from importlib import import_module
from typing import cast

from arcops.errors import Stopped
from arcops.seen.content import Content
from tasks.model.content import (
    adapters,
    expected,
    kinds,
    members,
    pickle_files,
    pickles,
    plain_text,
    pointers,
    safetensors,
    signatures,
    tars,
    zips,
)
from tasks.model.content.draft import Draft, printable
from tasks.model.content.naming import GRAPH_NAMES, PICKLE_NAMES, Named, named
from tasks.model.content.opcodes import CANNOT_BEGIN
from tasks.model.content.window import Malformed, Window

READERS = "8"
"""Must change if the same bytes could be described differently, so that old cached descriptions are not used."""

HEAD = 4096


def describe(window: Window, path: str) -> Content:
    """What the bytes of *window*, a file at *path* in the model, are. Whatever the bytes, it raises only `Stopped`,
    `OSError` from the window itself, and `ImportError` if a reader is missing."""
    draft = Draft("other")
    _fill(window, path, draft)
    return draft.done()


def _fill(window: Window, path: str, draft: Draft) -> None:
    """Describe the bytes of *window*, at *path* in the model or in an archive, into *draft*."""
    told = named(path)
    draft.format = "empty" if window.size == 0 else "other"
    try:
        if window.size:
            _read(window, path, told, draft)
    except Malformed as fault:
        draft.problem(f"{draft.format}: {fault}")
    except (Stopped, OSError, ImportError):
        raise
    except Exception as error:  # if a reader fails on some bytes, the file was not read: that is a problem of the file, too
        draft.problem(f"the {draft.format} reader failed: {type(error).__name__}: {printable(str(error))}")
    if window.size:
        _named_as_code(told, draft)
    form = draft.format
    if form in _TENSORS:
        adapters.by_name(path.rsplit("/", 1)[-1], draft)
    fits = form in (pointers.FORMAT, *told.formats) or kinds.family(form) in told.formats
    if told.formats and not fits and not _is_json_of_no_kind(form, told, window):
        draft.problem(f"it is named as {told.first}, but its bytes are {form}")


def _is_json_of_no_kind(form: str, told: Named, window: Window) -> bool:
    """Is it JSON, as its name says, whose format is unknown because no reader knows what it is for?"""
    return form == kinds.UNKNOWN and told.kind.reader == "figures" and window.upto(0, 1) in (b"{", b"[")


def _named_as_code(told: Named, draft: Draft) -> None:
    """A file whose name makes a tool run it is code, whatever its bytes; a picture needs a picture's name, too."""
    kind = told.kind.code
    if kind is not None:
        draft.code = True
        draft.notes.add(kind.why)
        if draft.format == "other":
            draft.format = kind.form
    elif draft.format == "image" and not told.formats:
        draft.format = kinds.UNKNOWN
        draft.notes.add("begins like a picture, but its name is not the name of a picture")


def _read(window: Window, path: str, told: Named, draft: Draft) -> None:
    head = window.upto(0, HEAD)
    if not told.tried and window.size == len(head) and plain_text.is_certain(head):
        _texts()(head, window, path, told.kind, draft)
        return
    form = signatures.of(head, window)
    if not form and safetensors.looks_like(head):
        form = "safetensors"
    if not form and tars.looks_like(head):
        form = "tar"
    if head[:4] in (b"PK\x03\x04", b"PK\x05\x06"):
        _zip(window, draft)
        return
    ended = (window.size > len(head) or zips.END in head) and zips.has_end(window)
    if ended and form != "tflite":  # whose reader describes the files that TensorFlow's tools append
        draft.problem(f"it ends like a zip archive, but begins as {form or 'another format'}")
    if form and form != "tar" and tars.looks_like(head):
        draft.problem("its first bytes are also the header of a tar archive")
    if form:
        draft.format = form
        _by_signature(form, window, path, draft)
    elif not pointers.read(head, window, draft):
        _by_trial(head, window, path, told, draft)


def _by_signature(form: str, window: Window, path: str, draft: Draft) -> None:
    if form in _READERS:
        _reader(form)(window, draft)
    elif form == "tflite":
        _only_if_sound("tflite", window, draft)
        if zips.has_end(window):
            members.describe((zips.held(window, one) for one in zips.members(window, draft, after=True)), draft, _fill)
    elif form in signatures.EXECUTABLES:
        draft.code = True
    elif form in signatures.ARCHIVES and draft.inside:
        draft.problem(f"it is an archive ({form}) inside an archive, which ArcOps does not read")
    elif form == "tar":
        _tar(window, draft)
    elif form in signatures.PACKERS:
        _stream(form, window, path, draft)
    elif form in signatures.ARCHIVES:
        draft.problem(f"it is packed as {form}, which ArcOps does not unpack; unpack it and check the folder")


def _only_if_sound(form: str, window: Window, draft: Draft) -> None:
    """Read a format whose first bytes say little; if the rest does not bear it out, the format is unknown."""
    draft.format = form
    try:
        import_module(f"{__name__}.{form}").read(window, draft)
    except Malformed as fault:
        draft.problem(f"{form}: {fault}")
        draft.format = "other"


def _tar(window: Window, draft: Draft) -> None:
    held = tars.members(window, draft)
    if tars.is_torch(held):
        held = tars.read_torch(held, draft)
    members.describe(held, draft, _fill)


def _stream(form: str, window: Window, path: str, draft: Draft) -> None:
    """A packed file. A pickle behind a packer is joblib's, which unpacks it; a tar counts as one archive with its packer."""
    from tasks.model.content import streams

    content = streams.unpacked(form, window)
    if tars.looks_like(content.upto(0, 512)):
        draft.holds.add("tar")
        _tar(content, draft)
        draft.format = form
        return
    inner = draft.part("other")
    _fill(content, streams.inner_name(path), inner)
    draft.absorb(inner)
    if inner.format in expected.PICKLED and inner.format in expected.formats_for(path):
        draft.format = inner.format
    else:
        draft.holds.add(inner.format)


_TENSORS = frozenset(("safetensors", "gguf", "npz", *expected.PICKLED))
"""Formats in which adapters are kept."""

_READERS = {
    "safetensors": "safetensors",
    "gguf": "gguf",
    "numpy": "arrays",
    "hdf5": "hdf5",
    "image": "pictures",
    "pdf": "pdfs",
}
"""Which module of this package reads a format."""


def _reader(form: str) -> Callable[[Window, Draft], None]:
    """The function ``read`` of the module that reads *form*. Raises `ImportError` if it is missing."""
    return cast("Callable[[Window, Draft], None]", import_module(f"{__name__}.{_READERS[form]}").read)


def _by_trial(head: bytes, window: Window, path: str, told: Named, draft: Draft) -> None:
    name = path.rsplit("/", 1)[-1]
    text = signatures.is_text(head, cut=window.size > len(head)) and _ends_as_text(window)
    if _pickle(head, window, name, draft, text=text):
        return
    if (head[0] == 8 or name.lower().endswith(GRAPH_NAMES)) and _graph(window, name, draft):
        return
    if head[4:8] == b"\x02\x00\x00\x00" and _coreml_weights(head, window, draft):
        return
    if text:
        _texts()(head, window, path, told.kind, draft)
    elif head[0] == 0x0A and name.lower().endswith((".model", ".spm")):
        draft.format = "sentencepiece" if _sentencepiece(window) else "other"


@cache
def _texts() -> Callable[[bytes, Window, str, kinds.Kind, Draft], None]:
    from tasks.model.content import texts

    return texts.read


def _graph(window: Window, name: str, draft: Draft) -> bool:
    """Is it a graph of ONNX, Core ML or TensorFlow, by content or by name? Then it is read as one."""
    from tasks.model.content import coreml, onnx

    if name.lower().endswith(".mlmodel") or coreml.looks_like(window):
        _only_if_sound("coreml", window, draft)
        return True
    found = onnx.looks_like(window)
    if not found and not name.lower().endswith(".onnx"):
        return False
    draft.format = found or "onnx"
    if found == "saved-model":
        draft.code = True
        draft.notes.add("a TensorFlow graph, whose operations can read and write files")
    else:
        onnx.read(window, draft)
    return True


def _coreml_weights(head: bytes, window: Window, draft: Draft) -> bool:
    from tasks.model.content import coreml

    if not coreml.is_weights(head):
        return False
    draft.format = "coreml-weights"
    coreml.read_weights(window, draft)
    return True


def _pickle(head: bytes, window: Window, name: str, draft: Draft, *, text: bool) -> bool:
    """Read it as a pickle if an unpickler would read it as one and that would matter."""
    named = name.lower().endswith(PICKLE_NAMES)
    marked = head[0] == 0x80 and len(head) > 1 and head[1] <= 5
    if not marked and not named:
        if head[0] in CANNOT_BEGIN:
            return False
        trial = Draft("pickle")
        walked = pickles.walk(window, trial)
        harmless = not trial.imports and not walked.called
        if text and harmless:
            return False
        if not walked.stopped and not (trial.imports and (walked.called or not _prose(name))):
            return False  # a word list may begin with a line that looks like an import; no loader reads it as a pickle
        if not text and harmless and walked.end < 16:
            return False  # a few bytes of raw data that happen to be opcodes; nothing is imported or called by them
    from tasks.model.content import torch

    draft.format = "pickle"
    if torch.is_legacy(window):
        draft.format = "torch-legacy"
        torch.read_legacy(window, draft)
    else:
        pickle_files.read(window, draft)
    return True


def _ends_as_text(window: Window) -> bool:
    """Are the last bytes text, too, so that no other data follows? The first few may continue a character."""
    if window.size <= HEAD:
        return True  # they are in the head
    tail = window.upto(max(HEAD, window.size - HEAD), HEAD)
    return signatures.is_text(tail[: min(3, len(tail))].lstrip(bytes(range(0x80, 0xC0))) + tail[3:], cut=False)


def _prose(name: str) -> bool:
    """Does a file of this name usually hold words?"""
    kind = kinds.kind_of(name)
    return "." not in name.lstrip(".") or bool(kind.reader) or (kind.code is not None and kind.code.form == "python")


def _zip(window: Window, draft: Draft) -> None:
    from tasks.model.content import arrays, keras, torch

    draft.format = "zip"
    found = zips.members(window, draft)
    if torch.is_torch(found):
        found = torch.read_members(window, found, draft)
    elif keras.is_keras(found):
        found = keras.read_members(window, found, draft)
    elif found and all(member.name.endswith(".npy") for member in found):
        draft.format = "npz"
        arrays.read_members(window, found, draft)
        return
    elif draft.inside:
        draft.problem("it is an archive (zip) inside an archive, which ArcOps does not read")
        return
    members.describe((zips.held(window, member) for member in found), draft, _fill)


def _sentencepiece(window: Window) -> bool:
    """A SentencePiece vocabulary: pieces (field 1), each with its own string, then trainer and normaliser settings."""
    from tasks.model.content import protobuf

    try:
        return all(field.number <= 5 and field.size >= 0 for field in protobuf.fields(window, Draft("")))
    except Malformed:
        return False
