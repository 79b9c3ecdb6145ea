"""Folders that are deployed: each is kept as it was then, by the digest of its files, so a version stays what it was."""

from __future__ import annotations

import difflib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.private_folder import make_private
from tasks.server.installed_tree import seen

_LEFT_OUT = frozenset(
    (".git", ".hg", ".svn", ".venv", ".env", "__pycache__", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".idea", ".DS_Store")
)
"""What is the writer's own, or is made again, is not deployed. A secret comes by reference, never in a file."""
_MOST_BYTES = 1 << 30
_MOST_TEXT = 1 << 20
MOST_LINES = 2000


def kept(source: Path, below: Path) -> Path:
    """The folder *below*, which is ours, that has the files of *source* as they are now; the same files give the same folder.

    Raises `Refused` if there is no such folder, or if it holds what cannot be deployed.
    """
    if not source.is_dir():
        raise Refused(f"{source} is no folder of this machine")
    if not any(source.iterdir()):
        raise Refused(f"{source} is empty; 'arcops host new echo' makes a folder with a server in it")
    try:
        make_private(below)
        beside = Path(tempfile.mkdtemp(prefix="taking-", dir=below))
    except OSError as error:
        raise Unavailable(f"nothing can be kept in {below}: {error.strerror}") from error
    try:
        copy = beside / "copy"
        shutil.copytree(source, copy, symlinks=True, ignore=_left_out)
        place = below / seen(copy, most=_MOST_BYTES).digest.partition(":")[2][:40]
        if not place.exists():
            copy.rename(place)
        return place
    except OSError as error:
        raise Unavailable(f"{source} cannot be copied to {below}: {error}") from error
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def changes(old: Path, new: Path, *, lines: bool) -> list[str]:
    """What differs between two kept folders: ``-PATH`` and ``+PATH`` for a file that went or came; for one that changed both,
    or with *lines*, if it is text, its changed lines as ``-PATH: LINE`` and ``+PATH: LINE``, of all files at most `MOST_LINES`.
    """
    before, after = _files(old), _files(new)
    found: list[str] = []
    for path in sorted(before.keys() | after.keys()):
        texts = [one.get(path) for one in (before, after)]
        if texts[0] == texts[1]:
            continue
        if not lines or None in texts or any(b"\0" in one for one in texts if one is not None):
            found += [f"{sign}{path}" for sign, one in zip("-+", texts, strict=True) if one is not None]
            continue
        ours, theirs = ((one or b"").decode("utf-8", "replace").splitlines() for one in texts)
        told = (one for one in difflib.unified_diff(ours, theirs, n=0) if not one.startswith(("---", "+++", "@@")))
        found += [f"{one[0]}{path}: {one[1:]}" for one in told]
    return found if len(found) <= MOST_LINES else [*found[:MOST_LINES], f"+… and {len(found) - MOST_LINES} more"]


def _files(folder: Path) -> dict[str, bytes]:
    """The bytes of each file below *folder*; of a link, its target; of one that is long, its digest."""
    found: dict[str, bytes] = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink():
            found[name] = b"\0link " + os.fsencode(path.readlink())
        elif path.is_file():
            with path.open("rb") as file:
                large = path.stat().st_size > _MOST_TEXT
                found[name] = b"\0" + hashlib.file_digest(file, "sha256").digest() if large else file.read()
    return found


def _left_out(_: str, names: Iterable[str]) -> set[str]:
    return {one for one in names if one in _LEFT_OUT or one.endswith(".pyc")}
