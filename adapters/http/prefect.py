"""Prefect's server for a sovereign site: on loopback, behind the front, with a password, and without calls home.

The front shows its pages and API below ``/prefect``. It runs as its own process, with its calls home turned off, old runs
removed after a time, and a limit on its memory. A second process is the worker of this machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import secrets
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from uuid import UUID

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID
from starlette.routing import BaseRoute, Mount

from adapters.http.app import DoorPart
from adapters.http.proxied import Proxied
from adapters.http.supervised import Supervised
from arcops.errors import Refused
from arcops.tier import Tier
from artifacts.private_folder import make_private
from artifacts.reading import read_file
from artifacts.writing import replace_whole
from flows.prefect.at_once import AtOnce
from flows.prefect.quiet import QUIET
from foundation.egress import web
from foundation.egress.permission import Purpose
from foundation.processes import environments
from foundation.processes.starting import python

PATH = "/prefect"
POOL = "arcops"
PUT = "deployments-are-put"
"""The file in Prefect's folder by which the worker says that deployments and automations are there."""
AUTHORITIES = "authorities.pem"
"""The file in Prefect's folder with the one authority that its clients here believe: none that exists."""
RUNS = "runs.socket"
"""The socket in Prefect's folder at which runs are handed to a process that has imported what they need."""
ENGINE = "prefect.engine"
_AGAINST_FORGERY = ("PREFECT_SERVER_CSRF_PROTECTION_ENABLED", "PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED")
"""The settings by which an operator switches on that each client of Prefect's server shows a token."""
_YES = ("1", "true", "yes", "on", "t", "y")
_CEILING = 2 * 1024**3
_LOOK_SECONDS = 30.0
_POLL_SECONDS = "0.5"
_KEEP_SECONDS = 90 * 24 * 3600
_MOST_SECRET = 4096
_PAST = datetime(2000, 1, 1, tzinfo=UTC)
_PURPOSE = Purpose(
    what="PREFECT_API_URL",
    form="use one like http://127.0.0.1:4200/api",
    instead="the server that arcops runs here is on this machine",
)


_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrefectSite:
    """``home`` is Prefect's folder, ``port`` the loopback port of its server, ``url`` the front's own address."""

    home: Path
    port: int
    url: str
    password: str

    @property
    def api(self) -> str:
        """The API's address for programs on this machine."""
        return f"http://127.0.0.1:{self.port}/api"


def site(home: Path, port: int, url: str, environment: Mapping[str, str]) -> PrefectSite:
    """The site at *home*. The operator sets its password (``PREFECT_SERVER_API_AUTH_STRING``), or it is made once and kept."""
    given = environment.get("PREFECT_SERVER_API_AUTH_STRING", "")
    if given and ":" not in given:
        raise Refused("PREFECT_SERVER_API_AUTH_STRING must have the form user:password")
    make_private(home)
    made = PrefectSite(home=home, port=port, url=url, password=given or _kept_password(home / "auth"))
    replace_whole(home / AUTHORITIES, _no_authority(), mode=0o600)
    return made


def _no_authority() -> bytes:
    """A certificate whose private key is forgotten, as PEM: OpenSSL takes no empty list of authorities."""
    key = Ed25519PrivateKey.generate()
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "no authority")])
    made = x509.CertificateBuilder(name, name, key.public_key(), serial_number=1, not_valid_before=_PAST, not_valid_after=_PAST)
    return made.sign(key, None).public_bytes(Encoding.PEM)


def _kept_password(path: Path) -> str:
    if path.exists():
        return read_file(path, _MOST_SECRET).decode().strip()
    made = f"arcops:{secrets.token_urlsafe(24)}"
    replace_whole(path, f"{made}\n".encode(), mode=0o600)
    return made


def at_once(of: PrefectSite) -> AtOnce:
    """What begins runs of that site without its worker: it hands them to the process that is warm."""
    return AtOnce(pool=POOL, runs=of.home / RUNS, log=of.home / "runs.log")


def part(where: PrefectSite, environment: Mapping[str, str], *, at_once: AtOnce | None) -> DoorPart:
    """The part of the front that shows Prefect and runs its server.

    With *at_once* it also creates our deployments there, and works on them: by that, and by a worker.
    """
    server = Supervised(
        name="Prefect's server",
        command=_lasting("prefect", "server", "start", "--host", "127.0.0.1", "--port", str(where.port)),
        environment=server_environment(where, environment),
        log=where.home / "server.log",
        ceiling=int(environment.get("ARCOPS_PREFECT_MEMORY", "") or _CEILING),
        ready=lambda: answers(where.api),
    )
    running = [server.running()]
    probes = {"prefect": lambda: server.said}
    processes = [server]
    if at_once is not None:
        told = worker_environment(where, environment)
        warm = Supervised(
            name="Prefect's runs",
            command=_lasting("foundation.processes.warm", str(where.home / RUNS), ENGINE, "flows.prefect.warm"),
            environment=told,
            log=where.home / "runs.log",
            ceiling=sys.maxsize,  # as for the worker: these are the checks
            ready=(where.home / RUNS).exists,  # while it is not, each run is a process of its own, which begins later
        )
        at_work = Supervised(
            name="Prefect's worker",
            command=_lasting("adapters.http.worker"),
            environment=told,
            log=where.home / "worker.log",
            ceiling=sys.maxsize,  # a check of a large model needs its memory; its own limits apply
            ready=(where.home / PUT).exists,
        )
        for said in (PUT, RUNS):
            (where.home / said).unlink(missing_ok=True)
        running += [warm.running(), at_work.running(), at_once.running()]
        processes += [warm, at_work]
        probes["worker"] = lambda: at_work.said
        running.append(_ending_silent_runs())
    pages = Proxied(f"http://127.0.0.1:{where.port}", _behind)
    running.append(pages.running())

    @contextlib.asynccontextmanager
    async def everything() -> AsyncIterator[None]:
        async with contextlib.AsyncExitStack() as stack:
            for one in running:
                await stack.enter_async_context(one)
            yield

    routes: list[BaseRoute] = [Mount(PATH, app=pages)]
    return DoorPart(routes=routes, running=everything(), probes=probes, processes=processes)


