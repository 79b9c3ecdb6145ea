"""Make the SBOM of a model on disk."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from adapters.tools.target import see_tree
from artifacts.writing import replace_whole
from foundation.settings import Settings
from tasks.make_sbom import make_sbom

SBOM_FILE = "model.cdx.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeSbom:
    """``python`` is a site-packages directory whose distributions run the model; they are listed with it."""

    target: Path
    version: str
    supplier: str
    licence: str
    author: str
    python: Path | None = None


def make(ask: MakeSbom, *, settings: Settings, now: datetime) -> Path:
    """Write the SBOM into the model's directory, so that the signature will cover it; returns where."""
    target = ask.target.absolute()
    data = make_sbom(
        see_tree(target, settings=settings, now=now),
        name=target.name,
        version=ask.version,
        now=now,
        python_environment=ask.python,
        licence=ask.licence,
        supplier=ask.supplier,
        author=ask.author,
    )
    path = target / SBOM_FILE
    replace_whole(path, data)
    return path
