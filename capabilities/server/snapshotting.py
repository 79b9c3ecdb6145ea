"""Take a snapshot of the hosts' configuration, and say what is other now than in one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.clock import Ahead, ahead
from arcops.errors import Refused
from arcops.policy import SKEW
from capabilities.contract import Scope, tool
from capabilities.policy.approving import own_public
from capabilities.server.place import author, database, kept_database
from flows.place import Place

if TYPE_CHECKING:
    from artifacts.host_snapshot import HostSnapshot
    from foundation.database.engine import Database

MOST_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HostSnapshotTake:
    """Nothing is asked: the whole configuration is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SnapshotTaken:
    """The snapshot. ``content`` is the digest of the configuration: the same as long as nothing changes. ``artifact`` is the
    digest of the signed snapshot in the store, and ``bundle`` are its bytes.
    """

    site: str
    content: str
    artifact: str
    bundle: str
    servers: tuple[str, ...]
    files: tuple[str, ...]


@tool(title="Take a snapshot of the hosts' configuration", scope=Scope.TRUST)
def host_snapshot(ask: HostSnapshotTake, at: Place) -> SnapshotTaken:
    """Sign and keep the configuration of this site's hosts: rows with their locks and what is allowed, registered policies,
    access policy, limits; and where the host stands (tier, addresses). Secrets are in it by reference only.
    """
    from artifacts.bundle import seal_statement
    from artifacts.host_snapshot import HOST_SNAPSHOT, HostSnapshot, content_of
    from artifacts.store import Store

    with settled(at) as there:
        from services.host.snapshots.reading import configuration, surroundings

        found = configuration(there, at.settings)
    signer = at.signer()
    made = HostSnapshot(
        site=at.settings.site,
        by=author(at),
        taken=at.now(),
        surroundings=surroundings(at.settings),
        configuration=found,
    )
    bundle = seal_statement(HOST_SNAPSHOT.statement(made), signer)
    with Store.at(at.settings) as store:
        artifact = store.put(bundle, {}, at=at.now(), signer=signer).artifact
    return SnapshotTaken(
        site=made.site,
        content=content_of(found),
        artifact=artifact,
        bundle=bundle.decode(),
        servers=tuple(one.name for one in found.servers),
        files=tuple(f"{one.place}/{one.name}" for one in found.files),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDrift:
    """Which snapshot to compare with now."""

    snapshot: str = field(metadata=shaped(positional=True, text_of=MOST_BYTES, digest=True))
    """The snapshot (its file on the command line), or its digest in the store (sha256:…)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFound:
    """What is other now than in the snapshot: ``lines`` of the configuration, which a restore puts back, and ``moved`` of the
    tier and addresses, which it does not.
    """

    site: str
    taken: datetime
    by: str
    content: str
    now: str
    lines: tuple[str, ...]
    moved: tuple[str, ...]

    @property
    def same(self) -> bool:
        """Is the configuration that of the snapshot, byte for byte?"""
        return self.content == self.now


@tool(title="Compare the hosts' configuration with a snapshot", scope=Scope.READ, reads_only=True)
def host_drift(ask: HostDrift, at: Place) -> DriftFound:
    """Say what of the hosts' configuration is other now than in a snapshot. Refused if the snapshot does not count here."""
    from artifacts.host_snapshot import content_of

    snapshot = opened(bytes_of(ask.snapshot, at), at)
    with kept_database(at) as there:
        from services.host.snapshots.known import changes
        from services.host.snapshots.reading import configuration, differences, surroundings

        now = configuration(there, at.settings)
    return DriftFound(
        site=snapshot.site,
        taken=snapshot.taken,
        by=snapshot.by,
        content=content_of(snapshot.configuration),
        now=content_of(now),
        lines=differences(snapshot.configuration, now),
        moved=changes(snapshot.surroundings, surroundings(at.settings)),
    )


def bytes_of(named: str, at: Place) -> bytes:
    """The bytes of an artifact: given as text, or by its digest in the store."""
    if not named.startswith("sha256:"):
        return named.encode()
    from artifacts.store import Store

    with Store.at(at.settings) as store:
        return store.get(named)


def opened(data: bytes, at: Place) -> HostSnapshot:
    """The snapshot in *data*, if it counts here: signed by a key that is trusted and not revoked, of this site, in this format.

    Raises `Refused`, in one sentence.
    """
    from artifacts.host_snapshot import HOST_SNAPSHOT
    from artifacts.vouch import vouch
    from tasks.signing.grounds import grounds

    vouched = vouch(data, grounds(at.settings.trust), at.now())
    found = HOST_SNAPSHOT.read(vouched.statement)
    if found.site != at.settings.site:
        mine = f"named {at.settings.site!r}" if at.settings.site else "without a name"
        theirs = f"the site {found.site!r}" if found.site else "a site without a name"
        raise Refused(
            f"the snapshot is of {theirs}, and this site is {mine} (ARCOPS_SITE); a snapshot is restored at its own site"
        )
    if not found.site and not set(vouched.signers) & set(own_public(at)):
        raise Refused(
            "the snapshot is of a site without a name, and this site's own key did not sign it, so it may be another site's; "
            "name the site (ARCOPS_SITE) before a snapshot is taken"
        )
    if ahead(found.taken, at=at.now(), skew=SKEW) is Ahead.OUTSIDE:
        raise Refused(f"the snapshot says that it was taken at {found.taken}, which is in the future; compare the clocks")
    return found


@contextmanager
def settled(at: Place) -> Iterator[Database]:
    """The database, after a restore that was cut off has ended."""
    with database(at) as there:
        settle(there, at)
        yield there


def settle(there: Database, at: Place) -> None:
    """End a restore that was cut off, if there is one. Raises as `finished` does."""
    from services.host.snapshots.restoring import alone, cut_off, finished

    if cut_off(at.settings):
        with alone(at.settings):
            finished(there, at.settings)
