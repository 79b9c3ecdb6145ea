"""From a row to what can be started: its package is resolved once for all hosts, installed here once, and not changed since."""

from __future__ import annotations

import asyncio
import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from artifacts.private_folder import make_private, refuse_if_open
from foundation.database.lease import Lease, Leases
from foundation.secrets import referred
from services.host.elsewhere import Address, headers_of, refuse_unreached
from services.host.hosted import State
from services.host.installers.workshop import Launch, Workshop, installer
from services.host.lock import Lock
from services.host.rows import HostedRow, Rows
from services.host.spec import Spec, bound_for, filled, pairs, read_package
from services.host.to_agents import refuse_agent
from tasks.server.client_credentials import credentials_in, headers_in
from tasks.server.installed_tree import look, seen

_SEAL = "sealed.json"
TREE = "tree"
_LOCK_SECONDS = 28.0
"""The lease for resolving a package: another host waits for so long if the one that resolves it is gone."""
_WAIT_SECONDS = 0.2


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """An installed lock: its ``folder``, the digest of the tree in it, and that of its ``content``, which is the same wherever
    the lock is installed.
    """

    folder: Path
    digest: str
    content: str


def folder_of(lock: Lock, below: Path) -> Path:
    """The folder below *below* in which *lock* is installed, or will be."""
    return below / lock.digest.partition(":")[2][:40]


