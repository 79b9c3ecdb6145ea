"""Python servers that are forked for each session, from one process that has imported what they need (``--warm``).

There is one such process for each version of a row and each tenant that has processes of its own, in the same box as a server
that is started. It ends with the row's version, when the row is stopped, and when no one used it for a while.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from arcops.errors import Refused
from foundation.processes import zygote
from foundation.processes.keeping import Keeping, Kept
from foundation.processes.zygote import Zygote
from services.host.errors_told import Errors
from services.host.held_to_its_row import its_box
from services.host.installers.workshop import Launch
from services.host.provisioning import Installed
from services.host.rows import HostedRow

COOL_SECONDS = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    name: str
    version: int
    generation: int
    tenant: str
    tree: str


class Warmed:
    """The processes that servers are forked from, kept by *keeping*. For the thread of one event loop."""

    def __init__(self, keeping: Keeping) -> None:
        self._keeping = keeping
        self._there: dict[_Key, Zygote] = {}
        self._locks: dict[_Key, asyncio.Lock] = {}

    async def forked(
        self,
        row: HostedRow,
        installed: Installed,
        launch: Launch,
        home: Path,
        tenant: str,
        *,
        environment: Mapping[str, str],
        said: Callable[[str], None],
    ) -> tuple[Kept, Zygote]:
        """A fork of *row*, and what ends it. Raises `Refused` if *launch* is no Python server, and `Unavailable`."""
        if not launch.imports:
            raise Refused(f"{row.name} is no Python server, so it cannot be forked; leave --warm out")
        key = _Key(
            name=row.name,
            version=row.current.number,
            generation=row.generation,
            tenant=tenant,
            tree=installed.digest,
        )
        async with self._locks.setdefault(key, asyncio.Lock()):
            found = self._there.get(key)
            if found is None or found.ended:
                found = await self._started(key, row, installed, launch, home, environment, said)
        return await found.fork(environment), found

    async def _started(
        self,
        key: _Key,
        row: HostedRow,
        installed: Installed,
        launch: Launch,
        home: Path,
        environment: Mapping[str, str],
        said: Callable[[str], None],
    ) -> Zygote:
        python, *_ = launch.command
        alike = launch.command[3] == "-c"
        run, arguments = (launch.command[4], launch.command[5:]) if alike else ("", launch.command[4:])
        text = zygote.told(run, arguments, module=launch.imports if alike else "", file="" if alike else launch.imports)
        whole = replace(launch, command=(python, "-I", "-B", "-c", zygote.source(), text))
        ours, theirs = zygote.control()
        kept = await self._keeping.begin(
            whole.command,
            box=its_box(row, installed, whole, home),
            environment=environment,
            folder=str(home),
            stdin=(os.dup(ours.fileno()), theirs.detach()),
        )
        os.close(kept.stdin)
        os.close(kept.stdout)
        loop = asyncio.get_running_loop()
        file = os.fdopen(kept.stderr, "rb", 0)
        await loop.connect_read_pipe(lambda: Errors(said, launch.secrets), file)
        made = Zygote(kept, ours, self._keeping)
        made.empty = lambda: self._empty(key, made, row.current.spec.idle_seconds)
        self._there[key] = made
        kept.ended.add_done_callback(lambda _: self._gone(key, made))
        for other in [one for one in self._there if one.name == key.name and one.version != key.version]:
            if not self._there[other].forks:
                self._there[other].close()
        await made.ready()
        return made

    def _empty(self, key: _Key, made: Zygote, seconds: float) -> None:
        """Its last session ended: it waits a while for the next one."""
        asyncio.get_running_loop().call_later(seconds, self._cold, key, made)

    def _cold(self, key: _Key, made: Zygote) -> None:
        if not made.forks and not made.ended:
            made.close()

    def _gone(self, key: _Key, made: Zygote) -> None:
        if self._there.get(key) is made:
            del self._there[key]
            self._locks.pop(key, None)

    def cool(self, name: str) -> None:
        """End those of the server *name*, when their sessions have ended: it may not run any more, or as it is."""
        for key, made in list(self._there.items()):
            if key.name == name:
                del self._there[key]
                made.empty = made.close
                if made.forks:
                    asyncio.get_running_loop().call_later(COOL_SECONDS, made.close)
                else:
                    made.close()
