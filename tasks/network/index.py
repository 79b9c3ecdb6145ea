"""The index of a saved cluster's network: what was read, when, and what is still missing.

By it, an interrupted snapshot can be continued, and can never be mistaken for a complete one.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from arcops.errors import Refused
from arcops.roots import ANYWHERE, Roots
from artifacts.beneath import stat_within
from artifacts.reading import read_file

INDEX = "snapshot.json"
MOST_BYTES = 1024 * 1024
FRESH = timedelta(hours=1)
"""A list that is older than this is read again: lists from different times do not describe one state of the cluster."""
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_VERSION, _KIND = "arcops.dev/v1", "NetworkSnapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One of `tasks.kubernetes.listing.TITLES` that was read. ``sha256`` is that of its
    file, empty if the cluster has no such object.

    ``missing`` says why it is not complete; empty if it is.
    """

    title: str
    at: datetime
    sha256: str = ""
    missing: str = ""

    @property
    def file(self) -> str:
        """The name of its file, whether the file exists or not."""
        return f"{self.title}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotIndex:
    """``server`` is the address of the API server; ``left`` are the titles that were not read yet."""

    context: str
    server: str
    looked: tuple[Looked, ...] = ()
    left: tuple[str, ...] = ()

    def text(self) -> str:
        """The index as its file holds it."""
        lists = [
            {
                "title": one.title,
                "at": f"{one.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
                "sha256": one.sha256,
                "missing": one.missing,
            }
            for one in self.looked
        ]
        said = {"apiVersion": _VERSION, "kind": _KIND, "context": self.context, "server": self.server}
        return json.dumps({**said, "lists": lists, "left": list(self.left)}, indent=1, ensure_ascii=False) + "\n"

    def complaints(self, files: Mapping[str, str], wanted: Sequence[str] = ()) -> Iterator[tuple[str, str]]:
        """Why *files* (SHA-256 by name) are not the whole snapshot: each a file's name, and a sentence. *wanted* are the titles
        that a snapshot has today.
        """
        unasked = [one for one in wanted if one not in {*self.left, *(looked.title for looked in self.looked)}]
        if unasked:
            more = f" and {len(unasked) - 3} more" if len(unasked) > 3 else ""
            yield (
                INDEX,
                f"this snapshot is of an earlier version, which did not list {', '.join(unasked[:3])}{more}; take it again",
            )
        for title in self.left:
            yield INDEX, f"this snapshot was interrupted before {title} was read; continue it with 'arcops network snapshot'"
        for one in self.looked:
            found = files.get(one.file, "")
            if found != one.sha256:
                what = "was changed" if found and one.sha256 else "was removed" if one.sha256 else "was added"
                yield one.file, f"this file {what} after the snapshot was taken; take the snapshot again"
        known = {one.file for one in self.looked}
        for name in sorted(set(files) - known):
            yield name, "this file is not part of the snapshot in this folder; move it to another folder"


def read_index(data: bytes) -> SnapshotIndex | None:
    """The index in *data*; `None` if it is not an index. Raises `Refused` if it is an index that cannot be read."""
    try:
        said = json.loads(data)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict) or (said.get("apiVersion"), said.get("kind")) != (_VERSION, _KIND):
        return None
    try:
        looked = tuple(
            Looked(
                title=_text(one["title"]),
                at=datetime.strptime(_text(one["at"]), _MOMENT).replace(tzinfo=UTC),
                sha256=_text(one["sha256"]),
                missing=_text(one["missing"]),
            )
            for one in said["lists"]
        )
        left = tuple(_text(one) for one in said["left"])
        return SnapshotIndex(context=_text(said["context"]), server=_text(said["server"]), looked=looked, left=left)
    except (KeyError, TypeError, ValueError) as error:
        raise Refused(f"{INDEX} cannot be read ({type(error).__name__}: {error}); take the snapshot again") from error


def index_of(folder: Path, within: Roots = ANYWHERE) -> SnapshotIndex | None:
    """The index in *folder*, which is *within* these roots, if a snapshot is there.

    Raises `Refused` if it cannot be read.
    """
    path = folder / INDEX
    found = stat_within(path, within)
    if found is None or not stat.S_ISREG(found.st_mode):
        return None
    return read_index(read_file(path, MOST_BYTES, follow=False, within=within))


def kept(index: SnapshotIndex, folder: Path, now: datetime) -> tuple[Looked, ...]:
    """The parts of *index* that need not be read again: they are recent and complete, and their files are unchanged."""
    return tuple(
        one
        for one in index.looked
        if not one.missing and timedelta() <= now - one.at <= FRESH and _digest(folder / one.file) == one.sha256
    )


def foreign_files(index: SnapshotIndex, names: Iterable[str]) -> list[str]:
    """Of *names* those that no snapshot with this index wrote."""
    known = {INDEX, *(one.file for one in index.looked), *(f"{title}.json" for title in index.left)}
    return sorted(set(names) - known)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is not text")
    value.encode()  # half of a surrogate pair is not text either, and raises a ValueError
    return value
