"""The rows of releases and of what waits for approvals. What is released is decided by the log; its rows are made from it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import Enum

from sqlalchemy import Connection, Row, func, insert, literal_column, select, update
from sqlalchemy.types import BigInteger

from amend.client.rules import Claim
from arcops.errors import Refused
from arcops.quoting import quoted
from artifacts.client_release import EVERYONE
from foundation.database.engine import Database
from foundation.database.tables import CONFIG_PUBLICATIONS, CONFIG_RELEASES


class State(Enum):
    """Of a publication."""

    WAITING = "waiting"
    RELEASED = "released"
    WITHDRAWN = "withdrawn"


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What one publishing made: an envelope for each release record, with the payloads, the draft and the policy set behind it.

    ``payloads`` are texts by artifact id; ``policy`` and ``draft`` are the bytes of both as text,
    ``claims`` those of the one who published.
    """

    id: str
    state: State
    draft: str
    policy: str
    envelopes: tuple[str, ...]
    payloads: tuple[tuple[str, str], ...]
    claims: tuple[Claim, ...]
    made: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Released:
    """One release in the log at ``position``; ``document`` is the JSON that clients get."""

    position: int
    record: str
    client: str
    profile: str
    schema: str
    artifact: str
    version: str
    percent: int
    issued_at: datetime
    document: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """Which releases to list: each that is named, and the newest first. Times include ``since`` and exclude ``until``."""

    client: str = ""
    profile: str = ""
    version: str = ""
    artifact: str = ""
    since: datetime | None = None
    until: datetime | None = None
    limit: int = 1000


_LOCK = 0x61726366
"""The number of the lock of those who release, in PostgreSQL."""


