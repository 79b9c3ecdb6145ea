"""The names and places of what a store keeps: the digest of the bytes."""

from __future__ import annotations

import hashlib
from pathlib import Path

from arcops.errors import Refused
from arcops.late_pattern import late

_DIGEST = late(r"sha256:[0-9a-f]{64}\Z")


def digest_of(data: bytes) -> str:
    """``sha256:…`` of *data*: the name under which the store keeps it."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def is_digest(text: str) -> bool:
    """Is *text* a name that the store gives?"""
    return _DIGEST.match(text) is not None


def object_path(folder: Path, digest: str) -> Path:
    """Where the store in *folder* keeps the bytes named *digest*. Raises `Refused` if that is no digest."""
    if not is_digest(digest):
        raise Refused(f"{digest[:100]!r} is not a digest; write 'sha256:' and 64 hexadecimal digits")
    value = digest.removeprefix("sha256:")
    return folder / "objects" / value[:2] / value[2:]
