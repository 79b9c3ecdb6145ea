"""Hosts for tests: a database, a folder with the small server, and what hosts it."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec

from arcops.errors import Refused
from arcops.identity import Identity
from arcops.tier import Tier
from foundation.database.engine import Database
from foundation.database.lease import Leases, new_holder
from foundation.database.migrating import ready
from foundation.processes.keeping import Keeping
from services.host.eras import Era
from services.host.hosted import NotYet, State
from services.host.hosting import Hosting
from services.host.installers import folder
from services.host.installers.workshop import Workshop
from services.host.link import Link
from services.host.lock import Lock
from services.host.provisioning import Provisioning
from services.host.rows import HostedRow, Rows
from services.host.spec import Spec, read_package
from tests.foundation.database.open_here import at_server, hurried
from tests.services.host.gated import Judges

SMALL = Path(__file__).parent / "small.py"
ANN = Identity(issuer="https://login.example.org", tenant="acme", id="ann")
EVE = Identity(issuer="https://login.example.org", tenant="other", id="eve")


@dataclass
class Site:
    """A database at *address*, and a folder."""

    folder: Path
    address: str = ""
    events: list[str] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)
    judges: Judges = field(default_factory=Judges)

    def __post_init__(self) -> None:
        self.source = self.folder / "source"
        self.source.mkdir(parents=True)
        shutil.copy(SMALL, self.source / "server.py")
        self.database = self.open()
        self.rows = Rows(self.database)

    def open(self) -> Database:
        return ready(hurried(at_server(self.address or f"sqlite:///{self.folder}/database/arcops.sqlite")))

    def spec(self, **more: Any) -> Spec:
        return Spec(package=f"folder:{self.source}", command="server.py", **more)

    def allowed(self, name: str = "small", **more: Any) -> HostedRow:
        """A row that may run: its lock is allowed, and was judged."""
        row = self.rows.put(name, self.spec(**more), author="ann")
        row = self.rows.allow(name, self.locked(row).digest, author="ann")
        return self.judges.judge(self.rows, row, self.source)

    def locked(self, row: HostedRow) -> Lock:
        """The lock of *row*, whose folder is resolved now."""
        lock = folder.resolve(read_package(row.current.spec.package), self.workshop())
        self.rows.lock(row.name, row.current.number, lock)
        return lock

    def workshop(self) -> Workshop:
        return Workshop(tier=Tier.AIR_GAPPED, cache=self.folder / "cache", environment={}, secrets=())

    def host(self, database: Database | None = None, environment: dict[str, str] | None = None) -> Hosting:
        database = database or self.database
        holder = new_holder()
        leases = Leases(database, holder)
        tell = lambda event, name, what: self.events.append(event)  # noqa: E731
        return Hosting(
            Rows(database),
            leases,
            Provisioning(Rows(database), leases, self.workshop(), self.folder / "installed", tell=tell),
            Keeping(),
            self.judges.verdicts,
            host=holder,
            home=self.folder / "homes",
            environment=environment or {},
            logs=lambda name, line: self.lines.append(line),
        )

    @property
    def installed(self) -> list[Path]:
        return sorted((self.folder / "installed").glob("*"))


def hosted(work: Callable[[Hosting], Coroutine[Any, Any, None]], host: Hosting) -> None:
    """Do *work* while *host* runs."""

    async def whole() -> None:
        async with host.running():
            await work(host)

    asyncio.run(whole())


async def linked(host: Hosting, caller: Identity = ANN, session: str = "s", name: str = "small") -> Link:
    """An open link; a server that is just being changed is asked for again."""
    while True:
        try:
            link = await host.link(name, caller, session, Era.LEGACY)
        except NotYet as error:
            if error.state is not State.PENDING:
                raise
            await asyncio.sleep(0.05)
            continue
        await link.open(Era.LEGACY)
        return link


async def call(link: Link, tool: str, **arguments: object) -> Any:
    """What the small server's *tool* answers."""
    params = {"name": tool, "arguments": arguments}
    answer = await link.call("tools/call", {one: msgspec.Raw(msgspec.json.encode(value)) for one, value in params.items()})
    result = msgspec.json.decode(msgspec.json.encode(answer))["result"]
    return json.loads(result["content"][0]["text"])


async def eventually(found: Callable[[], object], what: str) -> None:
    """Wait until *found*; the limit is one that no busy machine reaches."""
    for _ in range(3000):
        if found():
            return
        await asyncio.sleep(0.02)
    raise AssertionError(f"not within a minute: {what}")


__all__ = ["ANN", "EVE", "Refused", "Site", "call", "eventually", "hosted", "linked"]
