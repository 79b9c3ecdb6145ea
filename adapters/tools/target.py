"""A model on disk as its tree, for the tools that make something from it."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.request import Request
from arcops.seen.tree import Tree
from foundation.settings import Settings
from tasks.tree import look


def see_tree(target: Path, *, settings: Settings, now: datetime) -> Tree:
    """What lies at *target*. Raises `arcops.errors.Refused` where it is no directory or not all of it can be read."""
    if not target.is_dir():
        raise Refused(f"{target} is not a directory; give the directory of a model")
    request = Request(
        target=target.absolute(),
        kind="model",
        tier=settings.tier,
        now=now,
        trust=settings.trust,
        data=settings.data,
        cache=settings.cache,
        workers=settings.workers,
    )
    seen: Tree = look.look(request, Seen({}, at=now, subject_name=request.name)).body
    if seen.troubles:
        raise Refused(f"{target}: {seen.troubles[0].path}: {seen.troubles[0].reason}")
    return seen
