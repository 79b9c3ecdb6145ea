"""The host of this process: what a door serves hosted servers with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError
from flows.place import Place

if TYPE_CHECKING:
    from services.host.hosting import Hosting

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class HostingHere:
    """``hosting`` runs the servers; ``healthy`` says what is wrong, or nothing; ``close`` closes the database."""

    hosting: Hosting
    healthy: Callable[[], str]
    close: Callable[[], None]


def hosting_here(at: Place, environment: Mapping[str, str]) -> HostingHere:
    """The host of the servers that the database at *at* names, which need not answer yet.

    Raises `Refused` for an address that is not one, or that the tier does not reach.
    """
    from foundation.database.address import read_address
    from foundation.database.engine import connected
    from foundation.database.lease import Leases, new_holder
    from foundation.database.migrating import ready
    from foundation.processes.keeping import Keeping
    from services.host.hosting import Hosting
    from services.host.logfile import LogFiles
    from services.host.rows import Rows
    from services.host.site import homes_in, logs_in, provisioning, verdicts

    database = connected(read_address(at.settings.database), at.settings.tier, at.settings.database_password, environment)
    holder, rows = new_holder(), Rows(database)
    made = Hosting(
        rows,
        Leases(database, holder),
        provisioning(at.settings, database, holder, environment=environment, tell=_told),
        Keeping(),
        verdicts(at.settings, at.now),
        host=holder,
        home=homes_in(at.settings),
        environment=environment,
        logs=LogFiles(logs_in(at.settings)).add,
        prepare=partial(ready, database),
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
