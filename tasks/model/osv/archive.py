"""An ecosystem export: a zip with one JSON file for each advisory, read with limits and in one stream."""

from __future__ import annotations

import hashlib
import os
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.late_pattern import late
from arcops.roots import ANYWHERE, Roots
from artifacts.beneath import open_within
from tasks.files.reading import MIB

_NAME = late(r"[A-Za-z0-9][A-Za-z0-9._:+\-]{0,127}\.json")
_ENCRYPTED = 0x1


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveLimits:
    """The most that an export may hold. The largest public one (2025: 250,000 advisories, 1.5 GiB) has a fifth of this."""

    members: int = 1_500_000
    member_bytes: int = 16 * MIB
    total_bytes: int = 8 * 1024 * MIB


LIMITS = ArchiveLimits()


class Export:
    """An open export. ``sha256`` is of the file's bytes, read through the same descriptor as the members."""

    def __init__(self, path: Path, file: BufferedReader, limits: ArchiveLimits) -> None:
        self._path = path
        self._limits = limits
        self.sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, zipfile.LargeZipFile, ValueError, OSError, NotImplementedError) as error:
            raise Refused(f"{path} is not a zip file ({error}); give an OSV ecosystem export such as PyPI's all.zip") from error
        self._members = self._zip.infolist()
        self._refuse_tricks()

    def __len__(self) -> int:
        return len(self._members)

    def members(self) -> Iterator[tuple[str, bytes]]:
        """Every member's name and bytes. Raises `Refused` if one is damaged or longer than the directory says."""
        for member in self._members:
            try:
                with self._zip.open(member) as file:
                    data = file.read(member.file_size + 1)
            except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError) as error:
                raise Refused(f"{self._path}: member {member.filename} is damaged ({error}); fetch the export again") from error
            if len(data) != member.file_size:
                raise Refused(f"{self._path}: member {member.filename} has another size than the zip's directory says")
            yield member.filename, data

    def _refuse_tricks(self) -> None:
        if len(self._members) > self._limits.members:
            raise Refused(f"{self._path} has {len(self._members)} members; an export has at most {self._limits.members}")
        total = 0
        names = set()
        for member in self._members:
            name = member.filename
            if not _NAME.fullmatch(name) or not _plain(member):
                raise Refused(
                    f"{self._path} has the member {name[:80]!r}; an export holds only files named like an advisory (ID.json)"
                )
            if name in names:
                raise Refused(f"{self._path} holds {name} twice, so two readers could read different advisories")
            names.add(name)
            if member.flag_bits & _ENCRYPTED:
                raise Refused(f"{self._path}: member {name} is encrypted")
            if member.file_size > self._limits.member_bytes:
                raise Refused(
                    f"{self._path}: member {name} has {member.file_size} bytes; at most {self._limits.member_bytes} are read"
                )
            total += member.file_size
        if total > self._limits.total_bytes:
            raise Refused(f"{self._path} unpacks to {total} bytes; an export has at most {self._limits.total_bytes}")


def _plain(member: zipfile.ZipInfo) -> bool:
    mode = member.external_attr >> 16
    return not member.is_dir() and (stat.S_IFMT(mode) in (0, stat.S_IFREG))


@contextmanager
def open_export(path: Path, limits: ArchiveLimits = LIMITS, within: Roots = ANYWHERE) -> Iterator[Export]:
    """The export at *path*. Raises `Refused` if it is not an export, and `Unavailable` if it cannot be read."""
    try:
        descriptor = open_within(path, os.O_RDONLY | os.O_NONBLOCK, within)
    except FileNotFoundError as error:
        raise Refused(f"{path} does not exist; give the path of an OSV ecosystem export") from error
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    mode = os.fstat(descriptor).st_mode
    if not stat.S_ISREG(mode):
        names = os.listdir(descriptor) if stat.S_ISDIR(mode) else None  # noqa: PTH208  # of what was opened, not of a name
        os.close(descriptor)
        if names is not None:
            raise Refused(_folder(path, names))
        raise Refused(f"{path} is not a regular file; give an OSV ecosystem export")
    with os.fdopen(descriptor, "rb") as file:
        yield Export(path, file, limits)


def _folder(path: Path, names: list[str]) -> str:
    inside = any(map(_NAME.fullmatch, names))
    found = (
        "pack its advisories into one (python -m zipfile -c all.zip *.json)" if inside else "and it holds no advisory (ID.json)"
    )
    return f"{path} is a folder, but an OSV ecosystem export is a zip; {found}"
