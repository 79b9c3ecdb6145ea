"""The REST door of client configuration: reads are answered from memory, everything else calls the tool of its name."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field, replace
from typing import Any

from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route
from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.http.access import IDENTITY, Asked, Door, Guard
from adapters.http.app import DoorPart
from adapters.http.configuration_api import openapi
from adapters.http.configuration_stream import Subscribers
from adapters.http.configuring import OPERATIONS, Operation, asked_by_query
from adapters.http.formed import called
from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.identity import Identity
from artifacts.envelope import strict_json
from artifacts.wire import from_values, to_json
from capabilities.client.looking import refuse_values
from capabilities.client.serving import ServedHere
from capabilities.place import Place
from foundation.authorization.authorizing import decide
from foundation.authorization.objects import CALL
from services.config.documents import BASE, VERIFY
from services.config.pages import PAGES, page

_log = logging.getLogger(__name__)
MOST_BODY = 2 * 1024 * 1024
REFRESH_SECONDS = 0.5
FRESHEN_SECONDS = 3600.0
_DISCOVERY = "/.well-known/mcp-configuration"
_ASK = "arcops.config.ask"
_REFUSED = {"there is no": 404, "nothing is released": 404}


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """What a request asks: the operation, and its arguments."""

    operation: Operation
    arguments: dict[str, Any]


@dataclass(slots=True, kw_only=True)
class Configuration:
    """The door: ``served`` is what is released, ``at`` gives the place at which tools are called."""

    served: ServedHere
    at: Callable[[], Place]
    door: Door
    origin: str
    subscribers: Subscribers = field(init=False)
    fetches: dict[str, int] = field(default_factory=dict)
    _clients: tuple[int, bytes] = (-2, b"")
    """The list of clients as it was made for the newest release: it changes with releases only."""
    _fresh_at: float = 0.0

    def __post_init__(self) -> None:
        self.subscribers = Subscribers(reading=self.served.reading)

    def part(self) -> DoorPart:
        """The routes, and what runs meanwhile."""
        routes = [Route(_DISCOVERY, endpoint=self.discovery, methods=["GET"]), Mount(BASE, app=self)]
        return DoorPart(routes=routes, running=self.running(), probes={"configuration": self.served.healthy})

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look for new releases until the end."""
        await asyncio.to_thread(self.served.healthy)
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking
            self.subscribers.close()
            self.served.close()

    async def _look(self) -> None:
        while True:
            await asyncio.sleep(REFRESH_SECONDS)
            before = self.served.reading.last
            if problem := await asyncio.to_thread(self.served.healthy):
                _log.warning("%s", problem)
            if self.served.reading.last != before:
                self.subscribers.tell()
            await self._freshen(self.served.reading.last != before)

    async def _freshen(self, changed: bool) -> None:
        """Sign again what says what is newest, if something was released, or once an hour."""
        now = time.monotonic()
        if not changed and now < self._fresh_at:
            return
        self._fresh_at = now + FRESHEN_SECONDS
        try:
            await asyncio.to_thread(self.served.freshen)
        except ArcOpsError as error:
            _log.warning("what is newest could not be signed again: %s", error)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"]).removeprefix(BASE) or "/"
        if scope["type"] != "http":
            return
        if scope["method"] == "GET" and (shown := self._published(path)) is not None:
            await shown(scope, receive, send)
            return
        method = "GET" if scope["method"] == "HEAD" else scope["method"]
        for one in OPERATIONS:
            parts = one.fits(method, path)
            if parts is not None:
                await self._guarded(one, parts, scope, receive, send)
                return
        known = sorted({one.method for one in OPERATIONS if one.fits(one.method, path) is not None})
        status = 405 if known else 404
        said = "what is released cannot be changed or removed" if status == 405 else "there is no such operation"
        answer = JSONResponse({"error": said}, status_code=status, headers={"Allow": ", ".join(known)} if known else {})
        await answer(scope, receive, send)

    def _published(self, path: str) -> Response | None:
        """What anyone may read: how to ask and to verify, and what operators read; ``None`` if *path* is something else."""
        headers = {"Cache-Control": "max-age=3600"}
        if path == "/openapi.json":
            return JSONResponse(openapi(self.origin), headers=headers)
        if path == "/verification":
            return JSONResponse({"version": 1, "steps": list(VERIFY)}, headers=headers)
        name = path.removeprefix("/docs/")
        if name in PAGES and path != name:
            return Response(page(name), media_type="text/markdown", headers=headers)
        return None

    async def _guarded(self, one: Operation, parts: Any, scope: Scope, receive: Receive, send: Send) -> None:
        def asks(body: bytes) -> Asked:
            arguments = self._arguments(one, parts, scope, body)
            scope[_ASK] = _Asked(operation=one, arguments=arguments)
            return Asked(
                scopes=(one.tool.scope,),
                may=lambda caller: decide(caller, CALL, one.tool.name, arguments, self.door.authorization),
            )

        app: ASGIApp = self._read if one.memory else self._do
        limit = MOST_BODY if one.method == "POST" else 0
        guard = Guard(app=app, door=self.door, resource=f"{self.origin}/mcp", asks=asks, limit=limit)
        await guard(scope, receive, send)

    def _arguments(self, one: Operation, parts: Any, scope: Scope, body: bytes) -> dict[str, Any]:
        query = QueryParams(scope["query_string"])
        if len(query.multi_items()) != len(query.keys()):
            raise Refused("a parameter stands in the query twice, so two programs could read different values")
        if one.method == "GET":
            return asked_by_query(one, parts, dict(query))
        if query:
            raise Refused(f"{one.name} takes its arguments in the body, as JSON")
        value = strict_json(body, "the body")
        if not isinstance(value, dict):
            raise Refused("the body is not a JSON object")
        return {**value, **parts}

    async def _read(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer from memory."""
        asked: _Asked = scope[_ASK]
        name, given, reading = asked.operation.name, asked.arguments, self.served.reading
        self.fetches[name] = self.fetches.get(name, 0) + 1
        try:
            ask = from_values(asked.operation.tool.ask, given)
            if name == "SubscribeConfigUpdates":
                await self.subscribers.serve(ask, scope, receive, send)
                return
            response = self._answer(name, ask, Request(scope), reading)
        except ArcOpsError as error:
            response = _failed(error)
        await response(scope, receive, send)

    def _answer(self, name: str, ask: Any, request: Request, reading: Any) -> Response:
        match name:
            case "ListClients":
                if self._clients[0] != reading.last:
                    self._clients = (reading.last, bytes(_json({"clients": reading.clients()}, seconds=60).body))
                return Response(self._clients[1], media_type="application/json", headers=_cached(60))
            case "ListProfiles":
                return _json({"clientId": ask.client, "profiles": list(reading.profiles(ask.client))}, seconds=5)
            case "GetSchema":
                tool = next(one.tool for one in OPERATIONS if one.name == "GetSchema")
                return Response(tool(ask, self.at()).schema, media_type="application/schema+json", headers=_cached(3600))
            case "GetFreshness":
                seconds = 0 if ask.name == "timestamp.json" else 3600
                return Response(self.served.metadata(ask.name), media_type="application/json", headers=_cached(seconds))
            case "GetKeys":
                return _json({"keys": self.served.keys()}, seconds=60)
            case "DiffConfig":
                found = reading.diff(ask.client, ask.profile, ask.current, schema=ask.schema, who=ask.machine)
                return _json(
                    {
                        "status": found.status,
                        "latestArtifactId": found.latest_artifact_id,
                        "version": found.version,
                        "changelog": found.changelog,
                    },
                    seconds=0,
                )
            case "PollChanges":
                events, token = reading.poll(ask.since, client=ask.client, profile=ask.profile, most=ask.most)
                return _json({"events": events, "next": token}, seconds=0)
        refuse_values(ask.inputs)
        one = reading.get(ask.client, ask.profile, schema=ask.schema, who=ask.machine)
        headers = {"ETag": one.etag, **_cached(5 if not ask.machine else 0)}
        if one.etag in [each.strip() for each in request.headers.get("if-none-match", "").split(",")]:
            return Response(status_code=304, headers=headers)
        return Response(one.body, media_type="application/json", headers=headers)

    async def _do(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Call the tool, recorded as every call is."""
        response = await self._done(scope, receive)
        await response(scope, receive, send)

    async def _done(self, scope: Scope, receive: Receive) -> Response:
        asked: _Asked = scope[_ASK]
        tool = asked.operation.tool
        if self.served.replica:
            return JSONResponse({"error": "a replica only reads; ask the service that publishes"}, status_code=405)
        who: Identity | None = scope.get(IDENTITY)
        try:
            ask = from_values(tool.ask, asked.arguments)
            at = replace(self.at(), own=False, caller=who)
            found = await called(tool, ask, at, asked.arguments, scope, who, self.door.accounts)
        except ArcOpsError as error:
            return _failed(error)
        return _json(to_json(found), seconds=0, status=200 if asked.operation.method == "GET" else 201)

    async def discovery(self, request: Request) -> Response:
        """The addresses of everything: for clients, and for the conformance kit."""
        return JSONResponse(
            {
                "specification": "MCP Orchestration 1",
                "binding": "REST",
                "base": f"{self.origin}{BASE}",
                "openapi": f"{self.origin}{BASE}/openapi.json",
                "verification": f"{self.origin}{BASE}/verification",
                "schemas": f"{self.origin}{BASE}/schemas/CLIENT/VERSION",
                "operations": {one.name: {"method": one.method, "path": BASE + one.path} for one in OPERATIONS},
                "documentation": {
                    "schemas": f"{BASE}/openapi.json",
                    "policyModel": f"{BASE}/docs/policy-model",
                    "runbook": f"{BASE}/docs/runbook",
                },
                "readOnly": self.served.replica,
            },
            headers=_cached(60),
        )


def _failed(error: ArcOpsError) -> Response:
    if isinstance(error, Unavailable):
        return JSONResponse({"error": str(error)}, status_code=503, headers={"Retry-After": "5"})
    status = next((code for begin, code in _REFUSED.items() if str(error).startswith(begin)), 422)
    return JSONResponse({"error": str(error)}, status_code=status if isinstance(error, Refused) else 500)


def _json(value: Any, *, seconds: int, status: int = 200) -> Response:
    data = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(data, status_code=status, media_type="application/json", headers=_cached(seconds))


def _cached(seconds: int) -> dict[str, str]:
    return {"Cache-Control": f"private, max-age={seconds}" if seconds else "private, no-cache"}
