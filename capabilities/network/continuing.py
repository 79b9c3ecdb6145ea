"""A snapshot of a cluster's network, written while it is taken, so that a snapshot that was cut off can be continued."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused
from artifacts.writing import PARTIAL, replace_whole
from capabilities.network.snapshot import Snapshotted
from tasks.kubernetes.listing import Saved
from tasks.network.index import INDEX, Looked, SnapshotIndex, foreign_files, index_of, kept

SECONDS = 5
"""How long one call of the tool looks at a cluster before it answers. A cut-off loses at most this much, and one list."""


def begin(folder: Path, context: str, now: datetime) -> SnapshotIndex:
    """The index to continue in *folder*, or a new one.

    Raises `Refused` if something else is in the folder, or a complete snapshot, or a snapshot of another context.
    """
    names = [one.name for one in folder.iterdir() if not one.name.startswith(PARTIAL)] if folder.is_dir() else []
    if not names and (folder.is_dir() or not folder.exists()):
        return SnapshotIndex(context=context, server="")
    found = index_of(folder) if folder.is_dir() else None
    if found is None or foreign_files(found, names):
        raise Refused(f"{folder} exists and is not an empty folder; name a new one, so that no old files are mixed in")
    if found.context != context:
        raise Refused(f"{folder} holds a snapshot of the context {found.context!r}; name another folder for {context!r}")
    if not found.left and not any(one.missing for one in found.looked):
        raise Refused(f"{folder} is not an empty folder: it holds a complete snapshot; name a new folder")
    known = kept(found, folder, now)
    return SnapshotIndex(context=context, server=found.server, looked=known)


def take(
    folder: Path, index: SnapshotIndex, ask: Callable[[tuple[str, ...]], Snapshotted], now: Callable[[], datetime]
) -> SnapshotIndex:
    """Ask again and again until nothing is left. Each time, write the files of the answer, and the index before them.

    *ask* gets the titles that are there already. Raises what *ask* raises, and `Refused` if another cluster answers.
    """
    while True:
        found = ask(tuple(one.title for one in index.looked))
        if index.server and index.server != found.server:
            raise Refused(f"{folder} holds a snapshot of {index.server}, but {found.server} answers; name another folder")
        if not found.looked and found.left:
            raise Refused("the server at --server gives an empty answer, so this would never end; is it another version?")
        folder.mkdir(parents=True, exist_ok=True)
        # The index comes first and says that the rest is still to come. Without it, a folder that was cut off between two
        # files would look like complete manifests.
        begun = replace(index, server=found.server, left=(*found.looked, *found.left))
        replace_whole(folder / INDEX, begun.text().encode())
        files = {one.name: one for one in found.files}
        looked = tuple(_looked(title, files.get(f"{title}.json"), now()) for title in found.looked)
        for one in looked:
            if one.sha256:
                replace_whole(folder / one.file, files[one.file].text.encode())
            else:
                (folder / one.file).unlink(missing_ok=True)
        index = replace(begun, looked=(*index.looked, *looked), left=found.left)
        replace_whole(folder / INDEX, index.text().encode())
        if not index.left:
            return index


def _looked(title: str, saved: Saved | None, at: datetime) -> Looked:
    if saved is None:
        return Looked(title=title, at=at)
    return Looked(title=title, at=at, sha256=hashlib.sha256(saved.text.encode()).hexdigest(), missing=saved.missing)