@contextlib.asynccontextmanager
async def _ending_silent_runs() -> AsyncIterator[None]:
    """Look for runs that lost their worker and their process, or their artifact, for as long as the block runs."""
    looking = asyncio.ensure_future(_look_for_silent_runs())
    try:
        yield
    finally:
        looking.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await looking


async def _look_for_silent_runs() -> None:
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        try:
            lost = await asyncio.to_thread(_end_silent_runs)
        except Exception as error:  # Prefect may not answer now; the next look is soon
            _log.warning("could not look for lost runs of Prefect: %s: %s", type(error).__name__, error)
        else:
            for run in lost:
                _log.error("the run %s of Prefect is lost: it sends no heartbeat, or ended without an artifact", run)


def _end_silent_runs() -> tuple[UUID, ...]:
    ended: tuple[UUID, ...] = asyncio.run(import_module("flows.prefect.lost").see_to_all())
    return ended


def _lasting(module: str, *arguments: str) -> list[str]:
    """The command of a child that ends when this process ends."""
    return python(module, *arguments, ends_with_us=signal.SIGTERM)


def _behind(path: str) -> str:
    """The path at Prefect's server: its pages know our prefix, its API does not."""
    inside = path.removeprefix(PATH)
    return inside if inside.startswith("/api/") else path


def server_environment(where: PrefectSite, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of Prefect's server, without our keys. The operator's own settings of Prefect stay, except those that
    would open it or make it call out.
    """
    defaults = {
        # In memory, as Prefect keeps them, leases are lost with the server, and a run that cannot renew its own is ended.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_ENABLED": "events,flow_runs,orphans",
        "PREFECT_SERVER_SERVICES_DB_VACUUM_RETENTION_PERIOD": str(_KEEP_SECONDS),
    }
    fixed = {
        **QUIET,
        "PREFECT_HOME": str(where.home),
        "PREFECT_SERVER_API_AUTH_STRING": where.password,
        "PREFECT_SERVER_UI_SERVE_BASE": PATH,
        "PREFECT_SERVER_UI_API_URL": f"{where.url}{PATH}/api",
        "PREFECT_SERVER_UI_STATIC_DIRECTORY": str(where.home / "ui"),
        "PREFECT_SERVER_UI_SHOW_PROMOTIONAL_CONTENT": "false",
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": where.url,
        "PREFECT_API_URL": where.api,
    }
    return {**defaults, **environments.of_server(environment), **fixed}


def worker_environment(where: PrefectSite, environment: Mapping[str, str]) -> dict[str, str]:
    """The environment of the worker and of its runs. It asks for work twice a second, because people wait for a check."""
    return {
        "PREFECT_WORKER_QUERY_SECONDS": _POLL_SECONDS,
        **environments.of_sealer(environment),
        **client_environment(where, environment),
    }


def client_environment(where: PrefectSite, environment: Mapping[str, str]) -> dict[str, str]:
    """What programs on this machine need to reach Prefect's server, which runs in that *environment*."""
    tokens = any(environment.get(name, "").lower() in _YES for name in _AGAINST_FORGERY)
    return {
        # Each client would ask for a token that this server does not give, before the first thing that it changes.
        **({} if tokens else {"PREFECT_CLIENT_CSRF_SUPPORT_ENABLED": "false"}),
        **QUIET,
        "PREFECT_HOME": str(where.home),
        "PREFECT_API_URL": where.api,
        "PREFECT_API_AUTH_STRING": where.password,
        # It is the same installation; each client would ask for it before it asks for anything.
        "PREFECT_CLIENT_SERVER_VERSION_CHECK_ENABLED": "false",
        # Each client would read the authorities of the whole world, although this API is on this machine and has no TLS.
        "PREFECT_API_SSL_CERT_FILE": str(where.home / AUTHORITIES),
    }


def answers(api: str) -> bool:
    """Does Prefect's API answer at *api*, on this machine? Raises `Refused` for another machine."""
    return web.answers(Tier.AIR_GAPPED, f"{api}/health", _PURPOSE, seconds=2.0)
