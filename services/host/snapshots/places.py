"""The operator's files that are configuration: their places, and how a new set of them takes their place at once."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.exchanging import exchange
from artifacts.host_snapshot import SnapshotFile
from artifacts.private_folder import make_private
from artifacts.reading import read_file
from artifacts.writing import sync_folder, write_new
from foundation.settings import Settings

POLICIES, ACCESS, LIMITS = "policies", "access", "limits"
MOST_BYTES = 1024 * 1024
MOST_FILES = 1000
_LIMITS_NAME = "limits.yaml"
_MODE = 0o600


def places(settings: Settings) -> dict[str, Path]:
    """The path of each place; ``limits`` is one file, the others are folders."""
    found = {POLICIES: settings.policies}
    if settings.access is not None:
        found[ACCESS] = settings.access
    if settings.limits is not None:
        found[LIMITS] = settings.limits
    return found


def read_files(settings: Settings) -> tuple[SnapshotFile, ...]:
    """Every file of the places, as it is now. Raises `Refused` for one that is not text, and `Unavailable`."""
    return tuple(one for place, path in sorted(places(settings).items()) for one in read_place(place, path))


def read_place(place: str, path: Path) -> tuple[SnapshotFile, ...]:
    """The files at *path*, in the order of names. Hidden ones are left out: mounts and editors make them for themselves."""
    try:
        if place == LIMITS:
            paths = [path] if path.exists() else []
        else:
            paths = sorted(one for one in path.iterdir() if not one.name.startswith(".")) if path.exists() else []
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    if len(paths) > MOST_FILES:
        raise Refused(f"{path} has more than {MOST_FILES} files")
    return tuple(_file(place, one) for one in paths)


def _file(place: str, path: Path) -> SnapshotFile:
    name = _LIMITS_NAME if place == LIMITS else path.name  # its operator may call it otherwise, and differently tomorrow
    try:
        return SnapshotFile(place=place, name=name, text=read_file(path, MOST_BYTES).decode("utf-8"))
    except UnicodeDecodeError:
        raise Refused(f"{path} is not text in UTF-8, so it cannot be part of a snapshot") from None


def staged(path: Path) -> Path:
    """The path at which a new content of *path* waits: beside it, under a hidden name."""
    return path.with_name(f".{path.name}.restoring")


def stage(files: Iterable[SnapshotFile], settings: Settings) -> None:
    """Write *files* to the paths at which they wait. Nothing that counts is changed. Raises `Unavailable` if there is no room,
    or no right.
    """
    by_place: dict[str, list[SnapshotFile]] = {}
    for one in files:
        by_place.setdefault(one.place, []).append(one)
    unstage(settings)
    for place, path in places(settings).items():
        waiting = by_place.get(place, [])
        try:
            make_private(path.parent)
            if not os.access(path.parent, os.W_OK):
                raise Unavailable(f"{path.parent} cannot be written, so {place} cannot be restored")
            if place != LIMITS and waiting:
                staged(path).mkdir(mode=0o700)
        except OSError as error:
            raise Unavailable(f"{path.parent} cannot be written: {error.strerror}; nothing was restored") from error
        for one in waiting:
            write_new(staged(path) if place == LIMITS else staged(path) / one.name, one.text.encode(), mode=_MODE)


def unstage(settings: Settings) -> None:
    """Remove what waits."""
    for path in places(settings).values():
        waiting = staged(path)
        if waiting.is_dir() and not waiting.is_symlink():
            shutil.rmtree(waiting, ignore_errors=True)
        else:
            with suppress(FileNotFoundError):
                waiting.unlink()


def take_over(files: Iterable[SnapshotFile], settings: Settings) -> None:
    """What waits takes its place, a folder at once; a place that is as *files* say already stays. A second call changes
    nothing.

    Raises `Unavailable` if the disk does not allow it: then it is called again later.
    """
    wanted = tuple(files)
    for place, path in places(settings).items():
        mine = tuple(one for one in wanted if one.place == place)
        if read_place(place, path) == mine:
            continue
        try:
            _replace(path, staged(path) if mine else None)
        except OSError as error:
            raise Unavailable(f"{path} cannot be replaced: {error.strerror}; run the same command again") from error


def _replace(path: Path, waiting: Path | None) -> None:
    if waiting is None:
        path.rename(staged(path))
    elif path.exists():
        exchange(path, waiting)
    else:
        waiting.rename(path)
    sync_folder(path.parent)
