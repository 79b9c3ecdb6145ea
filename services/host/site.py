"""The rooms of hosted servers on this machine: the database's rows, and the folders in which they are installed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import datetime
from functools import partial
from pathlib import Path

from flows.policies.registered import registered_policy
from foundation.database.engine import Database
from foundation.database.lease import Leases
from foundation.secrets import key_files
from foundation.settings import Settings
from services.host.installers.workshop import Workshop
from services.host.known_since import KnownSince
from services.host.lock import Lock
from services.host.provisioning import Provisioning, folder_of
from services.host.rows import Rows
from services.host.spec import Source, Spec, read_package
from services.host.verdicts import Verdicts
from tasks.signing.grounds import grounds

SERVERS, OWN_SERVERS = "server", "own-servers"
"""The policies that come with ArcOps: for packages of others, and for folders of this machine, which are this site's own."""


def installed_in(settings: Settings) -> Path:
    """The folder of installations."""
    return settings.hosted / "installed"


def mirrored_in(settings: Settings) -> Path:
    """The folder of files that mirrors brought."""
    return settings.hosted / "mirrored"


def attested_in(settings: Settings, lock: Lock) -> Path:
    """The folder with the attestations of publishers that were put beside *lock*."""
    return settings.hosted / "attested" / lock.digest.partition(":")[2][:40]


def deployed_in(settings: Settings) -> Path:
    """The folder with the files of every folder that was deployed, as they were then."""
    return settings.hosted / "deployed"


def homes_in(settings: Settings) -> Path:
    """The folder of what servers may write."""
    return settings.hosted / "homes"


def logs_in(settings: Settings) -> Path:
    """The folder of their logs."""
    return settings.hosted / "logs"


def provisioning(
    settings: Settings,
    database: Database,
    holder: str,
    *,
    environment: Mapping[str, str] = os.environ,
    alive: Callable[[], object] = bool,
    tell: Callable[[str, str, str], None],
) -> Provisioning:
    """What resolves and installs here, as *holder*."""
    shop = workshop(settings, environment=environment, alive=alive)
    return Provisioning(Rows(database), Leases(database, holder), shop, installed_in(settings), tell=tell)


def workshop(
    settings: Settings, *, environment: Mapping[str, str] = os.environ, alive: Callable[[], object] = bool
) -> Workshop:
    """What installers work with here."""
    return Workshop(
        tier=settings.tier,
        cache=settings.cache / "hosted",
        environment=environment,
        secrets=key_files(settings.key),
        alive=alive,
        mirror=mirrored_in(settings),
    )


def policy_of(settings: Settings, spec: Spec) -> str:
    """The name of the policy that judges *spec* here: the site's, or one of those that come with ArcOps, by its source."""
    if settings.hosted_policy:
        return settings.hosted_policy
    return OWN_SERVERS if read_package(spec.package).source is Source.FOLDER else SERVERS


def costs_in(settings: Settings) -> Path:
    """The folder of the events of cost that the database did not take yet."""
    return settings.hosted / "costs"


def verdicts(settings: Settings, now: Callable[[], datetime]) -> Verdicts:
    """What says which servers may run here: by the keys, the revocations and the policy of this machine, as they are now."""
    return Verdicts(
        partial(grounds, settings.trust),
        lambda spec: registered_policy(policy_of(settings, spec), settings.policies),
        now,
        KnownSince(settings.data, lambda lock: folder_of(lock, installed_in(settings))),
    )
