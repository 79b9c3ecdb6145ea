"""PyTorch's own formats: the present zip, TorchScript, and two older ones.

Source: ``torch/serialization.py`` (``_save``, ``_legacy_save``, ``_legacy_load``); what ``torch.jit.save`` writes.
"""

from __future__ import annotations

from tasks.model.content import pickles, zips
from tasks.model.content.draft import Draft, printable
from tasks.model.content.window import Malformed, Window

PICKLES = ("data.pkl", "constants.pkl", "attributes.pkl", "bytecode.pkl")
LEGACY_PICKLES = 5


def is_torch(members: list[zips.Member]) -> bool:
    """Is this a zip that ``torch.load`` or ``torch.jit.load`` opens? They ask for a ``data.pkl`` or a ``constants.pkl``."""
    return any(member.name.rsplit("/", 1)[-1] in PICKLES for member in members)


def read_members(window: Window, members: list[zips.Member], draft: Draft) -> None:
    draft.format = "torch-zip"
    tops = {member.name.split("/", 1)[0] for member in members}
    if len(tops) != 1 or any("/" not in member.name for member in members):
        draft.problem("its members are not all in one folder, and loaders differ on which one they use")
    for member in members:
        below = member.name.split("/", 1)[-1]
        if below.startswith("code/"):
            draft.format = "torch-script"
            draft.code = True
        elif _is_storage(below):
            if member.method != 0:
                draft.problem(f"the tensor {printable(below)!r} is packed, which torch does not write")
        elif below in ("version", "byteorder", ".format_version", ".storage_alignment") or below.startswith(
            (".data/", "extra/")
        ):
            continue
        else:
            _pickle(window, member, draft)


def _is_storage(name: str) -> bool:
    folder, _, number = name.partition("/")
    return folder in ("data", "constants", "tensors") and number.isdecimal()


def _pickle(window: Window, member: zips.Member, draft: Draft) -> None:
    """Every other member of the archive should be a pickle; if it is not, it is unknown what loads it."""
    inner = Draft("pickle")
    inner.steps = draft.steps
    try:
        content = zips.content_of(window, member, draft)
        if pickles.walk(content, inner, persistent=True).end != content.size:
            inner.problem("bytes follow the pickle")
    except Malformed as fault:
        inner.problem(str(fault))
    draft.steps = inner.steps
    draft.absorb(inner, printable(member.name))


def is_legacy(window: Window) -> bool:
    """Does the file begin with the pickled number that ``torch.save`` wrote first, before it wrote zips?"""
    return pickles.walk(window.part(0, min(window.size, 64)), Draft("pickle")).value == pickles.TORCH_MAGIC


def read_legacy(window: Window, draft: Draft) -> None:
    """Five pickles (magic, protocol, system, object, storage keys), then raw storages that nothing executes."""
    at = 0
    for _ in range(LEGACY_PICKLES):
        walked = pickles.walk(window, draft, at=at, persistent=True)
        if not walked.stopped:
            return
        at = walked.end
