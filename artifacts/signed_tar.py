"""A tar of which every byte counts, and one that ends with a signed statement: what is carried to another machine, and checked
there before anything is used.

Its members are regular files in USTAR's form (POSIX.1-1988), with the same owner, mode and time each; a name that is too long
for it has an extended header before it (pax, POSIX.1-2001), as names of wheels for several platforms are. The last one of a
signed tar, ``signed.sigstore.json``, is a sealed statement that lists the others with their sizes and digests; so a tar that
was cut off has none. Reading unpacks nothing to a path that the tar names.
"""

from __future__ import annotations

import hashlib
import os
import tarfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from arcops.errors import Refused, Unavailable
from arcops.late_pattern import late
from arcops.roots import ANYWHERE, Roots
from artifacts.beneath import open_within
from artifacts.bundle import MOST_BYTES

SIGNED = "signed.sigstore.json"
MOST_MEMBERS = 2_000_000
_BLOCK, _RECORD, _CHUNK = tarfile.BLOCKSIZE, tarfile.RECORDSIZE, 1024 * 1024
_NAME = late(r"[!-~]([ -~]*[!-~])?\Z")
_MOST_NAME = 480
_MOST_SIZE = 8**11  # what eleven octal digits hold
_LONG = late(rb"[0-9]{3} path=([ -~]+)\n\0*\Z")
"""The one record of an extended header that we write: its name takes one block."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TarPart:
    """A member: its name, how many bytes it has, and their digest (``sha256:…``)."""

    name: str
    size: int
    digest: str


class TarWriter:
    """Writes members to the open *file*, one after the other, and notes what it wrote in ``parts``."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._written = 0
        self.parts: list[TarPart] = []

    def add(self, name: str, data: bytes) -> None:
        """Write the member *name* with *data*. Raises `Refused` if no member can have this name."""
        self._begin(name, len(data))
        self._put(data)
        self._end(name, len(data), hashlib.sha256(data).hexdigest())

    def copy(self, name: str, source: BinaryIO, size: int) -> None:
        """Write the member *name* with the next *size* bytes of *source*. Raises `Unavailable` if it has fewer by now."""
        self._begin(name, size)
        digest, left = hashlib.sha256(), size
        while left:
            data = source.read(min(_CHUNK, left))
            if not data:
                raise Unavailable(f"{name} became shorter while it was read; try again")
            digest.update(data)
            self._put(data)
            left -= len(data)
        self._end(name, size, digest.hexdigest())

    def finish(self, sealed: bytes) -> None:
        """Write the signed statement, and the end."""
        self.add(SIGNED, sealed)
        self.end()

    def end(self) -> None:
        """Write the end."""
        self._put(bytes(2 * _BLOCK))
        self._put(bytes(-self._written % _RECORD))

    def _begin(self, name: str, size: int) -> None:
        self._put(_header(name, size))

    def _end(self, name: str, size: int, digest: str) -> None:
        self._put(bytes(-size % _BLOCK))
        self.parts.append(TarPart(name=name, size=size, digest=f"sha256:{digest}"))

    def _put(self, data: bytes) -> None:
        self._file.write(data)
        self._written += len(data)


