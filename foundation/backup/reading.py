"""Reading a backup: everything in it is verified before anything is done with it."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from arcops.errors import Refused
from artifacts.bundle import open_statement
from artifacts.encryption import ContentKey, unlocked
from artifacts.entries import Entry, read_line
from artifacts.envelope import strict_json
from artifacts.log.checkpoint import open_checkpoint
from artifacts.log.lines import MOST_LOG
from artifacts.log.merkle import trees
from artifacts.private_key import MOST_KEY_BYTES
from artifacts.public_key import PublicKey
from artifacts.recipients import Identity, opened_by
from artifacts.signed_tar import SignedTar
from artifacts.site_backup import SITE_BACKUP, SiteBackup
from foundation.backup.auditing import LogKept, logs_in, refuse_other_logs
from foundation.backup.places import DATABASE, KEYS, STORE
from foundation.database.dumping import Rows, Summed, Summing
from foundation.database.migrating import refuse_unknown

_OBJECTS = f"{STORE}/objects/"
_LOG = tuple(f"{STORE}/{one}" for one in ("origin", "log", "checkpoint"))
_MOST_SMALL = 64 * 1024
_MOST_ROWS = 1024 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A backup that is sound: its list, who signed it, and the lines of its log."""

    backup: SiteBackup
    signers: tuple[str, ...]
    lines: tuple[bytes, ...]

    @property
    def entries(self) -> tuple[Entry, ...]:
        """The log."""
        return tuple(read_line(line) for line in self.lines)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What opens a backup: the ``passphrase``, and the ``identity`` of a recipient, each looked up only if it is needed."""

    passphrase: Callable[[], str]
    identity: Callable[[], Identity | None] = lambda: None

    def content(self, backup: SiteBackup) -> ContentKey:
        """The key of what is encrypted in *backup*. Raises `Refused` if neither opens it."""
        mine = self.identity() if backup.recipients else None
        if mine is not None and (found := opened_by(backup.recipients, mine)) is not None:
            return found
        if backup.locks:
            return unlocked(backup.locks, self.passphrase)
        to = ", ".join(one.recipient for one in backup.recipients)
        ours = f"the key here is {mine.recipient.id}" if mine is not None else "no private key is set here"
        raise Refused(
            f"the backup is encrypted to {to}, and {ours}; set ARCOPS_BACKUP_IDENTITY_FILE or ARCOPS_BACKUP_IDENTITY_REF "
            "to the private key of a recipient"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Secrets:
    """What is encrypted in a backup, opened and checked: the keys by their names, and a way to the rows of the database and to
    the audit logs.
    """

    keys: dict[str, bytes]
    rows: Callable[[], Iterator[Rows]]
    audit: Callable[[], Iterator[LogKept]]


def verify(tar: SignedTar, keys: Sequence[PublicKey]) -> Verified:
    """The backup in *tar*, signed by one of *keys*: each byte of it, its log and every object of the log.

    What is encrypted is compared with its digest and not opened (`open_secrets`). Raises `Refused` with the first thing that is
    wrong.
    """
    try:
        opened = open_statement(tar.sealed, keys)
        backup = SITE_BACKUP.read(opened.statement)
    except Refused as error:
        raise Refused(f"{tar.what} does not count here: {error}") from error
    parts = {one.name: one for one in backup.parts}
    objects = {one for one in tar.names if one.startswith(_OBJECTS)}
    if strange := set(tar.names) - objects - parts.keys():
        raise Refused(f"{tar.what} has {min(strange)}, which its signed list does not have")
    tar.verify(parts)
    if len(parts) != len(backup.parts) or any(one not in parts for one in (*_LOG, KEYS)):
        raise Refused(f"{tar.what} has no log or no keys, or the same name twice, so it is no whole backup")
    if not (backup.locks or backup.recipients):
        raise Refused(f"no one can open what is encrypted in {tar.what}: it has no lock, so it is no backup")
    refuse_other_logs(tar, backup)
    lines = _log(tar, backup, keys)
    _objects(tar, lines, objects)
    return Verified(backup=backup, signers=opened.signers, lines=lines)


def _log(tar: SignedTar, backup: SiteBackup, keys: Sequence[PublicKey]) -> tuple[bytes, ...]:
    """The lines of the log, which are those that its checkpoint signs and that the list says."""
    said = backup.log
    if tar.read(f"{STORE}/origin", _MOST_SMALL).decode("utf-8", "replace") != said.origin:
        raise Refused(f"the log in {tar.what} has another name than its signed list says")
    text = tar.read(f"{STORE}/log", MOST_LOG)
    *lines, rest = text.split(b"\n")
    tree = trees(lines, {len(lines)})[len(lines)]
    if rest or (len(lines), tree.root.hex()) != (said.entries, said.root):
        raise Refused(f"the log in {tar.what} is not the one that its signed list says")
    signed = open_checkpoint(tar.read(f"{STORE}/checkpoint", _MOST_SMALL), keys, origin=said.origin)
    if (signed.size, signed.root) != (len(lines), tree.root):
        raise Refused(f"the log in {tar.what} is not the one that its checkpoint signs")
    return tuple(lines)


def _objects(tar: SignedTar, lines: Sequence[bytes], objects: set[str]) -> None:
    """Every object that the log names is there with the content of its name, and no other."""
    entries = [read_line(line) for line in lines]
    wanted = {
        f"{_OBJECTS}{digest.removeprefix('sha256:')}" for entry in entries for digest in (entry.artifact, *entry.evidence)
    }
    if lost := wanted - objects:
        raise Refused(f"{tar.what} lacks {min(lost)}, which its log names")
    if more := objects - wanted:
        raise Refused(f"{tar.what} has {min(more)}, which its log does not name")
    for name in sorted(objects):
        if tar.digest(name) != f"sha256:{name.removeprefix(_OBJECTS)}":
            raise Refused(f"the content of {name} in {tar.what} does not match the digest in its name")


def open_secrets(tar: SignedTar, backup: SiteBackup, opening: Opening) -> Secrets:
    """What is encrypted in *tar*, which was verified as *backup*, with all of it decrypted and compared once.

    Raises `Refused` if *opening* does not open it, or if the database is of a newer version than this.
    """
    content = opening.content(backup)
    sealed = tar.read(KEYS, 16 * MOST_KEY_BYTES)
    found = strict_json(content.decrypt(sealed, KEYS), "the keys of the backup")
    if not isinstance(found, dict) or not all(isinstance(one, str) for one in found.values()):
        raise Refused(f"the keys in {tar.what} cannot be understood")

    def rows() -> Iterator[Rows]:
        return _rows(tar, content)

    def audit() -> Iterator[LogKept]:
        return logs_in(tar, backup, content)

    for _ in audit():
        pass
    if backup.database.schema:
        refuse_unknown(backup.database.schema, f"the database in {tar.what}")
    sums = Summing(one.name for one in backup.database.tables)
    for part in rows():
        sums.add(part)
    if sums.sums != meant(backup):
        raise Refused(f"the rows in {tar.what} are not those that its signed list says")
    return Secrets(keys={name: text.encode() for name, text in found.items()}, rows=rows, audit=audit)


def meant(backup: SiteBackup) -> tuple[Summed, ...]:
    """What the tables of *backup* sum up to, in the order of names."""
    return tuple(Summed(table=one.name, rows=one.rows, digest=one.digest) for one in backup.database.tables)


def _rows(tar: SignedTar, content: ContentKey) -> Iterator[Rows]:
    for name in tar.names:
        if name.startswith(f"{DATABASE}/"):
            table = name.split("/")[2]
            yield Rows.read(table, content.decrypt(tar.read(name, _MOST_ROWS), name))


def digest_of(tar: SignedTar) -> str:
    """What names the backup in *tar*: the digest of its signed list."""
    return f"sha256:{hashlib.sha256(tar.sealed).hexdigest()}"
