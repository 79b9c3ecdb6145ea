"""The snapshot of a host's gateway and network configuration: what is restored after its place changed. It has no secret."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from artifacts.canonical import canonical
from artifacts.objects import digest_of
from artifacts.record import Record
from artifacts.typed import dump


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotServer:
    """A hosted server as its row is. ``spec`` and ``lock`` are canonical JSON; ``lock`` is empty as long as it has no lock.
    The spec names its secrets by references.
    """

    name: str
    owner: str
    enabled: bool
    spec: str
    lock: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotFile:
    """A file of the operator in ``place``: ``policies`` (registered), ``access`` (roles and Cedar) or ``limits``."""

    place: str
    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotTable:
    """A table of the database that is configuration as a whole. Each row is canonical JSON, in the order of bytes."""

    name: str
    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostConfiguration:
    """What is restored."""

    servers: tuple[SnapshotServer, ...]
    files: tuple[SnapshotFile, ...]
    tables: tuple[SnapshotTable, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSurroundings:
    """The place of the host: its settings, which are not restored. ``authorities`` is the digest of the file with the
    certificates of other hosts; ``key`` and ``databasePassword`` are references.
    """

    tier: str
    public_url: str
    address: str
    endpoints: tuple[str, ...]
    policy: str
    key: str
    database_password: str
    authorities: str


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSnapshot:
    """The ``configuration`` of the hosts of ``site``, as ``by`` found it at ``taken``. A site without a name is known by its
    key.
    """

    site: str
    by: str
    taken: datetime
    surroundings: HostSurroundings
    configuration: HostConfiguration


def content_of(configuration: HostConfiguration) -> str:
    """``sha256:…`` of the canonical bytes of *configuration*: two with the same digest are the same."""
    return digest_of(canonical(dump(configuration)))


HOST_SNAPSHOT: Record[HostSnapshot] = Record(
    uri="https://arcops.dev/predicates/host-snapshot/v1",
    what="the snapshot of a host",
    holds=HostSnapshot,
    about=lambda snapshot: (snapshot.site or "a site without a name", content_of(snapshot.configuration)),
)
