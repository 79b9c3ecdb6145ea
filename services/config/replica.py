"""A replica: a folder with one file for each release, which serves without a key and without a database.

The files never change, so any tool that copies files may bring them. What a replica serves is verified by the clients; that it
is behind, they see by the time up to which the newest release may be taken.
"""

from __future__ import annotations

import io
import re
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from arcops.errors import Refused, Unavailable
from artifacts.canonical import canonical
from artifacts.reading import read_file
from artifacts.wire import from_json, to_json
from artifacts.writing import stream_new, write_new
from services.config.metadata_files import MetadataFiles
from services.config.rows import Released

MOST_BYTES = 16 * 1024 * 1024
METADATA = "metadata"
"""The folder, in a replica's, of what says what is newest."""
_NAME = re.compile(r"([0-9]{12})\.json\Z")
_METADATA = re.compile(rf"{METADATA}/[A-Za-z0-9][A-Za-z0-9._-]{{0,249}}\.json\Z")


class Folder:
    """The releases in *folder*."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def after(self, position: int, most: int) -> Sequence[Released]:
        """The *most* first releases after *position*. Raises `Refused` if a file is not what its name says."""
        found: list[Released] = []
        for path in self.files():
            if int(path.name[:12]) > position:
                try:
                    found.append(_read(path))
                except Refused:
                    if not found:
                        raise
                    break  # those before it are whole; the next look names this one
                if len(found) >= most:
                    break
        return found

    def add(self, released: Sequence[Released]) -> int:
        """Write the files of *released* that are not there yet; how many that were."""
        there = {path.name for path in self.files()} if self.folder.exists() else set()
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise Unavailable(f"{self.folder} cannot be made: {error.strerror}") from error
        new = [one for one in released if f"{one.position:012}.json" not in there]
        for one in new:
            write_new(self.folder / f"{one.position:012}.json", canonical(to_json(one)))
        return len(new)

    def add_metadata(self, files: Mapping[str, bytes]) -> None:
        """Write the metadata *files* that are not there yet; the timestamp last, because it says which of them count.

        What the service does not have any more is removed. Every file but the timestamp has its version or digest in its name.
        """
        there = MetadataFiles(self.folder / METADATA)
        try:
            there.folder.mkdir(parents=True, exist_ok=True)
            there.put({name: data for name, data in files.items() if name != "timestamp.json" and not there.holds(name)})
            if "timestamp.json" in files:
                there.put({"timestamp.json": files["timestamp.json"]})
            for name in set(there.files()) - files.keys():
                (there.folder / name).unlink(missing_ok=True)
        except OSError as error:
            raise Unavailable(f"{there.folder} cannot be written: {error.strerror}") from error

    def files(self) -> list[Path]:
        """Its files, in the order of the log."""
        try:
            return sorted(path for path in self.folder.iterdir() if _NAME.match(path.name))
        except OSError as error:
            raise Unavailable(f"the folder of the replica {self.folder} cannot be read: {error.strerror}") from error


def _read(path: Path) -> Released:
    one = from_json(Released, read_file(path, MOST_BYTES))
    if one.position != int(path.name[:12]):
        raise Refused(f"{path} holds the release {one.position}; copy the folder again")
    return one


@contextmanager
def unpacked(mirror: Path) -> Iterator[Path]:
    """The folder that *mirror* is, or that its tar holds. Raises `Refused` for a tar that holds anything else, or is cut
    short.
    """
    if mirror.is_dir():
        yield mirror
        return
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        try:
            with tarfile.open(mirror, "r:") as tar:
                for member in tar:
                    named = _NAME.match(member.name) or _METADATA.match(member.name)
                    if not member.isreg() or not named or member.size > MOST_BYTES:
                        raise Refused(f"{mirror} holds {member.name[:100]!r}, which a mirror does not hold")
                    file = tar.extractfile(member)
                    (folder / member.name).parent.mkdir(exist_ok=True)
                    (folder / member.name).write_bytes(file.read() if file is not None else b"")
                if tar.fileobj is not None and not _ended(mirror):
                    raise Refused(f"{mirror} was cut short; carry it again")
        except (tarfile.TarError, EOFError) as error:
            raise Refused(f"{mirror} cannot be read as a mirror ({error}); carry it again") from error
        except OSError as error:
            raise Unavailable(f"{mirror} cannot be read: {error.strerror}") from error
        yield folder


def _ended(mirror: Path) -> bool:
    """Does the tar end as a tar does, with two blocks of zeros? One that was cut between two files does not."""
    with mirror.open("rb") as file:
        file.seek(max(0, mirror.stat().st_size - 1024))
        return file.read() == bytes(1024)


def packed(folder: Path, target: Path) -> int:
    """Write the releases of *folder* into the new tar *target*, the same bytes each time; how many there are."""
    found = Folder(folder).files()
    metadata = sorted((folder / METADATA).glob("*.json"))

    def write(file: BinaryIO) -> None:
        with tarfile.open(fileobj=file, mode="w:", format=tarfile.USTAR_FORMAT) as tar:
            for path in (*found, *metadata):
                member = tarfile.TarInfo(str(path.relative_to(folder)))
                data = read_file(path, MOST_BYTES)
                member.size, member.mode = len(data), 0o644
                tar.addfile(member, io.BytesIO(data))

    stream_new(target, write)
    return len(found)
