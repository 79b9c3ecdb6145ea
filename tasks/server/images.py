"""What an installed image says of how its program is started: written beside its files when it was installed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from artifacts.reading import read_file
from artifacts.wire import canonical_bytes, from_json

ROOT = "rootfs"
"""Of an installed image: the folder with its files."""
_SAID = "image.json"
_MOST = 1 << 20
_DEEPEST_LINK = 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """``command`` starts it, ``environment`` has its variables (``NAME=value``); both mean something in its own files only."""

    command: tuple[str, ...]
    environment: tuple[str, ...]


def image_in(tree: Path) -> Image | None:
    """The image that is installed in *tree*; ``None`` if what is there is no image. Raises `Refused` if it cannot be read."""
    try:
        data = read_file(tree / _SAID, _MOST, follow=False)
    except Refused:
        if (tree / ROOT).is_dir() and (tree / _SAID).exists():
            raise
        return None
    return from_json(Image, data) if (tree / ROOT).is_dir() else None


def write_image(image: Image, tree: Path) -> None:
    """Say in *tree* how *image* is started."""
    (tree / _SAID).write_bytes(canonical_bytes(image))


def inside(place: str, root: Path) -> Path | None:
    """The file that *place* is for one who sees *root* as ``/``; ``None`` if there is nothing there."""
    left, at, links = [one for one in place.split("/") if one not in ("", ".")], root, 0
    while left:
        part = left.pop(0)
        if part == "..":
            at = at.parent if at != root else root
            continue
        found = at / part
        if found.is_symlink():
            links += 1
            if links > _DEEPEST_LINK:
                return None
            target = os.readlink(found)  # noqa: PTH115  # it is text here, not a path of this machine
            at = root if target.startswith("/") else at
            left = [one for one in target.split("/") if one not in ("", ".")] + left
            continue
        at = found
    return at if at.exists() else None
