"""Folders that are deployed: each is kept as it was then, by the digest of its files, so a version stays what it was."""

from __future__ import annotations

import difflib
import filecmp
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
        ours, theirs = before.get(path), after.get(path)
        if ours is not None and theirs is not None and _same(ours, theirs):
            continue
        texts = tuple(_lines(one) if lines else None for one in (ours, theirs))
        if texts[0] is None or texts[1] is None:
            found += [f"{sign}{path}" for sign, one in zip("-+", (ours, theirs), strict=True) if one is not None]
            continue
        told = (one for one in difflib.unified_diff(texts[0], texts[1], n=0) if not one.startswith(("---", "+++", "@@")))
        found += [f"{one[0]}{path}: {one[1:]}" for one in told]
    return found if len(found) <= MOST_LINES else [*found[:MOST_LINES], f"+… and {len(found) - MOST_LINES} more"]


def _files(folder: Path) -> dict[str, Path]:
    """Each file and link below *folder*."""
    return {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_symlink() or path.is_file()}


def _same(one: Path, other: Path) -> bool:
    """Are two files the same byte by byte, or two links of the same target? Of a large file only a part is in memory."""
    if one.is_symlink() or other.is_symlink():
        return one.is_symlink() and other.is_symlink() and one.readlink() == other.readlink()
    return filecmp.cmp(one, other, shallow=False)


def _lines(path: Path | None) -> list[str] | None:
    """The lines of a text; ``None`` without a file, for a link, for a file that is long, and for one that is no text."""
    if path is None or path.is_symlink() or path.stat().st_size > _MOST_TEXT:
        return None
    data = path.read_bytes()
    return None if b"\0" in data else data.decode("utf-8", "replace").splitlines()


def _left_out(_: str, names: Iterable[str]) -> set[str]:
    return {one for one in names if one in _LEFT_OUT or one.endswith(".pyc")}
