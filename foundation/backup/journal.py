"""A restore that has begun is noted beside the memory, so that who comes next ends it, and no one works meanwhile.

A kill before the note leaves everything as it was, and after it the next `arcops backup restore` goes on. Until then every
other command is refused (`foundation.half_restored`).
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain, count
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.exchanging import exchange
from artifacts.private_folder import make_private
from artifacts.reading import read_file
from artifacts.wire import canonical_bytes, from_json
from artifacts.writing import replace_whole, sync_folder
from foundation.half_restored import RESTORING, is_half
from foundation.settings import Settings

_MOST_BYTES = 1024 * 1024
_SIDES = ("-wal", "-shm", "-journal")
"""Files that SQLite keeps beside a database: those of the one before must not be taken for those of the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """What waits at a path's `staged` name to take its place; the two numbers tell it from what was there before. Both are 0 if
    nothing waits: then what is there is only put aside.
    """

    path: str
    device: int
    inode: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Journal:
    """The restore of the ``backup`` (its digest) by a ``command``. ``stamp`` is a part of the names of what is put aside. While
    it is ``loading``, rows go to a server and nothing else has changed; then the ``moves`` are made, in their order.
    """

    command: str
    backup: str
    stamp: str
    loading: bool
    moves: tuple[Move, ...]


def staged(path: Path) -> Path:
    """The path at which a new content of *path* waits: beside it, under a hidden name."""
    return path.with_name(f".{path.name}.restored")


def aside(path: Path, stamp: str) -> Path:
    """The path to which what was at *path* is put."""
    return path.with_name(f".{path.name}.before-{stamp}")


def stamp_for(now: datetime, paths: Iterable[Path]) -> str:
    """A stamp of *now* that no name of something put aside has yet."""
    second, known = f"{now:%Y%m%dT%H%M%SZ}", tuple(paths)
    stamps = chain([second], (f"{second}-{number}" for number in count(2)))
    return next(one for one in stamps if not any(os.path.lexists(aside(path, one)) for path in known))


def unstage(paths: Iterable[Path]) -> None:
    """Remove what waits for *paths*."""
    for path in paths:
        for waiting in (staged(path), *(Path(f"{staged(path)}{side}") for side in (*_SIDES, ".lock"))):
            if waiting.is_dir() and not waiting.is_symlink():
                shutil.rmtree(waiting, ignore_errors=True)
            else:
                with suppress(FileNotFoundError):
                    waiting.unlink()


def moves_for(paths: Iterable[Path]) -> Iterator[Move]:
    """The move of what waits for each of *paths*, or that puts aside what is there."""
    for path in paths:
        if (found := _number(staged(path))) is not None:
            yield Move(path=str(path), device=found[0], inode=found[1])
        elif os.path.lexists(path):
            yield Move(path=str(path), device=0, inode=0)


def read_journal(settings: Settings) -> Journal | None:
    """The restore that did not end, if there is one."""
    if not is_half(settings.memory):
        return None
    return from_json(Journal, read_file(settings.memory / RESTORING, _MOST_BYTES, follow=False))


def refuse_other(journal: Journal, command: str) -> None:
    """Raise `Refused` if another *command* than this was cut off: its own end comes first."""
    if not journal.command.startswith(command):
        raise Refused(f"'{journal.command}' was cut off: run that again first, which ends it")


def note(journal: Journal, settings: Settings) -> None:
    """Write *journal*, whole. From now on the restore goes forward."""
    replace_whole(settings.memory / RESTORING, canonical_bytes(journal), mode=0o600)


def forget(settings: Settings) -> None:
    """The restore has ended, or never began."""
    with suppress(FileNotFoundError):
        (settings.memory / RESTORING).unlink()
        sync_folder(settings.memory)


def loaded(journal: Journal, settings: Settings) -> Journal:
    """The rows are at the server."""
    done = replace(journal, loading=False)
    note(done, settings)
    return done


def finish(journal: Journal, settings: Settings, step: Callable[[str], None]) -> tuple[Path, ...]:
    """Make every move, and end the restore; returns the paths of what was put aside. A second call changes nothing.

    Raises `Unavailable` if the disk does not allow it: then the same command is run again.
    """
    for move in journal.moves:
        try:
            _take(Path(move.path), (move.device, move.inode), journal.stamp, step)
        except OSError as error:
            raise Unavailable(f"{move.path} cannot be replaced: {error.strerror}; run the same command again") from error
    forget(settings)
    step("ended")
    return tuple(one for one in (aside(Path(move.path), journal.stamp) for move in journal.moves) if os.path.lexists(one))


def _take(path: Path, mine: tuple[int, int], stamp: str, step: Callable[[str], None]) -> None:
    waiting = staged(path)
    if mine == (0, 0):
        if os.path.lexists(path) and not os.path.lexists(aside(path, stamp)):
            path.rename(aside(path, stamp))
            sync_folder(path.parent)
            step(f"put aside {path.name}")
        return
    if _number(path) != mine:
        if _number(waiting) != mine:
            raise Refused(f"{waiting} is gone, so the restore cannot end; restore again after moving {path} away")
        for side in _SIDES:
            with suppress(FileNotFoundError):
                Path(f"{path}{side}").rename(f"{aside(path, stamp)}{side}")
        step(f"before {path.name}")
        if os.path.lexists(path):
            exchange(path, waiting)
        else:
            make_private(path.parent)
            waiting.rename(path)
        sync_folder(path.parent)
        step(f"placed {path.name}")
    if os.path.lexists(waiting):
        waiting.rename(aside(path, stamp))
        sync_folder(path.parent)


def _number(path: Path) -> tuple[int, int] | None:
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        return None
    return found.st_dev, found.st_ino