class ExactTar:
    """The tar in the open *file*, called *what* in sentences. Its members were found, and nothing of them is verified yet.

    Raises `Refused` if it is not one that `TarWriter` writes.
    """

    _lacking = "its end is missing"

    def __init__(self, file: BinaryIO, what: str) -> None:
        self._file = file
        self.what = what
        self._places: dict[str, tuple[int, int]] = {}
        self._verified: dict[str, str] = {}
        self._find()

    def _read(self, at: int, count: int) -> bytes:
        try:
            self._file.seek(at)
            return self._file.read(count)
        except OSError as error:
            raise Unavailable(f"{self.what} cannot be read: {error.strerror}") from error

    @property
    def names(self) -> tuple[str, ...]:
        """The members, in their order."""
        return tuple(self._places)

    def size(self, name: str) -> int:
        """How many bytes the member *name* has. Raises `Refused` if there is no such member."""
        if name not in self._places:
            raise Refused(f"{self.what} has no {name}")
        return self._places[name][1]

    def read(self, name: str, most: int) -> bytes:
        """The bytes of the member *name*. Raises `Refused` if they are more than *most*."""
        if self.size(name) > most:
            raise Refused(f"{self.what} has {self.size(name):,} bytes in {name}; at most {most:,} are read")
        return b"".join(self.chunks(name))

    def part(self, name: str, at: int, count: int) -> bytes:
        """*count* bytes of the member *name* from its byte *at* on."""
        start, size = self._places[name]
        data = self._read(start + at, min(count, size - at))
        if len(data) != count:
            raise Refused(f"{self.what} is cut off in the middle of {name}")
        return data

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of the member *name*, a piece at a time. If it was verified before, they are compared once more, because
        someone may write into the file meanwhile: `Refused` comes instead of the end.
        """
        start, left = self._places[name]
        at, wanted = start, self._verified.get(name)
        digest = None if wanted is None else hashlib.sha256()
        while left:
            data = self._read(at, min(_CHUNK, left))  # who takes the pieces may read another member between two of them
            if not data:
                raise Refused(f"{self.what} is cut off in the middle of {name}")
            left -= len(data)
            at += len(data)
            if digest is not None:
                digest.update(data)
                if not left and digest.hexdigest() != wanted:
                    break
            yield data
        if digest is not None and digest.hexdigest() != wanted:
            raise Refused(f"{name} in {self.what} was changed after it was verified; nothing of it counts")

    def digest(self, name: str) -> str:
        """``sha256:…`` of the member *name*, read now."""
        digest = hashlib.sha256()
        for data in self.chunks(name):
            digest.update(data)
        return f"sha256:{digest.hexdigest()}"

    def verify(self, parts: Mapping[str, TarPart]) -> None:
        """Read every member in *parts*, which the signed statement lists. Raises `Refused` if one is lacking or differs."""
        for name, part in parts.items():
            if self.size(name) != part.size or self.digest(name) != part.digest:
                raise Refused(f"{name} in {self.what} is not what was signed: it was changed")
            self._verified[name] = part.digest.removeprefix("sha256:")

    def _find(self) -> None:
        size, at = os.fstat(self._file.fileno()).st_size, 0
        while any(header := self._header_at(at)):
            name, length, begins = self._member(header, at)
            at = begins + length
            self._zeros(at, -length % _BLOCK)
            at += -length % _BLOCK
            if at > size:
                raise Refused(f"{self.what} is cut off in the middle of {name}")
            if name in self._places or len(self._places) >= MOST_MEMBERS:
                raise Refused(f"{self.what} has {name} twice, or more than {MOST_MEMBERS:,} members")
            self._places[name] = (begins, length)
        end = at + 2 * _BLOCK
        end += -end % _RECORD
        if size != end:
            raise Refused(f"{self.what} has {size:,} bytes, but its content ends at {end:,}")
        self._zeros(at, end - at)

    def _header_at(self, at: int) -> bytes:
        header = self._read(at, _BLOCK)
        if len(header) < _BLOCK:
            raise self._cut_off()
        return header

    def _cut_off(self) -> Refused:
        return Refused(f"{self.what} is cut off, or is no such file: {self._lacking}")

    def _member(self, header: bytes, at: int) -> tuple[str, int, int]:
        """The name and the size of the member whose *header* begins at *at*, and where its bytes begin."""
        try:
            member = tarfile.TarInfo.frombuf(header, "ascii", "strict")
            name, size = member.name, member.size
            if member.type == tarfile.XHDTYPE:
                header += self._read(at + _BLOCK, 2 * _BLOCK)
                found = _LONG.match(header[_BLOCK : 2 * _BLOCK])
                name = found[1].decode("ascii") if found is not None else ""
                size = tarfile.TarInfo.frombuf(header[2 * _BLOCK :], "ascii", "strict").size
            exact = _header(name, size)
        except (tarfile.TarError, UnicodeError, ValueError, Refused) as error:
            raise Refused(f"{self.what} cannot be read at byte {at:,}: it was changed, or is no such file") from error
        if exact != header:
            raise Refused(f"{self.what} has a member {name[:100]!r} that is not as ArcOps writes it")
        return name, size, at + len(header)

    def _zeros(self, at: int, count: int) -> None:
        if any(self._read(at, count)):
            raise Refused(f"{self.what} was changed at byte {at:,}: something is where nothing should be")


class SignedTar(ExactTar):
    """An `ExactTar` whose last member is the signed statement, ``sealed``. Raises `Refused` if it is not."""

    _lacking = "the signed list at its end is missing"

    def __init__(self, file: BinaryIO, what: str) -> None:
        super().__init__(file, what)
        if super().names[-1:] != (SIGNED,):
            raise self._cut_off()
        self.sealed = self.read(SIGNED, MOST_BYTES)

    @property
    def names(self) -> tuple[str, ...]:
        """The members besides the signed statement, in their order."""
        return super().names[:-1]


@contextmanager
def opened_tar(path: Path, what: str, within: Roots = ANYWHERE) -> Iterator[SignedTar]:
    """The tar in the file *path*, which is *within* these roots. Raises `Refused`, and `Unavailable` if it cannot be read."""
    try:
        file = os.fdopen(open_within(path, os.O_RDONLY, within), "rb")
    except FileNotFoundError:
        raise Refused(f"{path} does not exist") from None
    except IsADirectoryError:
        raise Refused(f"{path} is a folder, and {what} is a file") from None
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    with file:  # not within the try: an error of who uses it, such as a full disk, is another one
        yield SignedTar(file, what)


def _header(name: str, size: int) -> bytes:
    parts = name.split("/")
    if not _NAME.match(name) or any(one in ("", ".", "..") for one in parts):
        raise Refused(f"{name[:200]!r} cannot be the name of a file that is carried in a tar; rename it, in plain ASCII")
    member = tarfile.TarInfo(name)
    member.size, member.mode = size, 0o644
    if len(name) > _MOST_NAME:
        raise Refused(f"{name[:300]!r} is too long for a file that is carried in a tar; rename it")
    if size >= _MOST_SIZE:
        raise Refused(f"{name} has {size:,} bytes; a file that is carried in a tar has less than {_MOST_SIZE:,}")
    try:
        return member.tobuf(tarfile.USTAR_FORMAT, "ascii", "strict")
    except ValueError:
        return member.tobuf(tarfile.PAX_FORMAT, "ascii", "strict")
