"""Making a backup: everything is read while the site works, and written to one new file, which appears whole or not at all."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from arcops.errors import Refused
from arcops.installed import version
from artifacts.bundle import seal_statement
from artifacts.canonical import canonical
from artifacts.encryption import ContentKey
from artifacts.entries import read_line
from artifacts.log.checkpoint import claimed
from artifacts.private_key import Signer
from artifacts.recipients import Recipient, locked_to
from artifacts.signed_tar import TarWriter
from artifacts.site_backup import (
    SITE_BACKUP,
    AuditBackedUp,
    DatabaseBackedUp,
    LogBackedUp,
    SiteBackup,
    TableBackedUp,
)
from artifacts.store import Store
from artifacts.writing import stream_new, sweep, vacant
from foundation.backup.auditing import AUDIT, carried_away, key_name, logs_here
from foundation.backup.places import DATABASE, KEYS, STORE, key_files, left_out, plain_files, read
from foundation.database.address import SqliteFile, read_address
from foundation.database.dumping import Rows, Summing, dumped, revision_of, tables_of
from foundation.database.engine import connected
from foundation.settings import Settings


def make(
    path: Path,
    settings: Settings,
    *,
    signer: Signer,
    passphrase: Callable[[], str],
    now: datetime,
    recipients: Sequence[Recipient] = (),
    environment: Mapping[str, str] = os.environ,
) -> SiteBackup:
    """Write a backup of the site to the new file *path*. The store's log is signed with *signer*, and so is the backup. With
    *recipients* only they can open what is encrypted; no passphrase does, and it is not asked for.

    Raises `Refused` if *path* exists, or if something of the site is damaged: then nothing is written. `Unavailable` if the
    disk is full or the database does not answer.
    """
    vacant(path)
    sweep(path.absolute().parent)  # of one that was killed, which may be large
    content = ContentKey.new()
    locks = () if recipients else (content.locked(passphrase()),)
    to = tuple(locked_to(content, one) for one in dict.fromkeys(recipients))
    made: list[SiteBackup] = []

    def write(file: BinaryIO) -> None:
        tar = TarWriter(file)
        database = _database(tar, settings, content, environment)
        log = _store(tar, settings, signer)
        for name, one in plain_files(settings):
            tar.add(name, read(one))
        audit = tuple(_audit(tar, settings, content))
        tar.add(KEYS, content.encrypt(canonical(dict(_keys(settings))), KEYS))
        made.append(
            SiteBackup(
                site=settings.site,
                taken=now,
                version=version(),
                log=log,
                database=database,
                locks=locks,
                parts=tuple(one for one in tar.parts if not one.name.startswith(f"{STORE}/objects/")),
                left_out=(*left_out(settings), *carried_away(settings)),
                audit=audit,
                recipients=to,
            )
        )
        tar.finish(seal_statement(SITE_BACKUP.statement(made[0]), signer))

    stream_new(path, write, mode=0o600)
    return made[0]


def _database(tar: TarWriter, settings: Settings, content: ContentKey, environment: Mapping[str, str]) -> DatabaseBackedUp:
    address = read_address(settings.database)
    kind = "sqlite" if isinstance(address, SqliteFile) else "postgresql"
    if isinstance(address, SqliteFile) and not address.path.exists():
        return DatabaseBackedUp(kind=kind, schema="", tables=())
    with (
        connected(address, settings.tier, settings.database_password, environment) as database,
        database.reading() as connection,
    ):
        revision = revision_of(connection)
        if not revision:
            return DatabaseBackedUp(kind=kind, schema="", tables=())
        sums = Summing(tables_of(connection))
        for name, part in _numbered(dumped(connection)):
            sums.add(part)
            tar.add(name, content.encrypt(part.data, name))
    tables = tuple(TableBackedUp(name=one.table, rows=one.rows, digest=one.digest) for one in sums.sums)
    return DatabaseBackedUp(kind=kind, schema=revision, tables=tables)


def _numbered(parts: Iterator[Rows]) -> Iterator[tuple[str, Rows]]:
    number, table = 0, ""
    for part in parts:
        number = number + 1 if part.table == table else 0
        table = part.table
        yield f"{DATABASE}/{table}/{number:06}", part


def _store(tar: TarWriter, settings: Settings, signer: Signer) -> LogBackedUp:
    with Store.at(settings) as store:
        note = store.checkpoint(signer)
        signed = claimed(note)
        lines = store.log.read().lines[: signed.size]
        entries = [read_line(line) for line in lines]
        for digest in sorted({one for entry in entries for one in (entry.artifact, *entry.evidence)}):
            tar.add(f"{STORE}/objects/{digest.removeprefix('sha256:')}", store.get(digest))
        tar.add(f"{STORE}/origin", store.origin.encode())
        tar.add(f"{STORE}/log", b"".join(line + b"\n" for line in lines))
        tar.add(f"{STORE}/checkpoint", note)
    newest = max((entry.at for entry in entries), default=None)
    return LogBackedUp(origin=signed.origin, entries=signed.size, root=signed.root.hex(), newest=newest)


def _audit(tar: TarWriter, settings: Settings, content: ContentKey) -> Iterator[AuditBackedUp]:
    keys: dict[str, bytes] = {}
    for log in logs_here(settings):
        name = f"{AUDIT}/{log.said.name}"
        tar.add(name, content.encrypt(log.text, name))
        keys[key_name(log.said.name)] = log.key.pem
        yield log.said
    for name, pem in keys.items():
        tar.add(name, pem)


def _keys(settings: Settings) -> Iterator[tuple[str, str]]:
    for name, path in key_files(settings).items():
        if path.exists():
            try:
                yield name, read(path).decode("ascii")
            except UnicodeDecodeError:
                raise Refused(f"{path} is not a key in PEM, so it cannot be backed up") from None
