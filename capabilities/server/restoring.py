"""Restore the hosts' configuration from a snapshot: by one command, or by itself when a host's tier or address has changed."""

from __future__ import annotations

import logging
import os
import secrets
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Broken, Refused
from capabilities.contract import Scope, tool
from capabilities.server.place import author, database
from capabilities.server.snapshotting import MOST_BYTES, bytes_of, opened, settle
from flows.place import Place

if TYPE_CHECKING:
    from artifacts.host_snapshot import HostConfiguration
    from foundation.database.engine import Database

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRestore:
    """Which snapshot to restore."""

    snapshot: str = field(metadata=shaped(positional=True, text_of=MOST_BYTES, digest=True))
    """The snapshot (its file on the command line), or its digest in the store (sha256:…)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostRestored:
    """What was put back, and in how many milliseconds. ``content`` is the digest of the configuration, which is that of the
    snapshot. ``unjudged`` are servers that need a verdict before they run.
    """

    id: str
    content: str
    lines: tuple[str, ...]
    milliseconds: int
    unjudged: tuple[str, ...] = ()


@tool(title="Restore the hosts' configuration", scope=Scope.TRUST, destructive=True)
def host_restore(ask: HostRestore, at: Place) -> HostRestored:
    """Make the hosts' configuration that of a snapshot, byte for byte: rows, what is allowed, policies, access policy, limits.

    Everything is checked first. It is done whole or not at all, also if it is killed. Servers that are not in the snapshot are
    removed, and their history stays. Refused for a snapshot of another site, without a signer that counts, or of a newer
    format.
    """
    with database(at) as there:
        return restored_from(bytes_of(ask.snapshot, at), there, at, began=at.now())


def restored_from(data: bytes, there: Database, at: Place, *, began: datetime) -> HostRestored:
    """Restore the snapshot in *data*, which began to be needed at *began*. Raises as `host_restore`."""
    import time

    from artifacts.host_snapshot import content_of
    from artifacts.objects import digest_of
    from services.host.figures.records import Ending, Kind, record
    from services.host.snapshots.reading import configuration, differences
    from services.host.snapshots.restoring import alone, finished, refuse_wrong, restored

    start = time.monotonic()
    wanted = opened(data, at).configuration
    refuse_wrong(wanted, at.settings)
    _refuse_files(wanted, at)
    content = content_of(wanted)
    id_ = secrets.token_hex(8)
    with alone(at.settings):
        finished(there, at.settings)
        before = configuration(there, at.settings)
        if content_of(before) != content:
            restored(id_, wanted, artifact=digest_of(data), author=author(at), database=there, settings=at.settings)
            if content_of(configuration(there, at.settings)) != content:
                raise Broken("the configuration was restored, and is not that of the snapshot")
    milliseconds = round((time.monotonic() - start) * 1000)
    lines = differences(before, wanted)
    record(there, Kind.RESTORE, at.settings.site or "a site without a name", began, at.now(), Ending.DONE)
    _log.info("hosts' configuration restored: %s, %d changes, %d ms", content, len(lines), milliseconds)
    return HostRestored(id=id_, content=content, lines=lines, milliseconds=milliseconds, unjudged=_unjudged(there))


def noticed(there: Database, at: Place) -> tuple[str, ...]:
    """Notice the place of this machine's host; return what is other than when it began last, one line each.

    If something is, or if no host was ever seen (the database is new), the snapshot that ``ARCOPS_HOST_RESTORE`` names is
    restored. Raises `Refused` if that cannot be: then nothing is served from a configuration that may be lost.
    """
    from artifacts.reading import read_file
    from services.host.snapshots.known import Known, changes
    from services.host.snapshots.reading import surroundings

    began = at.now()
    settle(there, at)
    known = Known(there, os.uname().nodename)
    now, before = surroundings(at.settings), known.last()
    found = changes(before, now) if before is not None else ()
    for one in found:
        _log.warning("this host's place has changed since it began last: %s", one)
    if at.settings.host_restore is not None and (found or known.first()):
        done = restored_from(read_file(at.settings.host_restore, MOST_BYTES), there, at, began=began)
        _log.warning("restored by itself from %s: %s", at.settings.host_restore.name, done.content)
    if before != now:
        known.note(now)
    return found


def _refuse_files(wanted: HostConfiguration, at: Place) -> None:
    """Raise `Refused` if the snapshot's policies, access policy or limits could not be read after a restore."""
    from dataclasses import replace

    from artifacts.writing import write_new
    from capabilities.access.known import authorization, known_objects
    from flows.policies.registered import registered_policies
    from foundation.limits.reading import parse_limits
    from services.host.snapshots.places import ACCESS, LIMITS, POLICIES

    objects = known_objects()
    with tempfile.TemporaryDirectory(prefix="arcops-restoring-") as scratch:
        folders = {POLICIES: Path(scratch) / POLICIES, ACCESS: Path(scratch) / ACCESS}
        for folder in folders.values():
            folder.mkdir(mode=0o700)
        for file in wanted.files:
            if file.place == LIMITS:
                parse_limits(file.text.encode(), where="the snapshot's limits", actions=objects.actions, groups=objects.groups)
            else:
                write_new(folders[file.place] / file.name, file.text.encode(), mode=0o600)
        registered_policies(folders[POLICIES])
        if any(file.place == ACCESS for file in wanted.files):
            wrong = authorization(replace(at.settings, access=folders[ACCESS], access_named=True)).policy().wrong
            if wrong:
                raise Refused(f"the snapshot's access policy would deny everything: {wrong}")


def _unjudged(there: Database) -> tuple[str, ...]:
    from services.host.rows import Rows

    return tuple(one.name for one in Rows(there).all() if one.judged is None)
