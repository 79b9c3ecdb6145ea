"""The shape of an ask for a file that was signed and carried here: a backup or a bundle, and whose signature counts."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used

MOST_KEY_BYTES = 64 * 1024
_SIGNERS = shaped(option="--key", text_of=MOST_KEY_BYTES)


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFile:
    """A file to read, and by which keys."""

    file: Path = field(metadata=used(Use.READ) | shaped(positional=True))
    """The file."""
    keys: tuple[str, ...] = field(default=(), metadata=_SIGNERS)
    """Public keys (PEM) of those who may have signed it, such as on a new machine; by default the trusted keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SealedFileHere:
    """A file of this machine that is to count here, and by which keys."""

    file: Path = field(metadata=used(Use.HERE) | shaped(positional=True))
    """The file."""
    keys: tuple[str, ...] = field(default=(), metadata=_SIGNERS)
    """Public keys (PEM) of those who may have signed it, such as on a new machine; by default the trusted keys."""
