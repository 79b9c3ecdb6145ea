"""Sign a model on disk: provenance that says it was signed here, and an OpenSSF model signature over every file."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from artifacts.private_key import Signer
from foundation.settings import Settings

PROVENANCE_FILE = "provenance.sigstore.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sign:
    """``target`` is a model directory. ``builder`` names who vouches for how the model came to be; empty: no provenance."""

    target: Path
    builder: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Signed:
    """What was written, and the key that signed."""

    files: tuple[Path, ...]
    key_id: str


def sign(ask: Sign, *, settings: Settings, signer: Signer, now: datetime) -> Signed:
    """Sign everything under ``ask.target``; earlier signatures of ours are replaced."""
