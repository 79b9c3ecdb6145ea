"""Restoring a site: whole, or not at all, also if the process is killed in the middle.

Everything is verified first. Then all of it is written where it waits, beside its place, and the database of a file is loaded
and migrated there. Then a journal notes it, which decides, and all changes places (`foundation.backup.journal`). The rows for a
server are one transaction after the note; if the server refuses them, nothing has changed.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.silence import unheard
from artifacts.canonical import canonical
from artifacts.log.lines import read_whole
from artifacts.log.memory import Memory, Remembered
from artifacts.log.merkle import trees
from artifacts.objects import object_path
from artifacts.private_folder import make_private
from artifacts.private_key import load_signer, save
from artifacts.public_key import PublicKey
from artifacts.signed_tar import SignedTar, opened_tar
from artifacts.store import MOST_EVIDENCE
from artifacts.typed import dump
from artifacts.writing import write_new
from foundation.backup import journal
from foundation.backup.auditing import Coming, brought, coming
from foundation.backup.journal import Journal, staged
from foundation.backup.obstacles import refuse_busy, refuse_in_the_way
from foundation.backup.places import MOST_FILE, STORE, folders, hidden_in, key_files, single_files
from foundation.backup.reading import Opening, Secrets, Verified, digest_of, meant, open_secrets, verify
from foundation.database.address import SqliteFile, read_address
from foundation.database.dumping import load
from foundation.database.engine import Database, connected
from foundation.only_one import only_one
from foundation.settings import Settings

RESTORE = "arcops backup restore"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permitted:
    """What the operator allows: to ``replace`` what is there, and that what the machine remembers beyond the backup is
    ``lost``.
    """

    replace: bool = False
    lost: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Changes:
    """How the restored site differs from the backup, if another ``command`` is at work: ``files`` are put over those of the
    same names (``trust/…``, ``policies/…``), and each function in ``also`` writes what takes the place of its path, or nothing
    if that is to go. The store stays as it is. Without ``forward``, the database keeps the schema of the backup.
    """

    command: str
    files: Mapping[str, bytes] = field(default_factory=dict)
    also: Mapping[Path, Callable[[Path], None]] = field(default_factory=dict)
    forward: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What was restored. ``kept_store``: the store here has all of the backup's log and more, so it stayed. ``aside`` is what
    was there before. ``audit`` are folders with audit logs that were not here.
    """

    verified: Verified
    kept_store: bool
    aside: tuple[Path, ...]
    audit: tuple[Path, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Log:
    """What becomes of the log: ``keep`` the present one, or write the backup's and let ``memories`` be as these."""

    keep: bool
    memories: tuple[tuple[Path, Remembered], ...] = ()


def restore(
    path: Path,
    settings: Settings,
    *,
    keys: Sequence[PublicKey],
    opening: Opening,
    now: datetime,
    permitted: Permitted,
    changes: Changes | None = None,
    environment: Mapping[str, str] = os.environ,
    step: Callable[[str], None] = unheard,
) -> Restored:
    """Put the backup in the file *path* in the place of this site, with these *changes*. *step* is told of each step.

    Raises `Refused` with nothing changed if the backup is not sound, not signed by one of *keys* or of another site, if
    something is in the way, or if someone works with the database; and `Unavailable` if the disk or the database does not
    allow it.
    """
    with only_one(settings.memory, "backup restore"), opened_tar(path, f"the backup {path}") as tar:
        before = journal.read_journal(settings)
        if before is not None:
            journal.refuse_other(before, RESTORE if changes is None else changes.command)
        if before is not None and not before.loading:
            aside = journal.finish(before, settings, step)
            if before.backup == digest_of(tar):
                moved, verified = {one.path for one in before.moves}, verify(tar, keys)
                return Restored(
                    verified=verified,
                    kept_store=str(settings.store) not in moved,
                    aside=aside,
                    audit=brought(moved, settings),
                )
        verified = verify(tar, keys)
        secrets = open_secrets(tar, verified.backup, opening)
        step("verified")
        _refuse_other_site(verified, settings)
        log = _log(verified, settings, permitted) if changes is None else _Log(keep=True)
        again = before is not None and before.backup == digest_of(tar)
        with _database(settings, environment) as database:
            if database is not None:
                refuse_busy(database, damaged=permitted.replace)
            if not (permitted.replace or again):
                refuse_in_the_way(tar, secrets, settings, database)
        work = _Work(
            tar=tar,
            verified=verified,
            secrets=secrets,
            settings=settings,
            log=log,
            changes=changes or Changes(command=RESTORE),
            passphrase=opening.passphrase,
            environment=environment,
            step=step,
            audit=coming(secrets.audit(), verified.backup, settings) if changes is None else (),
        )
        done = work.placed(now, resumed=before is not None)
        return Restored(verified=verified, kept_store=log.keep, aside=done, audit=tuple(one.place.logs for one in work.audit))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Work:
    """A restore to which nothing is opposed."""

    tar: SignedTar
    verified: Verified
    secrets: Secrets
    settings: Settings
    log: _Log
    changes: Changes
    passphrase: Callable[[], str]
    environment: Mapping[str, str]
    step: Callable[[str], None]
    audit: tuple[Coming, ...]

    def placed(self, now: datetime, *, resumed: bool) -> tuple[Path, ...]:
        """Write all of it beside its place, and let it take that; returns what was put aside. *resumed*: one was cut off."""
        far = bool(self._schema) and not isinstance(read_address(self.settings.database), SqliteFile)
        journal.unstage(self._targets)
        try:
            self._stage()
            self.step("staged")
            moves = tuple(journal.moves_for(self._targets))
            noted = Journal(
                command=self.changes.command,
                backup=digest_of(self.tar),
                stamp=journal.stamp_for(now, self._targets),
                loading=far,
                moves=moves,
            )
            journal.note(noted, self.settings)
        except OSError as error:
            self._undone(resumed)
            where = error.filename or self.settings.store
            raise Unavailable(f"{where} cannot be written: {error.strerror}; nothing was restored") from error
        except BaseException:
            self._undone(resumed)
            raise
        self.step("noted")
        if far:
            noted = self._load_far(noted)
            self.step("loaded")
        return journal.finish(noted, self.settings, self.step)

    def _undone(self, resumed: bool) -> None:
        """Nothing was restored. If one was cut off before, its note stays: the rows at the server may be the new ones."""
        journal.unstage(self._targets)
        if not resumed:
            journal.forget(self.settings)

    def _load_far(self, noted: Journal) -> Journal:
        """Give the rows to the server, in one transaction. If that is rolled back, the restore never began."""
        sent = False
        try:
            with _opened(self.settings, self.environment) as database, database.writing() as connection:
                load(connection, self._schema, self.secrets.rows(), meant(self.verified.backup), forward=self.changes.forward)
                sent = True  # from here on, the answer to the commit may be lost
        except BaseException:
            if not sent:
                self._undone(resumed=False)
            raise
        return journal.loaded(noted, self.settings)

    @property
    def _schema(self) -> str:
        return self.verified.backup.database.schema

    @property
    def _targets(self) -> tuple[Path, ...]:
        """Every path that is replaced, in the order in which that is done."""
        address = read_address(self.settings.database)
        return (
            *(() if self.log.keep else (self.settings.store, *(path for path, _ in self.log.memories))),
            *((address.path,) if isinstance(address, SqliteFile) else ()),
            *folders(self.settings).values(),
            *single_files(self.settings).values(),
            *key_files(self.settings).values(),
            *(path for one in self.audit for path in one.targets),
            *self.changes.also,
        )

    def _stage(self) -> None:
        if not self.log.keep:
            _stage_store(self.tar, staged(self.settings.store))
            for path, what in self.log.memories:
                _write(staged(path), canonical(dump(what)))
        self.step("staged the store")
        over = self.changes.files
        for place, folder in folders(self.settings).items():
            for name in (one for one in {**dict.fromkeys(self.tar.names), **over} if one.startswith(f"{place}/")):
                data = over[name] if name in over else self.tar.read(name, MOST_FILE)
                _write(staged(folder) / name.removeprefix(f"{place}/"), data, mode=0o644)
            for name in hidden_in(folder) if self.changes.command != RESTORE else ():
                _copy(folder / name, staged(folder) / name)
        for name, path in single_files(self.settings).items():
            if name in self.tar.names:
                _write(staged(path), self.tar.read(name, MOST_FILE))
        _stage_keys(self.secrets, self.settings, self.passphrase)
        for one in self.audit:
            folder = one.place.logs
            for path, data in one.files(self.secrets.audit()):
                inside = path.is_relative_to(folder)
                _write(staged(folder) / path.relative_to(folder) if inside else staged(path), data)
            for name in one.others:
                _copy(folder / name, staged(folder) / name)
        for path, write in self.changes.also.items():
            make_private(path.parent)
            write(staged(path))
        self.step("staged the files")
        address = read_address(self.settings.database)
        if isinstance(address, SqliteFile) and self._schema:
            self._stage_database(replace(address, path=staged(address.path)))

    def _stage_database(self, address: SqliteFile) -> None:
        with connected(address, self.settings.tier) as database:
            with database.writing() as connection:
                load(connection, self._schema, self.secrets.rows(), meant(self.verified.backup), forward=self.changes.forward)
            database.write_ahead()


def _refuse_other_site(verified: Verified, settings: Settings) -> None:
    theirs = verified.backup.site
    if settings.site and theirs and settings.site != theirs:
        raise Refused(
            f"the backup is of the site {theirs!r}, but this is {settings.site!r} (ARCOPS_SITE); nothing was restored. To let "
            f"this machine be {theirs!r} from now on, set ARCOPS_SITE to that"
        )


def _log(verified: Verified, settings: Settings, permitted: Permitted) -> _Log:
    """Compare the backup's log with the one here and with what this machine remembers. Raises `Refused` for a fork."""
    said, lines = verified.backup.log, verified.lines
    memory = Memory(settings.memory, settings.store)
    recalled = memory.recall()
    here = read_whole(settings.store / "log")
    common = min(len(here), len(lines))
    if here[:common] != lines[:common]:
        raise Refused(
            f"the log here and the backup's are two that differ: one of the first {common:,} entries of {settings.store} is "
            "another; nothing was restored. Find out which of the two is true, and move the other one away with its memory"
        )
    sizes = {one.what.size for one in recalled}
    roots = trees(here if len(here) > len(lines) else lines, sizes)
    for one in recalled:
        known = one.what
        if known.origin != said.origin:
            raise Refused(f"this machine remembers the log {known.origin!r} ({one.path}), but the backup's is {said.origin!r}")
        if known.size in roots and roots[known.size].root.hex() != known.root:
            raise Refused(
                f"the backup's log is not the one that this machine remembers: its first {known.size:,} entries are others "
                f"({one.path}); nothing was restored. Find out which of the two is true"
            )
        if known.size > max(len(here), len(lines)) and not permitted.lost:
            raise Refused(
                f"the backup's log has {len(lines):,} entries, but this machine remembers {known.size:,} ({one.path}): "
                f"{known.size - len(lines):,} that came later would be lost; nothing was restored. Use a newer backup, or say "
                "--lose-newer"
            )
    if len(here) > len(lines):
        return _Log(keep=True)
    newest = max((one for one in (said.newest, *(r.what.newest for r in recalled)) if one is not None), default=None)
    what = Remembered(
        store=str(settings.store),
        origin=said.origin,
        size=said.entries,
        bytes=sum(map(len, lines)) + len(lines),
        root=said.root,
        newest=newest,
        signed=said.entries,
    )
    return _Log(keep=False, memories=tuple((path, what) for path in memory.paths))


def _stage_store(tar: SignedTar, folder: Path) -> None:
    prefix = f"{STORE}/objects/"
    make_private(folder / "objects")
    for name in tar.names:
        if name.startswith(prefix):
            path = object_path(folder, f"sha256:{name.removeprefix(prefix)}")
            _write(path, tar.read(name, MOST_EVIDENCE), mode=0o444)
    for name in ("origin", "log", "checkpoint"):
        _write(folder / name, tar.read(f"{STORE}/{name}", tar.size(f"{STORE}/{name}")))


def _stage_keys(secrets: Secrets, settings: Settings, passphrase: Callable[[], str]) -> None:
    """The keys. A private key that lay unencrypted is encrypted now, with the passphrase of the backup."""
    for name, path in key_files(settings).items():
        data = secrets.keys.get(name)
        if data is None:
            continue
        if name.endswith(".pub"):
            _write(staged(path), data, mode=0o644)
        elif b"ENCRYPTED" in data:
            _write(staged(path), data)
        else:
            make_private(path.parent)
            key = load_signer(str(path), lambda what: "", pem=data.decode())
            try:
                said = passphrase()
            except Refused as error:
                raise Refused(
                    f"{name} in the backup is not encrypted, and comes back only with a passphrase: {error}"
                ) from error
            save(key, staged(path), said)  # type: ignore[arg-type]  # what a PEM holds is a key in memory


def _copy(path: Path, there: Path) -> None:
    """Copy what is at *path*, whatever it is: no reader of ours follows a link there."""
    make_private(there.parent)
    if path.is_dir() and not path.is_symlink():
        shutil.copytree(path, there, symlinks=True)
    else:
        shutil.copy2(path, there, follow_symlinks=False)


def _write(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    make_private(path.parent)
    write_new(path, data, mode=mode)


@contextmanager
def _database(settings: Settings, environment: Mapping[str, str]) -> Iterator[Database | None]:
    """The database here, if there is one."""
    address = read_address(settings.database)
    if isinstance(address, SqliteFile) and not address.path.exists():
        yield None
        return
    with _opened(settings, environment) as database:
        yield database


def _opened(settings: Settings, environment: Mapping[str, str]) -> Database:
    return connected(read_address(settings.database), settings.tier, settings.database_password, environment)
