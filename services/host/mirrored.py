"""A mirror of hosted servers, for a site that reaches no index: one tar with their rows, their locks and every file of these.

Nothing in it is believed: a file counts if a lock names its digest, and the operator gates each server there as anywhere.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import tarfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from arcops.errors import Refused
from artifacts.wire import canonical_bytes, from_json
from services.host.lock import Lock
from services.host.reserved import refuse_reserved
from services.host.spec import Spec, checked

INDEX, FILES, ATTESTATIONS, ADVISORIES = "mirror.json", "files", "attestations", "advisories"
_MOST_FILE, _MOST_FILES, _MOST_ALL = 1 << 30, 20_000, 16 << 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """One server of a list: its row, and files with attestations of its publisher."""

    name: str
    spec: Spec
    attestations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What a mirror is made of: servers, and OSV exports."""

    servers: tuple[Listed, ...]
    advisories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Kept:
    """A file of a mirror, which is kept under its ``sha256`` in hex; an installer wants its ``name``."""

    sha256: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirrored:
    """One server of a mirror, with the ``files`` of its lock; ``attestations`` are names in the tar."""

    name: str
    spec: Spec
    lock: Lock
    files: tuple[Kept, ...]
    attestations: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Index:
    """What a mirror says of itself."""

    format: int
    servers: tuple[Mirrored, ...]
    advisories: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """A mirror that was read: its index, and its other members by name, whose bytes are read when they are asked for."""

    index: Index
    names: frozenset[str]
    read: Callable[[str], bytes] = field(repr=False)


def write(index: Index, members: Mapping[str, bytes], into: Path) -> None:
    """Write the tar. The same content gives the same bytes."""
    with tarfile.open(into, "w", format=tarfile.PAX_FORMAT) as tar:
        for name, data in ((INDEX, canonical_bytes(index)), *sorted(members.items())):
            said = tarfile.TarInfo(name)
            said.size, said.mode = len(data), 0o644
            tar.addfile(said, io.BytesIO(data))


def opened(tar: tarfile.TarFile) -> Content:
    """The mirror in an open *tar*. Raises `Refused` for a member that is no plain file, or that none could have."""
    members: dict[str, tarfile.TarInfo] = {}
    size = 0
    for one in tar:
        parts = one.name.split("/")
        size += one.size
        if not one.isreg() or one.size > _MOST_FILE or ".." in parts or one.name.startswith("/") or one.name in members:
            raise Refused(f"the mirror has {one.name[:200]!r}, which is no plain file of a mirror")
        if len(members) >= _MOST_FILES or size > _MOST_ALL:
            raise Refused(f"the mirror has more than {_MOST_FILES} files or {_MOST_ALL} bytes")
        members[one.name] = one

    def read(name: str) -> bytes:
        file = tar.extractfile(members[name]) if name in members else None
        if file is None:
            raise Refused(f"the mirror lacks {name[:200]!r}; make it again")
        return file.read()

    index = from_json(Index, read(INDEX))
    if index.format != 1:
        raise Refused(f"the mirror has the format {index.format}, and this version reads 1")
    for server in index.servers:
        refuse_reserved(server.name)
        checked(server.spec)
        if server.lock.package != server.spec.package:
            raise Refused(f"the mirror has a lock of {server.lock.package[:200]} for {server.spec.package[:200]}")
    return Content(index=index, names=frozenset(members) - {INDEX}, read=read)


def files_of(server: Mirrored, content: Content) -> Iterator[tuple[str, bytes]]:
    """The name and the bytes of each file of *server*. Raises `Refused` for one whose digest its lock does not name."""
    wanted = digests(server.lock)
    for one in server.files:
        name = one.name
        if "/" in name or "\0" in name or name in ("", ".", ".."):
            raise Refused(f"the mirror names a file {name[:200]!r}")
        data = content.read(f"{FILES}/{one.sha256}")
        if not wanted & named(data):
            raise Refused(f"the file {name[:200]} of the mirror is not one that the lock of {server.name} names")
        yield name, data


def named(data: bytes) -> set[str]:
    """The digests by which a lock may name *data*."""
    wide = base64.b64encode(hashlib.sha512(data).digest()).decode()
    return {f"sha256:{hashlib.sha256(data).hexdigest()}", f"sha512-{wide}"}


def digests(lock: Lock) -> set[str]:
    """Every digest that *lock* names."""
    if lock.text.startswith("{"):
        entries = json.loads(lock.text).get("packages", {}).values()
        return {part for one in entries for part in str(one.get("integrity", "")).split()}
    return {part.removeprefix("--hash=") for part in lock.text.split() if part.startswith("--hash=")}
