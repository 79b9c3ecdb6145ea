"""Folders that are deployed: each is kept as it was then, by the digest of its files, so a version stays what it was."""

from __future__ import annotations

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


def _left_out(_: str, names: Iterable[str]) -> set[str]:
    return {one for one in names if one in _LEFT_OUT or one.endswith(".pyc")}
