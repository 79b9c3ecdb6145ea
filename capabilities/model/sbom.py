"""Make the SBOM of a model on disk."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from artifacts.writing import replace_whole
from capabilities.contract import Scope, tool
from capabilities.model.target import see_tree
from flows.place import Place
from tasks.model.make_sbom import make_sbom

SBOM_FILE = "model.cdx.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeSbom:
    """A model, and facts about it that only a person knows."""

    target: Path = field(metadata=used(Use.WRITE) | shaped(positional=True))
    """The model's directory."""
    version: str
    """The model's version."""
    supplier: str
    """Who supplies the model."""
    licence: str
    """The model's licence as an SPDX expression."""
    author: str = ""
    """Who writes this SBOM; by default the supplier."""
    python: Path | None = field(default=None, metadata=used(Use.HERE))
    """A site-packages directory with the distributions that run the model; they are listed with it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SbomMade:
    """The path of the written SBOM."""

    path: Path


@tool(title="Make an SBOM", scope=Scope.PUBLISH, destructive=True)
def make_model_sbom(ask: MakeSbom, at: Place) -> SbomMade:
    """Write a CycloneDX SBOM of a model into its directory, so that a signature made afterwards covers it."""
    target = ask.target.absolute()
    data = make_sbom(
        see_tree(target, at),
        name=target.name,
        version=ask.version,
        now=at.now(),
        python_environment=ask.python,
        licence=ask.licence,
        supplier=ask.supplier,
        author=ask.author or ask.supplier,
    )
    path = target / SBOM_FILE
    replace_whole(path, data, within=at.writable)
    return SbomMade(path=path)
