"""What an installed image says of how its program is started: written beside its files when it was installed."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from artifacts.reading import read_file
from artifacts.wire import canonical_bytes, from_json

ROOT = "rootfs"
"""Of an installed image: the folder with its files."""
_SAID = "image.json"
_MOST = 1 << 20


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
