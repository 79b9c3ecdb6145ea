"""PyTorch's own formats: the present zip, TorchScript, and two older ones.

Source: ``torch/serialization.py`` (``_save``, ``_legacy_save``, ``_legacy_load``); what ``torch.jit.save`` writes.
"""

from __future__ import annotations

from tasks.model.content import adapters, pickles, zips
from tasks.model.content.draft import Draft, names_of, printable
from tasks.model.content.pickle_values import Walk
from tasks.model.content.window import Malformed, Window

PICKLES = ("data.pkl", "constants.pkl", "attributes.pkl", "bytecode.pkl")
LEGACY_PICKLES = 5
_OBJECT = 3
"""Which of them is the object that was saved."""

MARK_LIMIT = 256
_MARKS = frozenset(("version", "byteorder", ".format_version", ".storage_alignment", ".data/serialization_id", ".data/version"))


def is_torch(members: list[zips.Member]) -> bool:
    """Is this a zip that ``torch.load`` or ``torch.jit.load`` opens? They ask for a ``data.pkl`` or a ``constants.pkl``."""
    return any(member.name.rsplit("/", 1)[-1] in PICKLES for member in members)


def read_members(window: Window, members: list[zips.Member], draft: Draft) -> list[zips.Member]:
    """Read what torch reads; returns the members that it only carries."""
    draft.format = "torch-zip"
    carried: list[zips.Member] = []
    tops = {member.name.split("/", 1)[0] for member in members}
    if len(tops) != 1 or any("/" not in member.name for member in members):
        draft.problem("its members are not all in one folder, and loaders differ on which one they use")
    sizes = {member.name: member.size for member in members}
    for member in members:
        below = member.name.split("/", 1)[-1]
        if below.startswith("code/"):
            draft.format = "torch-script"
            draft.code = True
        elif _is_storage(below):
            if member.method != 0:
                draft.problem(f"the tensor {printable(below)!r} is packed, which torch does not write")
        elif below in _MARKS and member.size <= MARK_LIMIT:
            continue
        elif below.startswith((".data/", "extra/")):
            carried.append(member)
        elif not member.name.endswith("/"):
            stored = _pickle(window, member, draft)
            _storages(member.name.removesuffix(".pkl"), stored, sizes, draft)
    if draft.format == "torch-script":
        _own_classes(draft)
    return carried


def _own_classes(draft: Draft) -> None:
    """Classes of TorchScript are compiled from the code in the file and imported by no one; one note says so for all."""
    own = sorted(name for name in draft.imports if name.startswith("__torch__."))
    if own:
        draft.imports -= set(own)
        draft.notes.add(f"{len(own)} class(es) of its own code, such as {printable(own[0], 80)}")


def _is_storage(name: str) -> bool:
    folder, _, number = name.partition("/")
    return folder in ("data", "constants", "tensors") and number.isdecimal()


def _storages(folder: str, stored: dict[str, int], sizes: dict[str, int], draft: Draft) -> None:
    """Are the storages that a pickle names there, and as long as its tensors need?"""
    for key, needed in stored.items():
        path = f"{folder}/{key}"
        if path not in sizes:
            draft.problem(f"it has no {printable(path)!r}, which holds tensors of its pickle")
        elif sizes[path] < needed:
            draft.problem(f"its tensors need {needed} bytes of {printable(path)!r}, which has {sizes[path]}")


def _pickle(window: Window, member: zips.Member, draft: Draft) -> dict[str, int]:
    """Every other member of the archive should be a pickle; if it is not, it is unknown what loads it. Returns the storages
    that it names."""
    stored: dict[str, int] = {}
    inner = Draft("pickle")
    inner.steps = draft.steps
    try:
        content = zips.content_of(window, member, draft)
        walked = pickles.walk(content, inner, persistent=True)
        stored = walked.stored
        if walked.end != content.size:
            inner.problem("bytes follow the pickle")
        if member.name.endswith("data.pkl"):
            _tensors(walked, draft)
    except Malformed as fault:
        inner.problem(str(fault))
    draft.steps = inner.steps
    draft.absorb(inner, printable(member.name))
    return stored


def _tensors(walked: Walk, draft: Draft) -> None:
    """Note the names in a state dictionary."""
    if walked.keys is not None:
        draft.tensors = names_of(walked.keys)
        adapters.by_tensors(walked.keys, draft)


def is_legacy(window: Window) -> bool:
    """Does the file begin with the pickled number that ``torch.save`` wrote first, before it wrote zips?"""
    return pickles.walk(window.part(0, min(window.size, 64)), Draft("pickle")).value == pickles.TORCH_MAGIC


def read_legacy(window: Window, draft: Draft) -> None:
    """Five pickles (magic, protocol, system, object, storage keys), then raw storages that nothing executes."""
    at = 0
    for number in range(LEGACY_PICKLES):
        walked = pickles.walk(window, draft, at=at, persistent=True)
        if not walked.stopped:
            return
        if number == _OBJECT:
            _tensors(walked, draft)
        at = walked.end
