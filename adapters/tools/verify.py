"""Verify a sealed artifact, or show it: no engine, no network, nothing but the file and the keys."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused
from arcops.result import Report
from artifacts.bundle import MOST_BYTES, open_sealed, read_envelope
from artifacts.public_key import load_public_key
from artifacts.reading import read_file
from artifacts.statement import from_statement

_MOST_KEY_BYTES = 64 * 1024


class NotVerified(Refused):
    """The artifact is not what one of the keys signed. Do not use it."""


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


def verify(ask: Verify, *, now: datetime) -> Verified:
    """Open ``ask.artifact`` and check its signature.

    Raises `NotVerified` where none of the keys signed it or it contradicts itself, and `arcops.errors.Refused` where a file
    is missing or a key is none.
    """
    if not ask.keys:
        raise Refused("no key was given to verify with; pass --key FILE with the public key of whoever should have signed")
    keys = [load_public_key(read_file(path, _MOST_KEY_BYTES), where=str(path)) for path in ask.keys]
    data = read_file(ask.artifact, MOST_BYTES)
    try:
        sealed = open_sealed(data, keys)
    except Refused as error:
        raise NotVerified(f"{ask.artifact}: {error}") from error
    return Verified(report=sealed.report, signers=sealed.signers, expired=sealed.expired(now))


def show(artifact: Path) -> Report:
    """The report in *artifact*, whoever signed it. Raises `arcops.errors.Refused` where it is no artifact."""
    data = read_file(artifact, MOST_BYTES)
    try:
        return from_statement(read_envelope(data).payload)
    except Refused as error:
        raise Refused(f"{artifact}: {error}") from error
