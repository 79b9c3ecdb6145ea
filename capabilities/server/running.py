"""The host of this process: what a door serves hosted servers with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError
from artifacts.reading import read_file
from flows.place import Place
from foundation.settings import Settings

if TYPE_CHECKING:
    from services.host.hosting import Hosting
    from services.host.peers import Peers

_MOST_PEM = 1 << 20
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostingHere:
    """``hosting`` runs the servers; ``healthy`` says what is wrong, or nothing; ``close`` closes the database."""

    hosting: Hosting
    healthy: Callable[[], str]
    close: Callable[[], None]


def hosting_here(at: Place, environment: Mapping[str, str], peers: Peers | None = None) -> HostingHere:
    """The host of the servers that the database at *at* names, which need not answer yet. *peers* are the site's other hosts.

    Raises `Refused` for an address that is not one, or that the tier does not reach.
    """
    from foundation.database.address import read_address
    from foundation.database.engine import connected
    from foundation.database.lease import Leases, new_holder
    from foundation.database.migrating import ready
    from foundation.processes.keeping import Keeping
    from services.host.hosting import Hosting
    from services.host.logfile import LogFiles
    from services.host.peers import held_at, holding
    from services.host.rows import Rows
    from services.host.site import homes_in, logs_in, provisioning, verdicts

    database = connected(read_address(at.settings.database), at.settings.tier, at.settings.database_password, environment)
    holder, rows = new_holder(), Rows(database)
    made = Hosting(
        rows,
        Leases(database, holding(holder, peers)),
        provisioning(at.settings, database, holder, environment=environment, tell=_told),
        Keeping(),
        verdicts(at.settings, at.now),
        host=holder,
        home=homes_in(at.settings),
        environment=environment,
        logs=LogFiles(logs_in(at.settings)).add,
        prepare=partial(ready, database),
        address_of=partial(held_at, peers),
    )

    def healthy() -> str:
        try:
            rows.changed()
        except ArcOpsError:
            return "the database does not answer, so no server starts; those that run go on"
        return ""

    return HostingHere(hosting=made, healthy=healthy, close=database.close)


def _told(event: str, name: str, what: str) -> None:
    _log.info("hosted server %s: %s %s", name, event, what)


def authorities(settings: Settings) -> str:
    """The certificates (PEM) that those of other hosts and of servers of other machines must come from; empty: the usual.

    Raises `Refused` if the file cannot be read.
    """
    return read_file(Path(settings.host_authorities), _MOST_PEM).decode() if settings.host_authorities else ""
