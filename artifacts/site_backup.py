"""The signed statement of a site's backup: what the file has, and what it leaves out. It has no secret."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from datetime import datetime

from arcops.left_out import LEFT_OUT
from artifacts.canonical import canonical
from artifacts.encryption import PassphraseLock, RecipientLock
from artifacts.record import Record
from artifacts.signed_tar import TarPart
from artifacts.typed import dump


@dataclass(frozen=True, slots=True, kw_only=True)
class LogBackedUp:
    """The store's log: its name, how many entries it has, their Merkle root in hex, and the newest moment of an entry."""

    origin: str
    entries: int
    root: str
    newest: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TableBackedUp:
    """A table of the database: how many rows, and a digest in hex over all of them that does not depend on their order."""

    name: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseBackedUp:
    """The database: the kind that it was in, the revision of its schema, and its tables. A site without a database has
    no revision.
    """

    kind: str
    schema: str
    tables: tuple[TableBackedUp, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditBackedUp:
    """An audit log: its name, how many lines it has up to its last checkpoint, and their Merkle root in hex."""

    name: str
    lines: int
    root: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NotBackedUp:
    """What of the site is not in the backup, and why."""

    what: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SiteBackup:
    """The backup of ``site`` as it was at ``taken``, made by this version of ArcOps.

    ``locks`` open what is encrypted, or the private keys of ``recipients``. ``parts`` are the members of the tar besides the
    objects of the store, which are named by their digests, and which the log names.
    """

    site: str
    taken: datetime
    version: str
    log: LogBackedUp
    database: DatabaseBackedUp
    locks: tuple[PassphraseLock, ...]
    parts: tuple[TarPart, ...]
    left_out: tuple[NotBackedUp, ...]
    audit: tuple[AuditBackedUp, ...] = field(default=(), metadata=LEFT_OUT)
    recipients: tuple[RecipientLock, ...] = field(default=(), metadata=LEFT_OUT)

    @property
    def named(self) -> str:
        """The site's name in sentences."""
        return self.site or "a site without a name"


def _content(backup: SiteBackup) -> str:
    listed = canonical([dump(one) for one in backup.parts])
    return f"sha256:{hashlib.sha256(listed).hexdigest()}"


SITE_BACKUP: Record[SiteBackup] = Record(
    uri="https://arcops.dev/predicates/site-backup/v1",
    what="the backup of a site",
    holds=SiteBackup,
    about=lambda backup: (backup.named, _content(backup)),
)
