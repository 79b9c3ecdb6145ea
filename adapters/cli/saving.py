"""Snapshots of a cluster, saved as files in a folder of their own."""

from __future__ import annotations

from pathlib import Path

from adapters.cli.plain import printable
from arcops.errors import Refused
from artifacts.writing import replace_whole
from capabilities.cluster.check import SavedCluster


def refuse_unless_new(folder: Path) -> None:
    """Raises `Refused` where *folder* holds anything already."""
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Refused(f"{folder} is there already and not an empty folder; name a new one, so that nothing old is mixed in")


def save(found: SavedCluster, folder: Path) -> int:
    """Write the files of *found* and say what is missing from them; returns how many of them miss something."""
    folder.mkdir(parents=True, exist_ok=True)
    for one in found.files:
        replace_whole(folder / one.name, one.text.encode())
    missing = [one.missing for one in found.files if one.missing]
    for sentence in missing:
        print(printable(f"not seen: {sentence}"))
    return len(missing)
