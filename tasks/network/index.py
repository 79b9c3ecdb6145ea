"""The index of a saved cluster's network: what was looked at when, and what is still to come.

It is what makes a snapshot that was cut off one that can be continued, and one that can never pass for a whole one.
"""

from __future__ import annotations

import hashlib
import json
import stat
from collections.abc import Iterable, Iterator, Mapping
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
"""A list that is older than this is not continued with: what a cluster held at different times is no picture of it."""
_MOMENT = "%Y-%m-%dT%H:%M:%SZ"
_VERSION, _KIND = "arcops.dev/v1", "NetworkSnapshot"


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One of `tasks.kubernetes.listing.TITLES` that was looked at. ``sha256`` is that of its
    file, empty where the cluster has none of it.

    ``missing`` says why it is not all there; empty where it is.
    """

    title: str
    at: datetime
    sha256: str = ""
    missing: str = ""

    @property
    def file(self) -> str:
        """The name of its file, whether there is one or not."""
        return f"{self.title}.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotIndex:
    """``server`` is the address of the API server; ``left`` are the titles that were not looked at yet."""

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

    def complaints(self, files: Mapping[str, str]) -> Iterator[tuple[str, str]]:
        """What keeps *files* (SHA-256 by name) from being the whole snapshot: each a file's name, and a sentence."""
        for title in self.left:
            yield INDEX, f"this snapshot was cut off before {title} was looked at; 'arcops network snapshot' continues it"
        for one in self.looked:
            found = files.get(one.file, "")
            if found != one.sha256:
                what = "was changed" if found and one.sha256 else "is gone" if one.sha256 else "was put there"
                yield one.file, f"this file {what} since the snapshot was taken; take it again"
        known = {one.file for one in self.looked}
        for name in sorted(set(files) - known):
            yield name, "this file is no part of the snapshot that lies here; put it into a folder of its own"


def read_index(data: bytes) -> SnapshotIndex | None:
    """The index in *data*; `None` where it is none. Raises `Refused` where it is one that cannot be understood."""
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
        raise Refused(f"{INDEX} cannot be understood ({type(error).__name__}: {error}); take the snapshot again") from error


def index_of(folder: Path, within: Roots = ANYWHERE) -> SnapshotIndex | None:
    """The index in *folder*, which lies *within* these roots, where a snapshot lies there.

    Raises `Refused` where it cannot be understood.
    """
    path = folder / INDEX
    found = stat_within(path, within)
    if found is None or not stat.S_ISREG(found.st_mode):
        return None
    return read_index(read_file(path, MOST_BYTES, follow=False, within=within))


def kept(index: SnapshotIndex, folder: Path, now: datetime) -> tuple[Looked, ...]:
    """What of *index* need not be looked at again: it is fresh, all there, and its file is still what was written."""
    return tuple(
        one
        for one in index.looked
        if not one.missing and timedelta() <= now - one.at <= FRESH and _digest(folder / one.file) == one.sha256
    )


def strangers(index: SnapshotIndex, names: Iterable[str]) -> list[str]:
    """Of *names* those that no snapshot with this index wrote."""
    known = {INDEX, *(one.file for one in index.looked), *(f"{title}.json" for title in index.left)}
    return sorted(set(names) - known)


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError(f"{value!r} is no text")
    value.encode()  # half of a surrogate pair is none either, and raises a ValueError
    return value
