"""Files that a person names on the command line, read as the text for a tool's ask."""

from __future__ import annotations

import sys
from pathlib import Path

from arcops.asks import Shape
from arcops.errors import Refused
from arcops.late_pattern import late

_DIGEST = late(r"sha256:[0-9a-f]{64}\Z")
_MOST_KEY_BYTES = 64 * 1024
_MOST_MANIFEST_BYTES = 16 * 1024 * 1024
_MOST_DEFINITIONS_BYTES = 64 * 1024 * 1024


class NotText(Refused):
    """The file is not text, so it cannot be a field of an ask."""


def read_text(path: Path, shape: Shape) -> str:
    """The text of *path*; or *path* itself if it is a digest and the field takes one. Raises as `text` does."""
    if shape.digest and _DIGEST.match(str(path)) and not path.exists():
        return str(path)
    return text(path, shape.text_of)


def text(path: Path, most: int) -> str:
    """The text of *path*, byte for byte. Raises `Refused` if it is too large, and `NotText` if it is not UTF-8."""
    from artifacts.reading import read_file

    try:
        return read_file(path, most).decode("utf-8")
    except UnicodeDecodeError as error:
        raise NotText(f"{path} is not text in UTF-8 (byte {error.start})") from error


def key_text(path: Path) -> str:
    """The public key in the file *path* as PEM text. Raises `Refused`, which names the file, if it holds no key."""
    from artifacts.public_key import load_public_key
    from artifacts.reading import read_file

    return load_public_key(read_file(path, _MOST_KEY_BYTES), where=str(path)).pem.decode()


def recipient_text(path: Path) -> str:
    """The public key of a recipient in the file *path* as PEM text. Raises `Refused`, which names the file, for another."""
    from artifacts.reading import read_file
    from artifacts.recipients import read_recipient

    data = read_file(path, _MOST_KEY_BYTES)
    read_recipient(data, where=str(path))
    return data.decode()


def manifest_text(path: Path) -> str:
    """The text of the manifest *path*, or of standard input if *path* is ``-``."""
    if str(path) != "-":
        return text(path, _MOST_MANIFEST_BYTES)
    data = sys.stdin.buffer.read(_MOST_MANIFEST_BYTES + 1)
    if len(data) > _MOST_MANIFEST_BYTES:
        raise Refused(f"the manifest has more than {_MOST_MANIFEST_BYTES} bytes; no API server sends a larger one")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"the manifest is not text in UTF-8 (byte {error.start})") from error


def definitions_text(folder: Path) -> str:
    """The YAML files of *folder*, one after the other. Raises `Refused` if there are no such files."""
    found = sorted(one for one in folder.rglob("*") if one.suffix in (".yaml", ".yml", ".json") and one.is_file())
    if not found:
        raise Refused(f"{folder} holds no YAML or JSON file, so it has no definitions; name the folder that has them")
    return "\n---\n".join(text(one, _MOST_DEFINITIONS_BYTES) for one in found)
