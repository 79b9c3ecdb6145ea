"""What may run: resolve a server's package into a lock, and allow that lock by its digest."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from arcops.asks import shaped
from capabilities.contract import Scope, always, tool
from capabilities.server.place import ServerShown, author, database, found, rows, shown
from flows.place import Place

_NAME = shaped(positional=True, title="NAME", least=1, most=63)
_PYPI_LINE = re.compile(r"(?m)^([A-Za-z0-9][A-Za-z0-9._-]*==[^\s;\\]+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostResolve:
    """Which server's package to resolve."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerResolved:
    """What the package is, file by file: ``packages`` are all that would be installed, ``digest`` is what is allowed.
    ``unlike`` are files of which the catalog has a digest that is not in this lock, one sentence each: the gate will be RED.
    """

    server: ServerShown
    digest: str
    runtime: str
    packages: tuple[str, ...]
    unlike: tuple[str, ...] = ()

    @property
    def done_to(self) -> str:
        """As records name it."""
        return self.server.done_to


@tool(title="Resolve a hosted server's package", scope=Scope.TRUST, idempotent=True, connects=always)
def host_resolve(ask: HostResolve, at: Place) -> ServerResolved:
    """Ask the index what a server's package and all that it needs are now, with the digest of each file, and keep that as the
    lock of this version. Nothing is installed. A version that has a lock keeps it.
    """
    import asyncio

    from foundation.database.lease import new_holder
    from services.host.site import provisioning

    with database(at) as open_:
        from services.host.rows import Rows

        there = Rows(open_)
        row = found(ask.name, there)
        resolving = provisioning(at.settings, open_, new_holder(), tell=_unheard)
        lock = asyncio.run(resolving.resolved(row))
        from gates.server.catalogued import unlike
        from services.host.catalog.known_files import known_files
        from tasks.server.locks import read_lock

        known = known_files(open_, lock.package)
        packages = read_lock(lock.package, lock.text).packages if known else ()
        return ServerResolved(
            server=shown(found(ask.name, there), there, at),
            digest=lock.digest,
            runtime=lock.runtime,
            packages=packages_of(lock.text),
            unlike=tuple(
                f"{one.file} is not the file of which the catalog ({one.entry}) has the digest {one.digest}"
                for one in unlike(packages, known)
            ),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAllow:
    """What to allow."""

    name: str = field(metadata=_NAME)
    """The server's name."""
    digest: str = field(metadata=shaped(positional=True, title="DIGEST", pattern=r"sha256:[0-9a-f]{64}"))
    """The digest of its lock, as 'arcops host resolve' shows it."""


@tool(title="Allow a hosted server to run", scope=Scope.TRUST, idempotent=True)
def host_allow(ask: HostAllow, at: Place) -> ServerShown:
    """Let the lock with this digest run. Another version, or the same package resolved to other files, is not allowed by it."""
    with rows(at) as there:
        return shown(there.allow(ask.name, ask.digest, author=author(at)), there, at)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostDeny:
    """Which server may not run."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@tool(title="Allow nothing of a hosted server", scope=Scope.TRUST, idempotent=True, destructive=True)
def host_deny(ask: HostDeny, at: Place) -> ServerShown:
    """Allow nothing of a server any more: its processes end on every host, and none starts."""
    with rows(at) as there:
        return shown(there.deny(ask.name), there, at)


def packages_of(text: str) -> tuple[str, ...]:
    """What the *text* of a lock installs, as ``NAME==VERSION`` or ``NAME@VERSION``."""
    if text.startswith("{"):
        import json

        packages = json.loads(text).get("packages", {})
        return tuple(
            sorted(f"{name.rpartition('node_modules/')[2]}@{one.get('version', '')}" for name, one in packages.items() if name)
        )
    return tuple(sorted(_PYPI_LINE.findall(text)))


def _unheard(event: str, name: str, what: str) -> None:
    """No one is told."""
