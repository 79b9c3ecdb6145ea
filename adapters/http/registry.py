"""The door of the catalog for clients that read MCP registries: ``/v0.1/servers``, to be read only."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.http.access import Door
from arcops.errors import Refused, Unavailable
from capabilities.place import Place
from capabilities.server.catalog_registry import registry_page, registry_version, registry_versions
from services.host.catalog.registry import BASE

_NAME = "/{namespace}/{name}/versions"
_KEPT = {"Cache-Control": "private, no-cache"}


def routes(at: Place, origin: str, door: Door) -> list[BaseRoute]:
    """The routes, for callers that *door* lets read; for anyone, if the operator said so (ARCOPS_CATALOG_PUBLIC)."""

    async def page(request: Request) -> Response:
        return await _answer(lambda: registry_page(dict(request.query_params), origin, at))

    async def versions(request: Request) -> Response:
        return await _answer(lambda: registry_versions(_name(request), dict(request.query_params), origin, at))

    async def version(request: Request) -> Response:
        number, query = str(request.path_params["version"]), dict(request.query_params)
        return await _answer(lambda: registry_version(_name(request), number, query, origin, at))

    app = Starlette(
        routes=[
            Route(BASE, page, methods=["GET"]),
            Route(BASE + _NAME, versions, methods=["GET"]),
            Route(BASE + _NAME + "/{version}", version, methods=["GET"]),
        ]
    )
    served = app if at.settings.catalog_public else door.for_readers(app, f"{origin}/mcp", counted=True)
    return [Route(BASE + path, endpoint=served, methods=["GET"]) for path in ("", _NAME, _NAME + "/{version}")]


def _name(request: Request) -> str:
    return f"{request.path_params['namespace']}/{request.path_params['name']}"


async def _answer(made: Callable[[], dict[str, Any] | None]) -> Response:
    try:
        found = await run_in_threadpool(made)
    except Refused as error:
        return JSONResponse({"error": str(error)}, status_code=400)
    except Unavailable:
        return JSONResponse(
            {"error": "the catalog cannot be read now; try again"}, status_code=503, headers={"Retry-After": "5"}
        )
    if found is None:
        return JSONResponse({"error": "Server not found"}, status_code=404)
    return JSONResponse(found, headers=_KEPT)
