"""What the capabilities of hosted servers share: the rows, who changes them, and how they are shown."""

from __future__ import annotations

import getpass
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from arcops.errors import Refused
from flows.place import Place

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from services.host.rows import HostedRow, Rows
    from services.host.verdicts import Verdicts

_BEGINNING = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSaid:
    """What one host says of a server: its state, why, since when, and its processes there."""

    host: str
    state: str
    reason: str
    since: datetime
    pids: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchShown:
    """What is proposed because ``known`` speaks against the version that counts; ``fixes`` say where each of it is fixed.

    ``version`` was judged (``verdict``), and is 0 if none could be proposed; ``missing`` says why, or why it may not run.
    ``base`` is the image that an image was built on, and ``newer_base`` the digest of a newer one that is there. ``artifact``
    is the signed proposal, ``raised`` when it was made.
    """

    version: int
    verdict: str
    known: str
    fixes: tuple[str, ...]
    missing: str
    base: str
    newer_base: str
    raised: datetime
    artifact: str

    @property
    def may_count(self) -> bool:
        """Is there a version that may take over?"""
        return bool(self.version) and not self.missing


@dataclass(frozen=True, slots=True, kw_only=True)
class StepShown:
    """A step on the way to ``version``: resolve, install, gate, start, handshake or mount. ``outcome`` is done, doing, failed,
    lost (the process that did it is gone) or waiting. ``milliseconds`` is how long it took, or takes by now; ``said`` why it
    failed.
    """

    step: str
    outcome: str
    version: int
    milliseconds: int = 0
    said: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerShown:
    """A hosted server; ``kind`` is ``agent`` if it is one that speaks A2A, which is kept and not called.

    ``digest`` is that of its lock, empty until its package was resolved; ``allowed`` says if someone allowed that lock,
    ``enabled`` if the operator lets the server run. ``verdict`` is the one by which it may run; without one,
    ``missing`` says why it may not, and who can repair that. ``artifact`` is the last one about it as its row is now, of
    ``judged_at`` and valid until ``valid_until``, if it may run by it. ``hosts`` are those that say something of it now.
    ``patch`` is what is proposed because something became known about it, and ``steps`` say how far the last version is, or
    was, that was made ready: only if one server is shown.
    """

    name: str
    version: int
    package: str
    owner: str
    enabled: bool
    digest: str
    allowed: bool
    hosts: tuple[HostSaid, ...]
    verdict: str = ""
    missing: str = ""
    artifact: str = ""
    judged_at: datetime | None = None
    valid_until: datetime | None = None
    kind: str = "server"
    patch: PatchShown | None = None
    steps: tuple[StepShown, ...] = ()

    @property
    def done_to(self) -> str:
        """As records name it: with the digest of its lock, if it has one."""
        return f"servers/{self.name}@{self.digest}" if self.digest else f"servers/{self.name}"

    @property
    def state(self) -> str:
        """In one word: the first host that does more than wait, or what the row says."""
        if not self.enabled:
            return "Stopped"
        return next((one.state for one in self.hosts if one.state != "Pending"), "Pending")


@contextmanager
def database(at: Place) -> Iterator[Database]:
    """The open database. Raises as `opened` does."""
    from foundation.database.opening import opened  # with SQLAlchemy it costs start-up time

    with opened(at.settings) as found:
        yield found


@contextmanager
def kept_database(at: Place) -> Iterator[Database | None]:
    """The database for one who only looks: one that is not there is not made."""
    from foundation.database.late import is_made

    if not is_made(at.settings):
        yield None
        return
    with database(at) as found:
        yield found


@contextmanager
def kept_rows(at: Place) -> Iterator[Rows | None]:
    """The rows for one who only looks: a database that is not there is not made, and has no rows."""
    with kept_database(at) as found:
        if found is None:
            yield None
            return
        from services.host.rows import Rows

        yield Rows(found)


@contextmanager
def rows(at: Place) -> Iterator[Rows]:
    """The rows of hosted servers."""
    with database(at) as found:
        from services.host.rows import Rows

        yield Rows(found)


def author(at: Place) -> str:
    """Who makes a change. A caller over the network is in the audit log."""
    if at.remote:
        return "a caller over the network (audit log)"
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return "the operator"


def who(at: Place) -> str:
    """Who says something that is shown to others: the caller by issuer, tenant and id, or who works on this machine."""
    caller = at.caller
    return f"{caller.issuer},{caller.tenant},{caller.id}" if caller is not None else author(at)


def moment(milliseconds: int) -> datetime:
    """A time of the database, in *milliseconds* since 1970."""
    return _BEGINNING + timedelta(milliseconds=milliseconds)


def shown(row: HostedRow, there: Rows | None, at: Place, *, by: Verdicts | None = None) -> ServerShown:
    """*row* as it is now, with what hosts say; judged *by* what says which servers may run, if the caller has that already."""
    from services.host.site import verdicts
    from services.host.spec import is_agent

    lock, report, missing = row.current.lock, None, ""
    try:
        report = (by or verdicts(at.settings, at.now)).standing(row).report
    except Refused as error:
        missing = str(error)
    return ServerShown(
        name=row.name,
        version=row.current.number,
        package=row.current.spec.package,
        owner=row.owner,
        enabled=row.enabled,
        digest=lock.digest if lock is not None else "",
        allowed=row.allowed,
        hosts=tuple(
            HostSaid(
                host=one.host,
                state=one.state,
                reason=one.reason,
                since=moment(one.since),
                pids=one.pids,
            )
            for one in (there.said(row.name) if there is not None else ())
        ),
        verdict=report.verdict.value if report is not None else "",
        missing=missing,
        artifact=row.judged.artifact if row.judged is not None else "",
        judged_at=report.judged_at if report is not None else None,
        valid_until=report.valid_until if report is not None else None,
        kind="agent" if is_agent(row.current.spec) else "server",
    )


def found(name: str, there: Rows | None) -> HostedRow:
    """The row of *name*. Raises `Refused` if there is no such row."""
    row = there.one(name) if there is not None else None
    if row is None:
        raise no_server(name)
    return row


def no_server(name: str) -> Refused:
    """The error of one who asks for the server *name*, which is not there."""
    return Refused(f"there is no hosted server {name[:100]!r}; 'arcops host list' shows those that are there")
