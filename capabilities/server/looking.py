"""Look at hosted servers: which there are, how they are, what they wrote, and what their rows were."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.patches_told import proposal_for
from capabilities.server.place import ServerShown, found, kept_database, kept_rows, moment, no_server, shown
from capabilities.server.steps_shown import steps_shown
from flows.place import Place

if TYPE_CHECKING:
    from services.host.lock import Lock
    from services.host.spec import Spec

_NAME = shaped(positional=True, title="NAME", least=1, most=63)
_MOST_TEXT = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HostFind:
    """Which servers to list."""

    words: str = field(default="", metadata=shaped(most=200))
    """Only servers whose name, package or owner has all of these words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServersFound:
    """The servers, in the order of names."""

    servers: tuple[ServerShown, ...]


@tool(title="Find hosted servers", scope=Scope.READ, reads_only=True)
def host_find(ask: HostFind, at: Place) -> ServersFound:
    """List the hosted MCP servers, with their state on each host."""
    from services.host.site import verdicts

    wanted = ask.words.lower().split()
    by = verdicts(at.settings, at.now)
    with kept_rows(at) as there:
        rows = [
            one
            for one in (there.all() if there is not None else ())
            if all(word in f"{one.name} {one.current.spec.package} {one.owner}".lower() for word in wanted)
        ]
        return ServersFound(servers=tuple(shown(one, there, at, by=by) for one in rows))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostStatus:
    """Which server to show."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@tool(title="Show a hosted server", scope=Scope.READ, reads_only=True)
def host_status(ask: HostStatus, at: Place) -> ServerShown:
    """Show a hosted server: what runs, whether it may, and how it is on each host."""
    from services.host.rows import Rows

    with kept_database(at) as open_:
        if open_ is None:
            raise no_server(ask.name)
        there = Rows(open_)
        row = found(ask.name, there)
        return replace(shown(row, there, at), patch=proposal_for(row, at), steps=steps_shown(ask.name, open_))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostHistory:
    """Whose versions to list."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VersionShown:
    """One version of a row. ``spec`` has its settings that are not the usual ones, as ``name=value``. ``proposed``: no one
    switched to it.
    """

    version: int
    package: str
    author: str
    made: datetime
    digest: str
    spec: tuple[str, ...]
    proposed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryShown:
    """The versions, the newest first; ``current`` is 0 for a server that was removed."""

    name: str
    current: int
    versions: tuple[VersionShown, ...]


