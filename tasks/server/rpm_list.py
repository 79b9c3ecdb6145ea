"""The list of RPM in an image: the database that rpm 4.16 and later write, in SQLite, whose rows are package headers; or, in
images of Azure Linux without RPM, the text that is made instead.

Sources: rpm.org, "RPM V4 Package format", section "Header structure", and rpm's ``rpmtag.h`` for the numbers of the tags; the
database's format is what ``_db_backend sqlite`` of rpm 4.16 writes (table ``Packages``). Older formats (Berkeley DB in
``Packages``, NDB in ``Packages.db``) are not read.
"""

from __future__ import annotations

import sqlite3
import struct
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass

from arcops.errors import Refused

_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH, _SOURCE, _MODULE = 1000, 1001, 1002, 1003, 1022, 1044, 5096
_PLACES, _BASES, _FOLDERS = 1116, 1117, 1118
_READ = frozenset((_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH, _SOURCE, _MODULE, _PLACES, _BASES, _FOLDERS))
_INT32, _STRING, _STRINGS, _I18N = 4, 6, 8, 9
_KEY = "gpg-pubkey"
"""A key that rpm trusts, which it lists like a package (``rpmkeys(8)``)."""
_COLUMNS = 10
_MOST_ENTRIES, _MOST_HEADER = 1 << 16, 64 << 20
_STEPS = 200_000_000
_AS_WRITTEN, _AS_ONE_FILE = slice(18, 20), b"\x01\x01"
"""Of SQLite's file header ("The Database File Format", 1.3.3): 2 says that there is a log beside the file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rpm:
    """One package. ``version`` has the release, and ``epoch`` is empty without one; ``source`` is the file of its source
    package and ``module`` the label of its module stream. ``files`` are its own.
    """

    name: str
    version: str
    epoch: str
    arch: str
    source: str
    module: str
    files: tuple[str, ...]


def rpms_of(database: bytes) -> Iterator[Rpm]:
    """The packages in the SQLite file *database* of RPM, without its keys.

    Raises `Refused`, with a clause without a subject, at the first thing that cannot be read.
    """
    data = bytearray(database)
    data[_AS_WRITTEN] = _AS_ONE_FILE
    with closing(sqlite3.connect(":memory:")) as opened:
        opened.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _MOST_HEADER)
        opened.set_progress_handler(lambda: 1, _STEPS)
        try:
            opened.deserialize(bytes(data))
            opened.execute("PRAGMA trusted_schema = OFF")
            table = opened.execute("SELECT rootpage FROM sqlite_master WHERE type = 'table' AND name = 'Packages'").fetchone()
            if table is None or not table[0]:
                raise Refused("has no table Packages")
            for (blob,) in opened.execute("SELECT blob FROM Packages ORDER BY hnum"):
                if not isinstance(blob, bytes):
                    raise Refused("has a package without a header")
                one = _package(_header(blob))
                if one.name != _KEY:
                    yield one
        except (sqlite3.Error, sqlite3.Warning, OverflowError) as error:
            raise Refused(f"is no list that SQLite can read ({error})") from error


def rpms_said(manifest: bytes) -> Iterator[Rpm]:
    """The packages in *manifest*, what ``rpm --query`` said when an image without RPM was made: a line each, with ten columns.

    Raises as `rpms_of`.
    """
    for line in manifest.decode("utf-8", "replace").splitlines():
        columns = line.split("\t")
        if len(columns) != _COLUMNS or not columns[0] or not columns[1]:
            raise Refused(f"has a line without the {_COLUMNS} columns of a package")
        name, version, _, _, _, _, _, arch, epoch, source = ("" if one == "(none)" else one for one in columns)
        if name != _KEY:
            yield Rpm(name=name, version=version, epoch=epoch, arch=arch, source=source, module="", files=())


def _header(blob: bytes) -> dict[int, tuple[int, int, bytes]]:
    """The entries of a header, by tag: type, count, and the store from where its value begins."""
    if len(blob) < 8:
        raise Refused("has a package whose header is cut off")
    entries, size = struct.unpack_from(">II", blob)
    start = 8 + 16 * entries
    if entries > _MOST_ENTRIES or start + size != len(blob):
        raise Refused("has a package whose header is not as long as it says")
    found: dict[int, tuple[int, int, bytes]] = {}
    for at in range(8, start, 16):
        tag, kind, offset, count = struct.unpack_from(">IIiI", blob, at)
        if tag in _READ:
            if not 0 <= offset < size:
                raise Refused("has a package whose header points behind its end")
            if tag in found:
                raise Refused("has a package that says one thing of itself twice")
            found[tag] = kind, count, blob[start + offset :]
    return found


def _package(header: Mapping[int, tuple[int, int, bytes]]) -> Rpm:
    name, version, release = (_text(header, tag) for tag in (_NAME, _VERSION, _RELEASE))
    if not name or not version or not release:
        raise Refused("has a package that does not say its name, its version and its release")
    epochs = _numbers(header, _EPOCH)
    folders = _texts(header, _FOLDERS)
    bases, places = _texts(header, _BASES), _numbers(header, _PLACES)
    if len(bases) != len(places) or any(one >= len(folders) for one in places):
        raise Refused("has a package whose files are in no folder")
    return Rpm(
        name=name,
        version=f"{version}-{release}",
        epoch=str(epochs[0]) if epochs else "",
        arch=_text(header, _ARCH),
        source=_text(header, _SOURCE),
        module=_text(header, _MODULE),
        files=tuple(f"{folders[place]}{base}" for place, base in zip(places, bases, strict=True)),
    )


def _text(header: Mapping[int, tuple[int, int, bytes]], tag: int) -> str:
    return next(iter(_texts(header, tag)), "")


def _texts(header: Mapping[int, tuple[int, int, bytes]], tag: int) -> list[str]:
    if tag not in header:
        return []
    kind, count, store = header[tag]
    if kind not in (_STRING, _STRINGS, _I18N) or (kind == _STRING and count != 1) or count > len(store):
        raise Refused("has a package that says a text as something else")
    parts = store.split(b"\0", count)
    if len(parts) <= count:
        raise Refused("has a package with a text that does not end")
    return [one.decode("utf-8", "replace") for one in parts[:count]]


def _numbers(header: Mapping[int, tuple[int, int, bytes]], tag: int) -> list[int]:
    if tag not in header:
        return []
    kind, count, store = header[tag]
    if kind != _INT32 or 4 * count > len(store):
        raise Refused("has a package that says a number as something else")
    return list(struct.unpack_from(f">{count}I", store))
