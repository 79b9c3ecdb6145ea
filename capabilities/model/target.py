"""A model on disk as its file tree, for the tools that make something from it."""

from __future__ import annotations

from pathlib import Path

from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.request import Request
from arcops.seen.tree import Tree
from artifacts.beneath import is_folder
from flows.place import Place
from tasks.model.tree import look


def require_folder(target: Path, at: Place) -> None:
    """Raises `arcops.errors.Refused` if *target* is not a directory."""
    if not is_folder(target, at.within):
        raise Refused(f"{target} is not a directory; give the directory of a model")


def see_tree(target: Path, at: Place) -> Tree:
    """The files at *target*. Raises `arcops.errors.Refused` if it is not a directory or not all of it can be read."""
    require_folder(target, at)
    now = at.now()
    request = Request(
        target=target.absolute(),
        kind="model",
        tier=at.settings.tier,
        now=now,
        trust=at.settings.trust,
        data=at.settings.data,
        cache=at.settings.cache,
        workers=at.settings.workers,
        progress=at.progress,
        within=at.within,
    )
    seen: Tree = look.look(request, Seen({}, at=now, subject_name=request.name)).body
    if seen.troubles:
        raise Refused(f"{target}: {seen.troubles[0].path}: {seen.troubles[0].reason}")
    return seen
