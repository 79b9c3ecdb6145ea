"""A hosted server is started: as a process in its box, or, if it is one of another machine, as a pipe to its address."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path

from foundation.processes.environments import of_program
from foundation.processes.keeping import Keeping
from services.host.elsewhere import pipe_to
from services.host.held_to_its_row import its_box
from services.host.pipe import HostedPipe
from services.host.process_pipe import Ends, ProcessPipe
from services.host.provisioning import Installed, Provisioning
from services.host.remote.bearer import Bearers
from services.host.rows import HostedRow
from services.host.warmed import Warmed


class Starting:
    """Starts what *provisioning* installed. A process is kept by *keeping* and may write below *home*; secrets are looked up in
    *environment* at each start. Certificates of servers of other machines come from *authorities* (PEM; the usual if empty).
    """

    def __init__(
        self,
        provisioning: Provisioning,
        keeping: Keeping,
        *,
        home: Path,
        environment: Mapping[str, str],
        authorities: str = "",
    ) -> None:
        self._provisioning, self._keeping, self._home, self._environment = provisioning, keeping, home, environment
        self._authorities = authorities
        self._bearers = Bearers(tier=provisioning.tier)
        self._warmed = Warmed(keeping)

    def cool(self, name: str) -> None:
        """The server *name* may not run any more, or as it is: end what it is forked from."""
        self._warmed.cool(name)

    async def started(
        self,
        row: HostedRow,
        installed: Installed,
        tenant: str,
        *,
        look: Callable[[bytes], bool],
        said: Callable[[str], None],
    ) -> HostedPipe:
        """The pipe to the server of *row* for *tenant*, issuer and tenant in two lines. *look* is asked for each of its
        messages; *said* gets each line of its standard error, if it has one here. Raises `Refused` and `Unavailable`.
        """
        address = await asyncio.to_thread(self._provisioning.address, row, installed, tenant, self._environment)
        if address is not None:
            there = pipe_to(
                address,
                tier=self._provisioning.tier,
                seconds=float(row.current.spec.call_seconds),
                bearer=self._bearers.of(address.credentials) if address.credentials is not None else None,
                authorities=self._authorities,
            )
            there.look = look
            return there
        launch = self._provisioning.launch(row, installed, tenant, self._environment)
        home = self._home / row.name
        await asyncio.to_thread(partial(home.mkdir, mode=0o700, parents=True, exist_ok=True))
        environment = {**of_program(str(home)), **launch.environment}
        ends: Ends = self._keeping
        if row.current.spec.warm:
            kept, ends = await self._warmed.forked(row, installed, launch, home, tenant, environment=environment, said=said)
        else:
            box = its_box(row, installed, launch, home)
            kept = await self._keeping.begin(launch.command, environment=environment, folder=str(home), box=box)
        pipe = ProcessPipe(kept, ends, said=said, secrets=launch.secrets)
        pipe.look = look
        await pipe.begin()
        return pipe
