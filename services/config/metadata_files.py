"""The files of the metadata in its folder (TUF 1.0): which of them count now, and how new ones come beside them.

The timestamp names the snapshot, and that one all others, so everything else is written first and in any order.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from tuf.api.metadata import Metadata, Root, Snapshot, Targets, Timestamp  # type: ignore[attr-defined]

from arcops.errors import Refused, Unavailable
from artifacts.writing import new_partial, sync_folder

KEPT = 32
"""So many earlier versions of a role stay, for those who are reading: they may have begun with an earlier snapshot."""
_FEW = 16


class MetadataFiles:
    """The files in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def file(self, name: str) -> bytes:
        """One file as it is served. Raises `Refused` if there is no such file."""
        if "/" in name or name.startswith("."):
            raise Refused("there is no such file of metadata")
        try:
            return (self.folder / name).read_bytes()
        except (FileNotFoundError, IsADirectoryError):
            raise Refused(f"there is no file of metadata {name[:100]!r}") from None
        except OSError as error:
            raise Unavailable(f"{self.folder / name} cannot be read: {error.strerror}") from error

    def files(self) -> tuple[str, ...]:
        """The names of all files, for a mirror."""
        return tuple(sorted(one.name for one in self.folder.iterdir() if one.suffix == ".json")) if self.folder.is_dir() else ()

    def holds(self, name: str) -> bool:
        """Is there a file of this name?"""
        return (self.folder / name).exists()

    def put(self, new: Mapping[str, bytes]) -> int:
        """Write the files *new*; how many they are. All are on the disk then, and each is whole or not there at any moment.

        Raises `Unavailable` if the folder cannot be written.
        """
        try:
            for name, data in new.items():
                partial = self.folder / new_partial()
                try:
                    with partial.open("xb") as file:
                        file.write(data)
                        if len(new) <= _FEW:
                            file.flush()
                            os.fsync(file.fileno())
                    partial.replace(self.folder / name)
                except BaseException:
                    partial.unlink(missing_ok=True)
                    raise
            if len(new) <= _FEW:
                sync_folder(self.folder)
            else:
                os.sync()  # one wait for the disk, and not one for each
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be written: {error.strerror}; the old state stays the newest") from error
        return len(new)

    def forget(self, name: str, version: int) -> None:
        """Remove the version of *name* that is too old for anyone to be reading it, now that there is *version*."""
        with suppress(OSError):
            (self.folder / f"{version - KEPT}.{name}.json").unlink(missing_ok=True)

    def timestamp(self) -> Metadata[Any] | None:
        """The timestamp; ``None`` if nothing was written yet."""
        return self._read("timestamp.json", Timestamp)

    def snapshot(self) -> Metadata[Any] | None:
        """The snapshot that the timestamp names."""
        above = self.timestamp()
        return None if above is None else self._named(f"{above.signed.snapshot_meta.version}.snapshot.json", Snapshot)

    def targets(self, name: str, snapshot: Metadata[Any] | None) -> Metadata[Any] | None:
        """The role *name* of targets as *snapshot* has it; ``None`` if it does not have it."""
        meta = snapshot.signed.meta.get(f"{name}.json") if snapshot is not None else None
        return None if meta is None else self._named(f"{meta.version}.{name}.json", Targets)

    def root(self) -> Metadata[Any] | None:
        """The newest root; ``None`` if there is no root yet."""
        version = 0
        while self.holds(f"{version + 1}.root.json"):
            version += 1
        return self._read(f"{version}.root.json", Root) if version else None

    def _named(self, name: str, kind: type[object]) -> Metadata[Any]:
        found = self._read(name, kind)
        if found is None:
            raise Refused(f"{self.folder / name} is missing, and what is newest names it; restore it from a copy")
        return found

    def _read(self, name: str, kind: type[object]) -> Metadata[Any] | None:
        path = self.folder / name
        if not os.path.lexists(path):
            return None
        try:
            found: Metadata[Any] = Metadata.from_file(str(path))
        except Exception as error:
            raise Refused(f"{path} cannot be read as metadata ({type(error).__name__}); restore it from a copy") from error
        if not isinstance(found.signed, kind):
            raise Refused(f"{path} is no metadata of that role")
        return found
