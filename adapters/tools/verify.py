"""Verify a sealed artifact, or show it: no engine, no network, nothing but the file and the keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused
from arcops.result import Report
from artifacts.bundle import MOST_BYTES, open_sealed
from artifacts.public_key import load_public_key
from artifacts.reading import read_file


@dataclass(frozen=True, slots=True, kw_only=True)
class Verify:
    """``keys`` are PEM public keys, any of which may have signed."""

    artifact: Path
    keys: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A report that one of the keys signed. ``expired`` says that it no longer holds at the moment of asking."""

    report: Report
    signers: tuple[str, ...]
    expired: bool
    bundle: bytes


def verify(ask: Verify, *, now: datetime) -> Verified:
    """Open ``ask.artifact`` and check its signature. Raises `arcops.errors.Refused` where none of the keys signed it."""
    if not ask.keys:
        raise Refused("no key was given to verify with; pass --key FILE with the public key of whoever should have signed")
    keys = [load_public_key(read_file(path, MOST_KEY_BYTES), where=str(path)) for path in ask.keys]
    data = read_file(ask.artifact, MOST_BYTES)
    sealed = open_sealed(data, keys)
    return Verified(report=sealed.report, signers=sealed.signers, expired=sealed.expired(now), bundle=data)


MOST_KEY_BYTES = 64 * 1024
