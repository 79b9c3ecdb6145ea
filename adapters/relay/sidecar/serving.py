"""The process of the sidecar: two ports, a configuration that is read again, and an end that drops no call."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import FrameType
from typing import Any

import uvicorn
from starlette.types import ASGIApp

from adapters.relay.serve import Serving, config
from adapters.relay.sidecar.health import Health
from adapters.relay.sidecar.made import Sidecar
from adapters.relay.sidecar.memory import give_back
from adapters.relay.sidecar.named import Named, names_of

LOOK_SECONDS = 2.0
_TICK_SECONDS = 0.1
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the sidecar ends: it serves on for ``linger`` seconds, because balancers hear of it late, and then until no call is
    under way, for at most ``drain`` seconds.
    """

    linger: float = 2.0
    drain: float = 25.0


class _Beside(uvicorn.Server):
    """A server that another one of the same process ends, so that it takes no signals."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class SidecarServer(Serving):
    """Serves *sidecar*, and its health beside."""

    def __init__(self, made: uvicorn.Config, sidecar: Sidecar, beside: uvicorn.Config, probed: Any, ending: Ending) -> None:
        super().__init__(made, sidecar.relay, None)
        self._sidecar, self._ending = sidecar, ending
        self._health, self._probed = _Beside(beside), probed
        self._tasks: list[asyncio.Task[Any]] = []
        self._running: contextlib.AsyncExitStack = contextlib.AsyncExitStack()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """A first signal begins the end; a second one is the end."""
        if self._sidecar.draining or sig != signal.SIGTERM:
            super().handle_exit(sig, frame)
            return
        self._captured_signals.append(signal.Signals(sig))
        self._sidecar.draining = True

    async def startup(self, sockets: Any = None) -> None:
        """As uvicorn's; what runs beside begins first, so that nothing is served by half."""
        await self._running.enter_async_context(self._sidecar.alone.running())
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._health.serve(sockets=[self._probed])),
            loop.create_task(self._looking()),
            loop.create_task(self._drained()),
        ]
        await super().startup(sockets)

    async def shutdown(self, sockets: Any = None) -> None:
        """As uvicorn's; the probes are answered to the end."""
        await super().shutdown(sockets)
        await self._running.aclose()
        self._health.should_exit = True
        for task in self._tasks[1:]:
            task.cancel()
        await asyncio.wait(self._tasks[:1], timeout=2.0)

    async def _looking(self) -> None:
        changed = True
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            if changed:  # what the start, or new policies, needed
                await asyncio.to_thread(give_back)
            changed = await asyncio.to_thread(self._sidecar.look)

    async def _drained(self) -> None:
        while not self._sidecar.draining:
            await asyncio.sleep(_TICK_SECONDS)
        loop = asyncio.get_running_loop()
        begun = loop.time()
        _log.info("this replica ends: it serves on for %.0f seconds, and until no call is under way", self._ending.linger)
        while loop.time() - begun < self._ending.drain:
            if loop.time() - begun >= self._ending.linger and not self._busy():
                break
            await asyncio.sleep(_TICK_SECONDS)
        self.should_exit = True

    def _busy(self) -> int:
        return self._sidecar.alone.busy + self._sidecar.relay.sessions.waiting


def server(sidecar: Sidecar, counted: Mapping[tuple[str, str], int], probed: Any, ending: Ending) -> SidecarServer:
    """The server of *sidecar*, whose health is at the socket *probed*. *counted* is for the metrics."""
    tls = sidecar.config.tls
    app: ASGIApp = Named(app=sidecar.relay, names=names_of(sidecar.config))
    made = config(app)
    made.timeout_keep_alive = 75
    if tls is not None:
        made.ssl_certfile, made.ssl_keyfile = tls.certificate_path, tls.key_path
        if tls.client_authorities_path:
            made.ssl_ca_certs, made.ssl_cert_reqs = tls.client_authorities_path, 2  # ssl.CERT_REQUIRED
    return SidecarServer(made, sidecar, config(Health(sidecar=sidecar, counted=counted)), probed, ending)
