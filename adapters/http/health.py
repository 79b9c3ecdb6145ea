"""Probes: is the process alive, has it started, and can it do its work now?

``/livez`` says that the event loop runs, and what else a restart repairs. ``/readyz`` names each thing that the work needs.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

Probe = Callable[[], str]
"""Empty if all is well; if not, what is wrong, in one sentence without folders or secrets."""
_DEADLINE_SECONDS = 3.0


@dataclass(slots=True, kw_only=True)
class Health:
    """``probes`` are called in threads, each within three seconds. ``started`` becomes true when everything is served.
    ``alive`` is what only a restart repairs. ``notes`` are said at ``/readyz``, too, but this process is ready all the same:
    another one would say the same.
    """

    probes: Mapping[str, Probe]
    notes: Mapping[str, Probe] = field(default_factory=dict)
    alive: Mapping[str, Probe] = field(default_factory=dict)
    started: bool = False
    _busy: dict[str, asyncio.Task[str]] = field(default_factory=dict)

    def routes(self) -> list[BaseRoute]:
        """The routes of the probes."""
        return [Route("/livez", self._live), Route("/readyz", self._ready), Route("/startupz", self._startup)]

    async def _live(self, _: Request) -> Response:
        return _answer({"process": "", **{name: probe() for name, probe in self.alive.items()}})

    async def _startup(self, _: Request) -> Response:
        return _answer({"startup": "" if self.started else "not everything is served yet"})

    async def _ready(self, _: Request) -> Response:
        notes = {name: said for name, note in self.notes.items() if (said := note())}
        return _answer(await self.said() | ({} if self.started else {"startup": "not everything is served yet"}), notes)

    async def said(self) -> dict[str, str]:
        """The answer of each probe now."""
        names = list(self.probes)
        return dict(zip(names, await asyncio.gather(*(self._ask(name) for name in names)), strict=True))

    async def _ask(self, name: str) -> str:
        # A probe that hangs is called once, and not again for each request.
        task = self._busy.get(name)
        if task is None:
            task = self._busy[name] = asyncio.ensure_future(asyncio.to_thread(self.probes[name]))
            task.add_done_callback(lambda _: self._busy.pop(name, None))
        try:
            return await asyncio.wait_for(asyncio.shield(task), _DEADLINE_SECONDS)
        except TimeoutError:
            return f"did not answer within {_DEADLINE_SECONDS:.0f} seconds"
        except Exception as error:
            return f"could not be asked: {type(error).__name__}"


def _answer(said: Mapping[str, str], notes: Mapping[str, str] | None = None) -> Response:
    ready = not any(said.values())
    body: dict[str, object] = {"ready": ready, "parts": {name: what or "ok" for name, what in said.items()}}
    if notes:
        body["notes"] = notes
    return JSONResponse(body, status_code=200 if ready else 503, headers={"Cache-Control": "no-store"})
