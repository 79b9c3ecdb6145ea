"""The rows of hosted servers in the database: versions with their authors, what may run, and what each host says of it."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, literal_column, select, update
from sqlalchemy.types import BigInteger

from arcops.errors import Refused
from artifacts.wire import canonical_bytes, digest
from foundation.database.engine import Database
from foundation.database.tables import (
    HOSTED,
    HOSTED_ALLOWED,
    HOSTED_LOCKS,
    HOSTED_SHARES,
    HOSTED_STATES,
    HOSTED_VERDICTS,
)
from services.host.lock import Lock
from services.host.row import HostedRow, Judgement, Said, Version
from services.host.sharing import shares_of
from services.host.spec import Spec, launching
from services.host.versions import add_lock, add_version, count_from_now, names_of_packages, versions_of

__all__ = ["HostedRow", "Judgement", "Rows", "Said", "Version"]

STATE_SECONDS = 20
"""How long what a host said of a server counts after it said it last."""


class Rows:
    """The rows in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._now = literal_column(database.clock, BigInteger)

    def put(self, name: str, spec: Spec, *, author: str, owner: str | None = None) -> HostedRow:
        """Add the server *name*, or give it a new version; nothing changes if *spec* and *owner* are what they are now."""
        with self._database.writing() as connection:
            found = self._found(connection, name)
            if found is not None and found.current.spec == spec and owner in (None, found.owner):
                return found
            number = found.current.number if found is not None else 0
            if found is None or found.current.spec != spec:
                number = self._version(connection, name, spec, author=author)
            if found is None:
                connection.execute(
                    insert(HOSTED).values(
                        name=name, version=number, enabled=1, owner=owner or author, generation=0, changed=self._now
                    )
                )
            else:
                self._change(connection, name, version=number, owner=found.owner if owner is None else owner)
            return self._there(connection, name)

    def propose(self, name: str, spec: Spec, *, author: str, fresh: bool = False) -> HostedRow:
        """The row of *name* as it would be with a version of *spec*, which does not count before `switch`.

        A version of this *spec* that was proposed before and never counted is that version, because what was interrupted goes
        on; unless a *fresh* one is wanted.
        """
        with self._database.writing() as connection:
            self._there(connection, name)
            waiting = [one for one in versions_of(connection, name) if one.spec == spec and not one.served and not fresh]
            number = waiting[-1].number if waiting else self._version(connection, name, spec, author=author, counts=False)
            return self._at(connection, name, number)

    def switch(self, name: str, number: int, *, author: str, owner: str | None = None) -> HostedRow:
        """From now on version *number* counts. Raises `Refused` if there is no such version."""
        with self._database.writing() as connection:
            self._at(connection, name, number)
            count_from_now(connection, self._database, name, number, author)
            self._change(connection, name, version=number, **({} if owner is None else {"owner": owner}))
            return self._there(connection, name)

    def at(self, name: str, number: int) -> HostedRow | None:
        """The row of *name* as it is, or would be, with version *number*; ``None`` if there is no such row."""
        with self._database.reading() as connection:
            return self._found(connection, name, number)

    def back(self, name: str, number: int, *, author: str, counts: bool = True) -> HostedRow:
        """Make a new version that is as version *number* was, with its lock; without *counts* it is only proposed, and the
        row is given as it would be. Raises `Refused` if there is no such version.
        """
        with self._database.writing() as connection:
            self._there(connection, name)
            old = next((one for one in versions_of(connection, name) if one.number == number), None)
            if old is None:
                raise Refused(f"{name} has no version {number}; 'arcops host history {name}' lists them")
            new = self._version(connection, name, old.spec, old.lock, author=author, counts=counts)
            if counts:
                self._change(connection, name, version=new)
            return self._at(connection, name, new)

    def enable(self, name: str, enabled: bool) -> HostedRow:
        """Let the server run, or stop it on every host."""
        with self._database.writing() as connection:
            if self._there(connection, name).enabled != enabled:
                self._change(connection, name, enabled=int(enabled))
            return self._there(connection, name)

    def restart(self, name: str) -> HostedRow:
        """Every host ends the processes that it has of the server; the next request starts them again."""
        with self._database.writing() as connection:
            self._there(connection, name)
            self._change(connection, name, generation=HOSTED.c.generation + 1)
            return self._there(connection, name)

    def remove(self, name: str) -> HostedRow:
        """Remove the row. Its versions stay, for the record; what was allowed of it, and to others, is not any more."""
        with self._database.writing() as connection:
            found = self._there(connection, name)
            connection.execute(delete(HOSTED).where(HOSTED.c.name == name))
            connection.execute(delete(HOSTED_ALLOWED).where(HOSTED_ALLOWED.c.name == name))
            connection.execute(delete(HOSTED_VERDICTS).where(HOSTED_VERDICTS.c.name == name))
            connection.execute(delete(HOSTED_SHARES).where(HOSTED_SHARES.c.name == name))
            return found

    def lock(self, name: str, number: int, lock: Lock) -> None:
        """Note what the package of a version was resolved to; the first word counts, and a second one changes nothing."""
        with self._database.writing() as connection:
            add_lock(connection, self._database, name, number, canonical_bytes(lock).decode())

    def allow(self, name: str, digest: str, *, author: str, number: int | None = None) -> HostedRow:
        """Let the lock with this *digest* run as *name*: that of the version that counts, or of version *number*."""
        with self._database.writing() as connection:
            found = self._there(connection, name) if number is None else self._at(connection, name, number)
            if found.current.lock is None or found.current.lock.digest != digest:
                raise Refused(
                    f"{digest[:100]} is not the digest of what {name} resolves to now; 'arcops host resolve {name}' shows it"
                )
            values = {"name": name, "digest": digest, "author": author, "made": self._now}
            connection.execute(self._database.insert(HOSTED_ALLOWED).values(values).on_conflict_do_nothing())
            return self._there(connection, name)

    def deny(self, name: str) -> HostedRow:
        """Allow nothing of *name* any more."""
        with self._database.writing() as connection:
            self._there(connection, name)
            connection.execute(delete(HOSTED_ALLOWED).where(HOSTED_ALLOWED.c.name == name))
            return self._there(connection, name)

    def judge(self, name: str, lock: str, launch: str, found: Judgement) -> HostedRow:
        """Keep the last verdict about *name* with the digests *lock* and *launch*."""
        with self._database.writing() as connection:
            self._there(connection, name)
            values = {
                "artifact": found.artifact,
                "bundle": found.bundle,
                "tools": found.tools,
                "withdrawn": found.withdrawn,
                "made": self._now,
            }
            put = self._database.insert(HOSTED_VERDICTS).values(name=name, lock=lock, launch=launch, **values)
            keys = [HOSTED_VERDICTS.c.name, HOSTED_VERDICTS.c.lock, HOSTED_VERDICTS.c.launch]
            connection.execute(put.on_conflict_do_update(index_elements=keys, set_=values))
            return self._there(connection, name)

    def judged_before(self, name: str, lock: str) -> Judgement | None:
        """The last verdict about *name* with another lock than *lock*, or ``None``."""
        asked = (
            select(HOSTED_VERDICTS)
            .where(HOSTED_VERDICTS.c.name == name, HOSTED_VERDICTS.c.lock != lock)
            .order_by(HOSTED_VERDICTS.c.made.desc())
        )
        with self._database.reading() as connection:
            rows = connection.execute(asked).all()
        found = [_judgement(one) for one in rows]
        return next((one for one in found if one.tools), found[0] if found else None)

    def withdraw(self, name: str, artifact: str, why: str) -> None:
        """The verdict *artifact* about *name* counts no more, on every host, because of *why*."""
        with self._database.writing() as connection:
            mine = (HOSTED_VERDICTS.c.name == name) & (HOSTED_VERDICTS.c.artifact == artifact)
            connection.execute(update(HOSTED_VERDICTS).where(mine).values(withdrawn=why[:2000], made=self._now))

    def one(self, name: str) -> HostedRow | None:
        """The row of *name*, or ``None``."""
        with self._database.reading() as connection:
            return self._found(connection, name)

    def there(self, name: str) -> HostedRow:
        """The row of *name*. Raises `Refused` if there is no such row."""
        with self._database.reading() as connection:
            return self._there(connection, name)

    def all(self) -> tuple[HostedRow, ...]:
        """Every row, in the order of names."""
        with self._database.reading() as connection:
            names = connection.execute(select(HOSTED.c.name).order_by(HOSTED.c.name)).scalars().all()
            return tuple(self._there(connection, one) for one in names)

    def of_packages(self, packages: Collection[str]) -> tuple[tuple[HostedRow, bool], ...]:
        """Every version of a server that is there now and runs one of *packages*, as if it was the current one; is it?"""
        with self._database.reading() as connection:
            found = []
            for name in names_of_packages(connection, packages):
                row = self._there(connection, name)
                for version in versions_of(connection, name):
                    if version.spec.package in packages:
                        current = version.number == row.current.number
                        found.append((row if current else self._as_of(connection, row, version), current))
            return tuple(found)

    def versions(self, name: str) -> tuple[Version, ...]:
        """Every version that *name* had, the newest first."""
        with self._database.reading() as connection:
            return tuple(reversed(versions_of(connection, name)))

    def changed(self) -> tuple[int, ...]:
        """Something that is another value after each change of a row, of its lock or of what is allowed."""
        made = (HOSTED.c.changed, HOSTED_ALLOWED.c.made, HOSTED_LOCKS.c.made, HOSTED_VERDICTS.c.made, HOSTED_SHARES.c.made)
        newest = tuple(func.max(one) for one in made)
        sums = (func.sum(HOSTED.c.version), func.sum(HOSTED.c.generation), func.sum(HOSTED.c.enabled))
        counts = tuple(func.count(one) for one in made)
        asked = select(*(select(func.coalesce(one, 0)).scalar_subquery() for one in (*newest, *sums, *counts)))
        with self._database.reading() as connection:
            return tuple(int(one) for one in connection.execute(asked).one())

    def say(self, said: Sequence[Said]) -> None:
        """What a host says of the servers that it runs, until `STATE_SECONDS` from now."""
        with self._database.writing() as connection:
            connection.execute(delete(HOSTED_STATES).where(HOSTED_STATES.c.until <= self._now))
            for one in said:
                values = {
                    "state": one.state,
                    "reason": one.reason[:2000],
                    "pids": json.dumps(one.pids),
                    "since": one.since,
                    "until": self._now + STATE_SECONDS * 1000,
                }
                put = self._database.insert(HOSTED_STATES).values(name=one.name, host=one.host, **values)
                keys = [HOSTED_STATES.c.name, HOSTED_STATES.c.host]
                connection.execute(put.on_conflict_do_update(index_elements=keys, set_=values))

    def said(self, name: str = "") -> tuple[Said, ...]:
        """What hosts say now, of *name* or of every server."""
        asked = (
            select(HOSTED_STATES).where(HOSTED_STATES.c.until > self._now).order_by(HOSTED_STATES.c.name, HOSTED_STATES.c.host)
        )
        with self._database.reading() as connection:
            rows = connection.execute(asked.where(HOSTED_STATES.c.name == name) if name else asked).all()
        return tuple(
            Said(
                name=one.name,
                host=one.host,
                state=one.state,
                reason=one.reason,
                pids=tuple(json.loads(one.pids)),
                since=one.since,
            )
            for one in rows
        )

    def forget(self, host: str) -> None:
        """*host* ends: what it said does not count any more."""
        with self._database.writing() as connection:
            connection.execute(delete(HOSTED_STATES).where(HOSTED_STATES.c.host == host))

    def _change(self, connection: Connection, name: str, **values: object) -> None:
        connection.execute(update(HOSTED).where(HOSTED.c.name == name).values(changed=self._now, **values))

    def _version(
        self, connection: Connection, name: str, spec: Spec, lock: Lock | None = None, *, author: str, counts: bool = True
    ) -> int:
        locked = canonical_bytes(lock).decode() if lock is not None else ""
        said = canonical_bytes(spec).decode()
        return add_version(connection, self._database, name, spec=said, lock=locked, author=author, counts=counts)

    def _there(self, connection: Connection, name: str) -> HostedRow:
        return self._at(connection, name, None)

    def _at(self, connection: Connection, name: str, number: int | None) -> HostedRow:
        found = self._found(connection, name, number)
        if found is None:
            raise Refused(f"there is no hosted server {name[:100]!r}; 'arcops host list' shows those that are there")
        return found

    def _found(self, connection: Connection, name: str, number: int | None = None) -> HostedRow | None:
        row = connection.execute(select(HOSTED).where(HOSTED.c.name == name)).one_or_none()
        if row is None:
            return None
        wanted = row.version if number is None else number
        current = next((one for one in versions_of(connection, name) if one.number == wanted), None)
        if current is None:
            raise Refused(f"{name} has no version {wanted}; 'arcops host history {name}' lists them")
        bare = HostedRow(
            name=name,
            current=current,
            enabled=bool(row.enabled),
            owner=row.owner,
            generation=row.generation,
            allowed=False,
            shares=tuple(one.share for one in shares_of(connection, name)),
        )
        return self._as_of(connection, bare, current)

    def _as_of(self, connection: Connection, row: HostedRow, version: Version) -> HostedRow:
        """*row* with *version* as the current one: who allowed its lock, and the last verdict about it."""
        lock = version.lock.digest if version.lock is not None else ""
        asked = select(HOSTED_ALLOWED).where(HOSTED_ALLOWED.c.name == row.name, HOSTED_ALLOWED.c.digest == lock)
        allowed = connection.execute(asked).one_or_none()
        about = (HOSTED_VERDICTS.c.lock == lock) & (HOSTED_VERDICTS.c.launch == digest(launching(version.spec)))
        judged = connection.execute(select(HOSTED_VERDICTS).where(HOSTED_VERDICTS.c.name == row.name, about)).one_or_none()
        return replace(
            row,
            current=version,
            allowed=allowed is not None,
            by=allowed.author if allowed is not None else "",
            allowed_at=allowed.made if allowed is not None else 0,
            judged=None if judged is None else _judgement(judged),
        )


def _judgement(row: Row[Any]) -> Judgement:
    return Judgement(artifact=row.artifact, bundle=row.bundle, tools=row.tools, withdrawn=row.withdrawn)