@tool(title="Show what a hosted server was", scope=Scope.READ, reads_only=True)
def host_history(ask: HostHistory, at: Place) -> HistoryShown:
    """List every version that a hosted server had, with its author; also those of a server that was removed."""
    with kept_rows(at) as there:
        row = there.one(ask.name) if there is not None else None
        versions = there.versions(ask.name) if there is not None else ()
    if not versions:
        raise Refused(f"there was never a hosted server {ask.name!r}")
    return HistoryShown(
        name=ask.name,
        current=row.current.number if row is not None else 0,
        versions=tuple(
            VersionShown(
                version=one.number,
                package=one.spec.package,
                author=one.author,
                made=moment(one.made),
                digest=one.lock.digest if one.lock is not None else "",
                spec=tuple(said(one.spec)),
                proposed=not one.served,
            )
            for one in versions
        ),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDiff:
    """Which versions to compare."""

    name: str = field(metadata=_NAME)
    """The server's name."""
    old: int = field(default=0, metadata=shaped(option="--from", least=0, most=1_000_000))
    """The older version; the one that counted before the newer if it is 0, or that counts now if the newer is only proposed."""
    new: int = field(default=0, metadata=shaped(option="--to", least=0, most=1_000_000))
    """The newer version; the newest if it is 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DiffShown:
    """What differs: each line begins with ``-`` for what the older version had, or ``+`` for what the newer has."""

    name: str
    old: int
    new: int
    lines: tuple[str, ...]


@tool(title="Compare two versions of a hosted server", scope=Scope.READ, reads_only=True)
def host_diff(ask: HostDiff, at: Place) -> DiffShown:
    """Say what differs between two versions of a hosted server: its settings, every file of its lock, and the files of folders
    that were deployed here.
    """
    from services.host.row import counted_before

    with kept_rows(at) as there:
        versions = {one.number: one for one in there.versions(ask.name)} if there is not None else {}
    if not versions:
        raise Refused(f"there was never a hosted server {ask.name!r}")
    new = ask.new or max(versions)
    old = ask.old or counted_before(versions.values(), new) or new
    for one in (old, new):
        if one not in versions:
            raise Refused(f"{ask.name} has no version {one}; 'arcops host history {ask.name}' lists them")
    before, after = (_lines(versions[one].spec, versions[one].lock) for one in (old, new))
    lines = [f"-{one}" for one in before if one not in after] + [f"+{one}" for one in after if one not in before]
    lines += _files_of(versions[old].spec.package, versions[new].spec.package, at)
    return DiffShown(name=ask.name, old=old, new=new, lines=tuple(lines))


def _files_of(old: str, new: str, at: Place) -> list[str]:
    """What differs between the files of two folders that were deployed here. Only the operator sees lines of them."""
    from services.host.site import deployed_in
    from services.host.spec import Source, read_package
    from services.host.updating.folders import changes

    packages, ours = [read_package(one) for one in (old, new)], deployed_in(at.settings)
    folders = [Path(one.name) for one in packages if one.source is Source.FOLDER]
    if len(folders) != 2 or any(one.parent != ours or not one.is_dir() for one in folders):
        return []
    return changes(*folders, lines=not at.remote)


def _lines(spec: Spec, lock: Lock | None) -> list[str]:
    """A version as lines: its settings, then its lock's."""
    text = lock.text.replace("\\", "") if lock is not None else ""
    return said(spec) + [f"lock: {one.strip()}" for one in text.splitlines() if one.strip()]


def said(spec: Spec) -> list[str]:
    """The package, and the settings of *spec* that are not the usual ones, as ``name=value`` in JSON."""
    import json

    from artifacts.wire import to_json
    from services.host.spec import Spec as Usual

    mine, usual = to_json(spec), to_json(Usual(package=""))
    if not isinstance(mine, dict) or not isinstance(usual, dict):
        return []
    return [f"{name}={json.dumps(value)}" for name, value in mine.items() if value != usual[name]]


@dataclass(frozen=True, slots=True, kw_only=True)
class HostLogs:
    """Whose log to show."""

    name: str = field(metadata=_NAME)
    """The server's name."""
    lines: int = field(default=100, metadata=shaped(short="-n", least=1, most=10_000))
    """How many of its last lines."""
    after: int = field(default=0, metadata=shaped(least=0))
    """Only what was written after this many bytes, which is an earlier answer's ``next``."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogsShown:
    """The lines, each with its time. ``next`` is where the next ones begin."""

    name: str
    lines: tuple[str, ...]
    next: int


@tool(title="Show what a hosted server wrote", scope=Scope.TRUST, reads_only=True)
def host_logs(ask: HostLogs, at: Place) -> LogsShown:
    """Show the last lines that a hosted server wrote to its standard error on this machine.

    They may hold what callers sent, so they are for the operator alone.
    """
    from services.host.logfile import log_file
    from services.host.site import logs_in

    with kept_rows(at) as there:
        found(ask.name, there)
    path = log_file(logs_in(at.settings), ask.name)
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            begin = ask.after if 0 < ask.after <= size else max(0, size - _MOST_TEXT) if not ask.after else 0
            file.seek(begin)
            text = file.read(_MOST_TEXT)
    except FileNotFoundError:
        return LogsShown(name=ask.name, lines=(), next=0)
    whole, newline, _ = text.rpartition(b"\n")
    lines = whole.decode("utf-8", "replace").split("\n") if newline else []
    return LogsShown(name=ask.name, lines=tuple(lines[-ask.lines :]), next=begin + len(whole) + len(newline))
