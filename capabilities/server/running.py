"""The host of this process: what a door serves hosted servers with."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError, Unavailable
from capabilities.server.advisories import keep_advisory
from flows.place import Place

if TYPE_CHECKING:
    from capabilities.server.patching import Patched
    from foundation.database.engine import Database
    from foundation.database.lease import Leases
    from foundation.limits.ledger import Ledger
    from services.host.costs.meter import Meter
    from services.host.hosting import Hosting
    from services.host.peers import Peers
    from services.host.updating.repeating import Repeating

_log = logging.getLogger(__name__)
_PATCH = ("host", "patch", "--by-itself", "--format", "json")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostingHere:
    """``hosting`` runs the servers; ``healthy`` says what is wrong, or nothing; ``close`` closes the database.

    ``meter`` measures what calls cost, and ``ledger`` decides by their quotas. ``authorities`` are the certificates (PEM) that
    those of other machines must come from; empty: the usual ones.
    """

    hosting: Hosting
    meter: Meter
    ledger: Ledger
    healthy: Callable[[], str]
    close: Callable[[], None]
    authorities: str = ""


def hosting_here(at: Place, environment: Mapping[str, str], peers: Peers | None = None) -> HostingHere:
    """The host of the servers that the database at *at* names, which need not answer yet. *peers* are the site's other hosts.

    Raises `Refused` for an address that is not one, or that the tier does not reach.
    """
    from foundation.database.address import read_address
    from foundation.database.engine import connected
    from foundation.database.lease import Leases, new_holder
    from foundation.limits.ledger import Ledger
    from foundation.processes.keeping import Keeping
    from services.host.costs.metering import metering
    from services.host.costs.watching import Watching
    from services.host.figures.recording import Recording
    from services.host.figures.sizing import Sizing
    from services.host.hosting import Hosting
    from services.host.logfile import LogFiles
    from services.host.peers import held_at, holding
    from services.host.rows import Rows
    from services.host.site import homes_in, logs_in, provisioning, verdicts
    from tasks.server.addresses import authorities_at

    database = connected(read_address(at.settings.database), at.settings.tier, at.settings.database_password, environment)
    authorities = authorities_at(at.settings.host_authorities)
    holder, rows = new_holder(), Rows(database)
    ledger, leases = Ledger(), Leases(database, holding(holder, peers))
    recording = Recording(database)
    made = Hosting(
        rows,
        leases,
        provisioning(at.settings, database, holder, environment=environment, tell=_told),
        Keeping(),
        verdicts(at.settings, at.now),
        host=holder,
        home=homes_in(at.settings),
        environment=environment,
        logs=LogFiles(logs_in(at.settings)).add,
        prepare=partial(_prepared, database, at),
        address_of=partial(held_at, peers),
        authorities=authorities,
        record=recording.tell,
    )
    watching = Watching(database, ledger, leases, advise=partial(keep_advisory, at))
    sizing = Sizing(database, holder, made.processes)
    patching = patching_here(database, leases, at, environment)
    made.beside += (recording.always, watching.always, sizing.always, patching.always)

    def healthy() -> str:
        try:
            rows.changed()
        except ArcOpsError:
            return "the database does not answer, so no server starts; those that run go on"
        return ""

    meter = metering(at.settings, database, at.now, ledger=ledger)

    def close() -> None:
        meter.close()
        with suppress(ArcOpsError):
            recording.write()
            watching.look()  # bursts since it looked last
        database.close()

    return HostingHere(hosting=made, meter=meter, ledger=ledger, healthy=healthy, close=close, authorities=authorities)


def _prepared(database: Database, at: Place) -> None:
    """The database is ready, and what a change of this host's tier or address takes is done. Raises until both are so."""
    from capabilities.server.restoring import noticed
    from foundation.database.migrating import ready

    noticed(ready(database), at)


def patching_here(database: Database, leases: Leases, at: Place, environment: Mapping[str, str]) -> Repeating:
    """What proposes patched versions of the servers in *database* while this host serves."""
    from services.host.known_since import data_in
    from services.host.rows import Rows
    from services.host.updating.repeating import Repeating

    rows, ends = Rows(database), threading.Event()

    def work() -> None:
        for one in _patched(database, at, environment, ends).proposed:
            done = f"version {one.version} is proposed" if one.version else "no version is proposed"
            _log.warning("hosted server %s: %s; %s. %s", one.name, one.known, done, one.why or "; ".join(one.next))

    return Repeating(leases, mark=lambda: (data_in(at.settings.data), rows.changed()), work=work, stop=ends.set)


def _patched(database: Database, at: Place, environment: Mapping[str, str], ends: threading.Event) -> Patched:
    """Look once, in a process of its own, which takes nothing from the calls that this one serves.

    A key whose passphrase a person typed is open in this process alone, so then it is done here.
    """
    from artifacts.wire import from_json
    from capabilities.server.patching import BY_ITSELF, Patched, patched
    from services.host.runbooks.child import runs

    if not _opens_by_itself(at, environment):
        return patched(database, replace(at, stop=ends), by=BY_ITSELF)
    ran = runs(environment, {"ARCOPS_KEY": at.settings.key, "ARCOPS_TIER": at.settings.tier.value}, ends)(_PATCH)
    if ran.exit:
        raise Unavailable(ran.said)
    return from_json(Patched, ran.stdout)


def _opens_by_itself(at: Place, environment: Mapping[str, str]) -> bool:
    from foundation.secrets.reference import is_remote
    from foundation.secrets.signing_key import loaded_signer

    if is_remote(at.settings.key):
        return True
    passphrase = environment.get("ARCOPS_PASSPHRASE_FILE")
    if passphrase and not Path(passphrase).is_file():
        return False  # a pipe gives it once
    try:
        loaded_signer(at.settings.key, environment, at.settings.tier, None)
    except ArcOpsError:
        return False
    return True


def _told(event: str, name: str, what: str) -> None:
    _log.info("hosted server %s: %s %s", name, event, what)