class Provisioning:
    """Installs below *folder*, this user's alone. *tell* gets the events ``install_begin`` and ``install_complete``."""

    def __init__(
        self, rows: Rows, leases: Leases, workshop: Workshop, folder: Path, *, tell: Callable[[str, str, str], None]
    ) -> None:
        self._rows, self._leases, self._workshop, self._folder = rows, leases, workshop, folder
        self._tell = tell
        self._looks: dict[Path, tuple[bytes, Installed]] = {}
        self._locks: dict[str, asyncio.Lock] = {}

    @property
    def tier(self) -> Tier:
        """How far this host reaches."""
        return self._workshop.tier

    async def resolved(self, row: HostedRow) -> Lock:
        """The lock of *row*: what the database has, or what is resolved now, by one host for all.

        Raises `Refused` if it cannot be resolved, `Unavailable` if the database does not answer.
        """
        refuse_agent(row)
        while row.current.lock is None:
            lease = await asyncio.to_thread(self._leases.take, f"hosted/resolve/{row.name}", _LOCK_SECONDS)
            if lease is None:
                await asyncio.sleep(_WAIT_SECONDS)
                row = await self._again(row)
                continue
            try:
                row = await self._again(row)  # the host that held the lease may have resolved it
                if row.current.lock is None:
                    lease = await self._resolve(row, lease)
                    row = await self._again(row)
            finally:
                await asyncio.to_thread(self._leases.give, lease)
        return row.current.lock

    def looked_up(self, spec: Spec) -> Lock:
        """What the package of *spec* would be resolved to now; it is kept nowhere. Raises `Refused` as `resolved` does."""
        package = read_package(spec.package)
        return installer(package.source).resolve(package, self._workshop)

    async def _again(self, row: HostedRow) -> HostedRow:
        """*row*, in its version, as the database has it now. Raises `Unavailable` if it was removed."""
        found = await asyncio.to_thread(self._rows.at, row.name, row.current.number)
        if found is None:
            raise Unavailable(f"{row.name} was removed while its package was resolved")
        return found

    async def _resolve(self, row: HostedRow, lease: Lease) -> Lease:
        """Resolve the package of *row* and keep the lock; the lease as it was renewed last."""
        package = read_package(row.current.spec.package)
        work = asyncio.create_task(asyncio.to_thread(installer(package.source).resolve, package, self._workshop))
        while not (await asyncio.wait((work,), timeout=_LOCK_SECONDS / 4))[0]:
            lease = await asyncio.to_thread(self._leases.renew, lease, _LOCK_SECONDS)
        await asyncio.to_thread(self._rows.lock, row.name, row.current.number, await work)
        return lease

    async def installed(self, name: str, lock: Lock, *, say: Callable[[State, str], None]) -> Installed:
        """The folder in which *lock* is installed, unchanged since; it is installed now if it is not there.

        Raises `Refused` if it cannot be installed, or if what is there was changed.
        """
        async with self._locks.setdefault(lock.digest, asyncio.Lock()):
            folder = folder_of(lock, self._folder)
            if not folder.exists():
                say(State.INSTALLING, f"installing {lock.package}")
                self._tell("install_begin", name, lock.digest)
                await asyncio.to_thread(self._install, lock, folder)
                self._tell("install_complete", name, lock.digest)
            return await asyncio.to_thread(self._unchanged, lock, folder)

    def launch(self, row: HostedRow, at: Installed, tenant: str, environment: Mapping[str, str] | None) -> Launch:
        """How *row* is started for *tenant*, issuer and tenant in two lines. Secrets are looked up now in *environment*;
        without one, each is a word that opens nothing. Raises `Refused`.
        """
        spec = row.current.spec
        package = read_package(spec.package)
        found = installer(package.source).launch(package, at.folder / TREE, spec.command)
        bound = _bound(row, tenant)
        secrets = {one: "none" for one, _ in pairs(spec.secrets, "--secret")}
        if environment is not None:
            secrets = self._secrets(row, environment)
        return Launch(
            command=(*found.command, *(filled(one, bound) for one in spec.arguments)),
            environment={**found.environment, **_plain(row, bound), **secrets},
            secrets=tuple(secrets.values()),
            imports=found.imports,
        )

    def address(self, row: HostedRow, at: Installed, tenant: str, environment: Mapping[str, str] | None) -> Address | None:
        """The address at which *row* is asked for *tenant*, if it is one of another machine; ``None`` if it is started here.
        Secrets are looked up as for `launch`; without an *environment* they are left out. Raises `Refused`, also if the tier
        does not reach it.
        """
        package = read_package(row.current.spec.package)
        if not package.source.elsewhere:
            return None
        refuse_unreached(package.name, self.tier)  # before a secret is looked up for it
        installer(package.source).launch(package, at.folder / TREE, "")
        secrets = self._secrets(row, environment) if environment is not None else {}
        given = {**_plain(row, _bound(row, tenant)), **secrets}
        return Address(
            transport=package.source.value,
            url=package.name,
            headers=headers_of(headers_in(given)),
            credentials=credentials_in(given, package.name) if environment is not None else None,
        )

    def _secrets(self, row: HostedRow, environment: Mapping[str, str]) -> dict[str, str]:
        return {
            one: referred(environment, reference, f"secret {one}", tier=self.tier)
            for one, reference in pairs(row.current.spec.secrets, "--secret")
        }

    def _install(self, lock: Lock, folder: Path) -> None:
        """Install beside, and put it into place whole: what a crash leaves is never taken for an installation."""
        try:
            make_private(self._folder)
            refuse_if_open(self._folder, "an installed server")
            beside = Path(tempfile.mkdtemp(prefix="quarantine-", dir=self._folder))
        except OSError as error:
            raise Unavailable(f"nothing can be installed in {self._folder}: {error.strerror}") from error
        try:
            tree = beside / TREE
            tree.mkdir()
            installer(read_package(lock.package).source).install(lock, tree, self._workshop)
            said = {"lock": lock.digest, "package": lock.package, "tree": seen(tree).digest}
            (beside / _SEAL).write_text(json.dumps(said))
            beside.rename(folder)
        except OSError as error:
            raise Unavailable(f"{lock.package} cannot be installed in {self._folder}: {_why(error)}") from error
        finally:
            shutil.rmtree(beside, ignore_errors=True)

    def _unchanged(self, lock: Lock, folder: Path) -> Installed:
        """The installation, if it is what was sealed. Its files are read again if a look at it says that one may differ."""
        tree = folder / TREE
        try:
            now = look(tree)
            known = self._looks.get(folder)
            if known is not None and known[0] == now:
                return known[1]
            sealed = json.loads((folder / _SEAL).read_text())
            found = seen(tree)
        except (OSError, ValueError) as error:
            raise Refused(_changed(lock, folder)) from error
        if sealed.get("lock") != lock.digest or sealed.get("tree") != found.digest:
            raise Refused(_changed(lock, folder))
        installed = Installed(folder=folder, digest=found.digest, content=found.content)
        self._looks[folder] = (found.look, installed)
        return installed

    def sweep(self) -> None:
        """Remove what earlier hosts left of installations that did not come to their end."""
        for one in self._folder.glob("quarantine-*"):
            shutil.rmtree(one, ignore_errors=True)


def _bound(row: HostedRow, tenant: str) -> Mapping[str, str]:
    issuer, _, name = tenant.partition("\n")
    return bound_for(row.current.spec.bound, issuer, name)


def _plain(row: HostedRow, bound: Mapping[str, str]) -> dict[str, str]:
    return {one: filled(value, bound) for one, value in pairs(row.current.spec.environment, "--env")}


def _why(error: OSError) -> str:
    """What the system said; an error of `shutil` has a list of them."""
    return str(error.args[0][0][2]) if isinstance(error, shutil.Error) else error.strerror or str(error)


def _changed(lock: Lock, folder: Path) -> str:
    return (
        f"what is installed of {lock.package} in {folder} is not what was installed there, so it does not run; find out who "
        "changed it, and move the folder away: the next request installs it again"
    )
