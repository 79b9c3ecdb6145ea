"""A replica: a folder with one file for each release, which serves without a key and without a database.

The files never change, so any tool that copies files may bring them. What a replica serves is verified by the clients; that it
is behind, they see by the time up to which the newest release may be taken.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.canonical import canonical
from artifacts.reading import read_file
from artifacts.wire import from_json, to_json
from artifacts.writing import write_new
from services.config.rows import Released

MOST_BYTES = 16 * 1024 * 1024
_NAME = re.compile(r"([0-9]{12})\.json\Z")


class Folder:
    """The releases in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def after(self, position: int, most: int) -> Sequence[Released]:
        """The *most* first releases after *position*. Raises `Refused` if a file is not what its name says."""
        found: list[Released] = []
        for path in self._files():
            if int(path.name[:12]) > position:
                one = from_json(Released, read_file(path, MOST_BYTES))
                if one.position != int(path.name[:12]):
                    raise Refused(f"{path} holds the release {one.position}; copy the folder again")
                found.append(one)
                if len(found) >= most:
                    break
        return found

    def add(self, released: Sequence[Released]) -> int:
        """Write the files of *released* that are not there yet; how many that were."""
        there = {path.name for path in self._files()} if self.folder.exists() else set()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be made: {error.strerror}") from error
        new = [one for one in released if f"{one.position:012}.json" not in there]
        for one in new:
            write_new(self.folder / f"{one.position:012}.json", canonical(to_json(one)))
        return len(new)

    def _files(self) -> list[Path]:
        try:
            return sorted(path for path in self.folder.iterdir() if _NAME.match(path.name))
        except OSError as error:
            raise Unavailable(f"the folder of the replica {self.folder} cannot be read: {error.strerror}") from error
