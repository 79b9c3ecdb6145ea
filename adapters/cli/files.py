"""Files that a person names on the command line, as the text that a tool is asked with."""

from __future__ import annotations

import re
from pathlib import Path

from arcops.errors import Refused
from artifacts.bundle import MOST_BYTES
from artifacts.reading import read_file


class NotText(Refused):
    """The file is not text, so it cannot be what a tool is asked with."""


_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")


def artifact_text(path: Path) -> str:
    """A sealed artifact in a file, or the digest of one in the store. Raises as `text` does."""
    if _DIGEST.match(str(path)) and not path.exists():
        return str(path)
    return text(path, MOST_BYTES)


def text(path: Path, most: int) -> str:
    """The text of *path*, byte for byte. Raises `Refused` where it is too large, and `NotText` where it is not UTF-8."""
    try:
        return read_file(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotText(f"{path} is not text in UTF-8 (byte {error.start})") from error