class Rows:
    """The rows in *database*. Methods raise `Unavailable` if it does not answer."""

    def __init__(self, database: Database) -> None:
        self.database = database
        self._now = literal_column(database.clock, BigInteger)

    def put(self, connection: Connection, one: Publication) -> None:
        """Keep a new publication, or the new signatures and state of one that is there."""
        said = json.dumps(
            {
                "draft": one.draft,
                "policy": one.policy,
                "envelopes": one.envelopes,
                "payloads": one.payloads,
                "claims": [(each.name, each.values) for each in one.claims],
            },
            ensure_ascii=False,
        )
        if self._publication(connection, one.id) is None:
            values = {"id": one.id, "state": one.state.value, "said": said, "made": _millis(one.made)}
            connection.execute(insert(CONFIG_PUBLICATIONS).values(values))
        else:
            where = CONFIG_PUBLICATIONS.c.id == one.id
            connection.execute(update(CONFIG_PUBLICATIONS).where(where).values(state=one.state.value, said=said))

    def one_writer(self, connection: Connection) -> None:
        """Let in no other one who releases until this transaction ends. SQLite lets in one writer at a time by itself."""
        if self.database.kind == "postgresql":
            connection.execute(select(func.pg_advisory_xact_lock(_LOCK)))

    def publication(self, connection: Connection, given: str) -> Publication:
        """The publication whose id begins with *given*. Raises `Refused` if none or more than one does."""
        if not given or not given.isalnum():
            raise Refused("name the id of a publication; 'arcops conf waiting' lists them")
        asked = select(CONFIG_PUBLICATIONS).where(CONFIG_PUBLICATIONS.c.id.startswith(given, autoescape=True)).limit(2)
        found = connection.execute(asked).all()
        if len(found) != 1:
            what = "there is no publication" if not found else "more than one publication has an id that begins with"
            raise Refused(f"{what} {quoted(given, 70)}; 'arcops conf waiting' lists them")
        return _publication(found[0])

    def waiting(self) -> tuple[Publication, ...]:
        """What waits for approvals, the oldest first."""
        where = CONFIG_PUBLICATIONS.c.state == State.WAITING.value
        with self.database.reading() as connection:
            found = connection.execute(select(CONFIG_PUBLICATIONS).where(where).order_by(CONFIG_PUBLICATIONS.c.made)).all()
        return tuple(map(_publication, found))

    def release(self, connection: Connection, one: Released) -> None:
        """Note a release that is in the log; noting it again changes nothing."""
        values = {
            "position": one.position, "record": one.record, "client": one.client, "profile": one.profile, "schema": one.schema,
            "artifact": one.artifact, "version": one.version, "percent": one.percent, "issued": _millis(one.issued_at),
            "document": one.document,
        }  # fmt: skip
        connection.execute(self.database.insert(CONFIG_RELEASES).values(values).on_conflict_do_nothing())

    def newest(self, connection: Connection, client: str, profile: str, schema: str) -> Released | None:
        """The newest release for these, for whichever part of the clients."""
        c = CONFIG_RELEASES.c
        asked = select(CONFIG_RELEASES).where((c.client == client) & (c.profile == profile) & (c.schema == schema))
        found = connection.execute(asked.order_by(c.position.desc()).limit(1)).one_or_none()
        return _released(found) if found is not None else None

    def list(self, chosen: Chosen) -> tuple[Released, ...]:
        """The releases that *chosen* names, the newest first."""
        c = CONFIG_RELEASES.c
        asked = select(CONFIG_RELEASES)
        for column, value in ((c.client, chosen.client), (c.profile, chosen.profile), (c.version, chosen.version)):
            if value:
                asked = asked.where(column == value)
        if chosen.artifact:
            asked = asked.where(c.artifact == chosen.artifact)
        if chosen.since is not None:
            asked = asked.where(c.issued >= _millis(chosen.since))
        if chosen.until is not None:
            asked = asked.where(c.issued < _millis(chosen.until))
        with self.database.reading() as connection:
            return tuple(map(_released, connection.execute(asked.order_by(c.position.desc()).limit(chosen.limit)).all()))

    def profiles(self, client: str) -> tuple[str, ...]:
        """The profiles in which something was released for *client*."""
        c = CONFIG_RELEASES.c
        with self.database.reading() as connection:
            asked = select(c.profile).where(c.client == client).distinct().order_by(c.profile)
            return tuple(connection.execute(asked).scalars())

    def after(self, position: int, most: int) -> tuple[Released, ...]:
        """The *most* first releases after *position* of the log, in its order."""
        c = CONFIG_RELEASES.c
        asked = select(CONFIG_RELEASES).where(c.position > position).order_by(c.position).limit(most)
        with self.database.reading() as connection:
            return tuple(map(_released, connection.execute(asked).all()))

    def extent(self) -> tuple[int, int]:
        """The position of the newest release (-1 if there is no release), and how many releases there are."""
        with self.database.reading() as connection:
            asked = select(func.coalesce(func.max(CONFIG_RELEASES.c.position), -1), func.count(CONFIG_RELEASES.c.position))
            position, count = connection.execute(asked).one()
        return int(position), int(count)

    def count_after(self, position: int) -> int:
        """How many releases there are after *position* of the log."""
        asked = select(func.count(CONFIG_RELEASES.c.position)).where(CONFIG_RELEASES.c.position > position)
        with self.database.reading() as connection:
            return int(connection.execute(asked).scalar_one())

    def release_of(self, record: str) -> Released | None:
        """The release with this record; ``None`` if it has no row."""
        with self.database.reading() as connection:
            found = connection.execute(select(CONFIG_RELEASES).where(CONFIG_RELEASES.c.record == record)).one_or_none()
        return _released(found) if found is not None else None

    def changed_after(self, position: int) -> tuple[tuple[str, str, str], ...]:
        """The client, profile and schema of what was released after *position* of the log, each once."""
        c = CONFIG_RELEASES.c
        # Each once by us: to do that, SQLite reads a whole index, however little is new.
        asked = select(c.client, c.profile, c.schema).where(c.position > position)
        with self.database.reading() as connection:
            return tuple(dict.fromkeys((one.client, one.profile, one.schema) for one in connection.execute(asked)))

    def standing(self, client: str, profile: str, schema: str) -> tuple[Released, ...]:
        """The newest release for everyone, and the canaries after it, in the order of the log."""
        c = CONFIG_RELEASES.c
        mine = (c.client == client) & (c.profile == profile) & (c.schema == schema)
        whole = select(func.coalesce(func.max(c.position), -1)).where(mine & (c.percent >= EVERYONE)).scalar_subquery()
        with self.database.reading() as connection:
            asked = select(CONFIG_RELEASES).where(mine & (c.position >= whole)).order_by(c.position)
            return tuple(map(_released, connection.execute(asked).all()))

    def all_of(self, client: str, profile: str) -> tuple[Released, ...]:
        """Everything that was released for *client* in *profile*, in the order of the log."""
        c = CONFIG_RELEASES.c
        with self.database.reading() as connection:
            asked = select(CONFIG_RELEASES).where((c.client == client) & (c.profile == profile)).order_by(c.position)
            return tuple(map(_released, connection.execute(asked).all()))

    def _publication(self, connection: Connection, given: str) -> Publication | None:
        found = connection.execute(select(CONFIG_PUBLICATIONS).where(CONFIG_PUBLICATIONS.c.id == given)).one_or_none()
        return _publication(found) if found is not None else None


def _publication(row: Row[tuple[object, ...]]) -> Publication:
    said = json.loads(row.said)
    return Publication(
        id=row.id,
        state=State(row.state),
        draft=said["draft"],
        policy=said["policy"],
        envelopes=tuple(said["envelopes"]),
        payloads=tuple((artifact, payload) for artifact, payload in said["payloads"]),
        claims=tuple(Claim(name=name, values=tuple(values)) for name, values in said["claims"]),
        made=_moment(row.made),
    )


def _released(row: Row[tuple[object, ...]]) -> Released:
    return Released(
        position=row.position,
        record=row.record,
        client=row.client,
        profile=row.profile,
        schema=row.schema,
        artifact=row.artifact,
        version=row.version,
        percent=row.percent,
        issued_at=_moment(row.issued),
        document=row.document,
    )


def _millis(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _moment(millis: int) -> datetime:
    return datetime.fromtimestamp(millis / 1000, UTC)


def cohort(client: str, salt: str) -> int:
    """The number, 0 to 99, of a client in the cohorts of a release: the same client has another one in another release."""
    import hashlib

    return int.from_bytes(hashlib.sha256(f"{salt}\n{client}".encode()).digest()[:8], "big") % 100
