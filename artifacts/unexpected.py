"""What lies in a store's folders and belongs to no entry of its log: it has no effect, and a person should look at it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from arcops.late_pattern import late
from artifacts import unfinished
from artifacts.entries import digests_in
from artifacts.writing import is_partial

MOST_SHOWN = 100
_OURS = frozenset(
    {"checkpoint", "index.sqlite", "index.sqlite-journal", "index.sqlite-shm", "index.sqlite-wal", "lock", "log", "nodes"}
    | {"origin", unfinished.NAME}
)
_FOLDERS = frozenset({"lost+found"})
"""A file system has this folder at its root, which may be that of the store."""
_FAN, _REST = late(r"[0-9a-f]{2}\Z"), late(r"[0-9a-f]{62}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Unexpected:
    """A file, link or folder in the store that is not the store's: its ``path`` below the store's folder, with a slash at the
    end if it is a folder, and in one sentence what it ``is`` and what to do.
    """

    path: str
    said: str


def unexpected(folder: Path, lines: Callable[[], Iterable[bytes]]) -> tuple[Unexpected, ...]:
    """All that is unexpected in the store *folder*, by path. *lines* reads the log.

    The folders are read first, then what a writer is putting there, then the log: so a writer's object is never unexpected.
    """
    found = list(_beside(folder))
    objects, odd = _objects(folder / "objects")
    found += odd
    putting = unfinished.named(folder)
    known = {one for line in lines() for one in digests_in(line)}
    found += [
        Unexpected(
            path=path,
            said="No entry of the log names this object: a power cut left it, or someone put it there. It has no effect; look "
            "at it, and move it away or delete it.",
        )
        for digest, path in objects.items()
        if digest not in known and digest not in putting
    ]
    return tuple(sorted(found, key=lambda one: one.path))


def shown(found: tuple[Unexpected, ...]) -> tuple[Unexpected, ...]:
    """*found*, or the first `MOST_SHOWN` of it and how many more there are."""
    if len(found) <= MOST_SHOWN:
        return found
    more = Unexpected(path="…", said=f"{len(found) - MOST_SHOWN:,} more are not shown; look at these first.")
    return (*found[:MOST_SHOWN], more)


def _beside(folder: Path) -> Iterator[Unexpected]:
    """What is unexpected beside the store's own files."""
    entries, unread = _scanned(folder, "")
    yield from unread
    for entry in entries:
        if entry.name == "objects" and entry.is_dir():
            continue
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in _FOLDERS:
                yield _unexpected(entry.name, entry)
        elif not (entry.is_file(follow_symlinks=False) and (entry.name in _OURS or is_partial(entry.name))):
            yield _unexpected(entry.name, entry)


def _objects(folder: Path) -> tuple[dict[str, str], list[Unexpected]]:
    """The path of each object in *folder* by its digest, and what is there besides."""
    found: dict[str, str] = {}
    fans, odd = _scanned(folder, "objects/")
    for fan in fans:
        if not fan.is_dir(follow_symlinks=False) or not _FAN.match(fan.name):
            if not (fan.is_file(follow_symlinks=False) and is_partial(fan.name)):
                odd.append(_unexpected(f"objects/{fan.name}", fan))
            continue
        entries, unread = _scanned(Path(fan.path), f"objects/{fan.name}/")
        odd += unread
        for entry in entries:
            path, plain = f"objects/{fan.name}/{entry.name}", entry.is_file(follow_symlinks=False)
            if plain and _REST.match(entry.name):
                found[f"sha256:{fan.name}{entry.name}"] = path
            elif not (plain and is_partial(entry.name)):
                odd.append(_unexpected(path, entry))
    return found, odd


def _scanned(folder: Path, path: str) -> tuple[list[os.DirEntry[str]], list[Unexpected]]:
    """What is in *folder*, whose *path* is below the store's; what cannot be read is told."""
    try:
        with os.scandir(folder) as entries:
            return list(entries), []
    except OSError as error:
        said = f"This folder cannot be read ({error.strerror}), so nothing in it shows. Let the user of the store read it."
        return [], [Unexpected(path=path or "./", said=said)]


def _unexpected(path: str, entry: os.DirEntry[str]) -> Unexpected:
    folder = entry.is_dir(follow_symlinks=False)
    what = "folder" if folder else "link" if entry.is_symlink() else "file"
    plain = os.fsencode(path).decode(errors="backslashreplace")
    return Unexpected(
        path=f"{plain}/" if folder else plain,
        said=f"The store makes no such {what}: someone put it there. It has no effect; look at it, and move it away.",
    )
