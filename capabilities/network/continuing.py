"""A snapshot of a cluster's network, written as it is taken, so that one that was cut off can be continued."""

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
"""How long one call to the tool looks at a cluster before it answers: what a cut-off loses at most, but for one list."""


def begin(folder: Path, context: str, now: datetime) -> SnapshotIndex:
    """The index to continue in *folder*, or a new one.

    Raises `Refused` where something else lies there, or a snapshot that is complete, or one of another context.
    """
    names = [one.name for one in folder.iterdir() if not one.name.startswith(PARTIAL)] if folder.is_dir() else []
    if not names and (folder.is_dir() or not folder.exists()):
        return SnapshotIndex(context=context, server="")
    found = index_of(folder) if folder.is_dir() else None
    if found is None or foreign_files(found, names):
        raise Refused(f"{folder} is there already and not an empty folder; name a new one, so that nothing old is mixed in")
    if found.context != context:
        raise Refused(f"{folder} holds a snapshot of the context {found.context!r}; name another folder for {context!r}")
    if not found.left and not any(one.missing for one in found.looked):
        raise Refused(f"{folder} holds a snapshot that is complete, so it is not an empty folder; name a new one")
    known = kept(found, folder, now)
    return SnapshotIndex(context=context, server=found.server, looked=known)


def take(
    folder: Path, index: SnapshotIndex, ask: Callable[[tuple[str, ...]], Snapshotted], now: Callable[[], datetime]
) -> SnapshotIndex:
    """Ask on, writing each answer's files and then the index, until nothing is left.

    *ask* is given the titles that are there already. Raises what it raises, and `Refused` where another cluster answers.
    """
    while True:
        found = ask(tuple(one.title for one in index.looked))
        if index.server and index.server != found.server:
            raise Refused(f"{folder} holds a snapshot of {index.server}, and {found.server} answers; name another folder")
        if not found.looked and found.left:
            raise Refused("the server at --server answers with nothing, so this would never end; is it another version?")
        folder.mkdir(parents=True, exist_ok=True)
        # The index comes first, and says that what follows is still to come: without it, a folder that was cut off between two
        # files would pass for manifests that are all there.
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
