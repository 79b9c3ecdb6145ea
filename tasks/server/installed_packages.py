"""What is installed below a server's tree, by the packages' own metadata: distributions of Python, packages of Node.

Sources: "Recording installed projects" of the Python packaging user guide; npm's documentation of ``package.json``.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from email.parser import BytesParser
from email.policy import compat32
from pathlib import Path
from typing import Any

from packaging.utils import canonicalize_name

from arcops.errors import ArcOpsError
from artifacts.reading import read_file

_MOST = 4 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """An installed package. ``place`` is its folder below the tree (for Python: its ``.dist-info``). ``manifest`` is what
    ``package.json`` says. A package whose metadata cannot be read has no name.
    """

    name: str
    version: str
    place: str
    manifest: dict[str, Any] = field(default_factory=dict, compare=False, repr=False)


def site_packages(tree: Path) -> Path | None:
    """The folder of the Python packages of *tree*."""
    return next(iter(sorted((tree / "venv").glob("lib/python*/site-packages"))), None)


def distributions(tree: Path) -> Iterator[Found]:
    """The Python distributions."""
    folder = site_packages(tree)
    for info in sorted(folder.iterdir() if folder is not None else ()):
        if info.suffix not in (".dist-info", ".egg-info", ".egg-link"):
            continue
        place = str(info.relative_to(tree))
        try:
            said = BytesParser(policy=compat32).parsebytes(read_file(info / "METADATA", _MOST, follow=False), headersonly=True)
            yield Found(name=canonicalize_name(str(said["Name"])), version=str(said["Version"]), place=place)
        except ArcOpsError:
            yield Found(name="", version="", place=place)


def node_packages(tree: Path) -> Iterator[Found]:
    """The packages of Node, nested ones too."""
    waiting = [tree / "node_modules"]
    while waiting:
        folder = waiting.pop()
        try:
            entries = sorted(os.scandir(folder), key=lambda one: one.name)
        except FileNotFoundError:
            continue
        for entry in entries:
            if entry.name.startswith(".") or not entry.is_dir(follow_symlinks=False):
                continue
            path = Path(entry.path)
            if entry.name.startswith("@") and folder.name == "node_modules":
                waiting.append(path)
                continue
            yield _node(path, tree)
            waiting.append(path / "node_modules")


def _node(path: Path, tree: Path) -> Found:
    place = str(path.relative_to(tree))
    try:
        said = json.loads(read_file(path / "package.json", _MOST, follow=False))
    except (ArcOpsError, ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        return Found(name="", version="", place=place)
    return Found(name=str(said.get("name", "")), version=str(said.get("version", "")), place=place, manifest=said)
