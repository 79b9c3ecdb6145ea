"""The fixture of the official conformance suite: our own server with what the suite asks for around it.

It starts from `adapters.mcp.server.build` with our own tools, wraps the handlers that are there, and is served by what serves
``arcops mcp --http``: the same endpoint and guard, the same front, the same process. It is for tests alone: what it adds takes
no care of who calls.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import mcp_types as types
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import require_client_extension
from mcp.server.request_state import RequestStateBoundary, RequestStateSecurity
from mcp.server.subscriptions import ListenHandler
from starlette.datastructures import Headers

from adapters.http.app import DoorPart, front
from adapters.http.bound import Bound, bind
from adapters.http.opening import UserOpening
from adapters.http.serve import listen, serve
from adapters.mcp.app import over_http, owner
from adapters.mcp.names import TASKS
from adapters.mcp.server import build
from adapters.mcp.tasks import TaskParams, UpdateParams
from capabilities.catalogue import all_tools
from capabilities.work import Work
from flows.place import Place
from tests.adapters.doors import door_for
from tests.conformance import reading
from tests.conformance.asking import ASKING, name_for_task
from tests.conformance.content import CONTENT
from tests.conformance.offered import Context
from tests.conformance.talking import SESSIONS, TALKING
from tests.conformance.working import DESK, REQUIRED, WORKING, test_tool_with_task, with_ticket
from tests.models import bench

_RETRY_MS = 500
_AT_ONCE = 8
OFFERED = {**CONTENT, **TALKING, **ASKING}

Handler = Callable[[Context, Any], Awaitable[Any]]


def everything(place: Place, work: Work) -> Server[Any]:
    """Our server at *place*, and what the suite asks for around it."""
    server = build([*all_tools(), *WORKING], place, work, listed=["all"], owner=owner, hide=True)
    server.middleware.append(RequestStateBoundary(RequestStateSecurity.ephemeral(), default_audience=server.name))
    for method, around in _AROUND.items():
        entry = server.get_request_handler(method)
        assert entry is not None, f"the server has no {method} any more"
        server.add_request_handler(method, entry.params_type, _wrapped(around, entry.handler))
    server.add_request_handler("subscriptions/listen", types.SubscriptionsListenRequestParams, ListenHandler(SESSIONS.bus))
    server.add_request_handler("logging/setLevel", types.SetLevelRequestParams, SESSIONS.set_level)
    server.add_request_handler("resources/subscribe", types.SubscribeRequestParams, SESSIONS.watch)
    server.add_request_handler("resources/unsubscribe", types.UnsubscribeRequestParams, SESSIONS.unwatch)
    return server


def _wrapped(around: Callable[[Context, Any, Handler], Awaitable[Any]], ours: Handler) -> Handler:
    async def handler(ctx: Context, params: Any) -> Any:
        return await around(ctx, params, ours)

    return handler


async def _list_tools(ctx: Context, params: Any, ours: Handler) -> Any:
    found = await ours(ctx, params)
    return found.model_copy(update={"tools": [*found.tools, *(one.tool for one in OFFERED.values())]})


async def _call_tool(ctx: Context, params: types.CallToolRequestParams, ours: Handler) -> Any:
    if params.name in OFFERED:
        return await OFFERED[params.name].call(ctx, params)
    if params.name in REQUIRED:
        require_client_extension(ctx, TASKS)
    if params.name == test_tool_with_task.name:
        name = name_for_task(params)
        if isinstance(name, types.InputRequiredResult):
            return name
        params = params.model_copy(update={"arguments": {"name": name}})
    params, ticket = with_ticket(params)
    result = await ours(ctx, params)
    if ticket and isinstance(result, dict):
        DESK.hold(ticket, result["taskId"])
    return result


async def _get_task(ctx: Context, params: TaskParams, ours: Handler) -> Any:
    return DESK.shown(await ours(ctx, params))


async def _update_task(ctx: Context, params: UpdateParams, ours: Handler) -> Any:
    result = await ours(ctx, params)
    DESK.answer(params.task_id, params.input_responses)
    return result


async def _list_resources(ctx: Context, params: Any, ours: Handler) -> Any:
    found = await ours(ctx, params)
    return found.model_copy(update={"resources": [*found.resources, *reading.RESOURCES]})


async def _list_templates(ctx: Context, params: Any, ours: Handler) -> Any:
    found = await ours(ctx, params)
    return found.model_copy(update={"resource_templates": [*found.resource_templates, *reading.TEMPLATES]})


async def _read_resource(ctx: Context, params: types.ReadResourceRequestParams, ours: Handler) -> Any:
    return reading.read(str(params.uri)) or await ours(ctx, params)


async def _list_prompts(ctx: Context, params: Any, ours: Handler) -> Any:
    found = await ours(ctx, params)
    return found.model_copy(update={"prompts": [*found.prompts, *reading.PROMPTS]})


async def _get_prompt(ctx: Context, params: types.GetPromptRequestParams, ours: Handler) -> Any:
    if any(one.name == params.name for one in reading.PROMPTS):
        return await reading.prompt(params)
    return await ours(ctx, params)


async def _complete(ctx: Context, params: types.CompleteRequestParams, ours: Handler) -> Any:
    return reading.completed(params) or await ours(ctx, params)


_AROUND: dict[str, Callable[[Context, Any, Handler], Awaitable[Any]]] = {
    "tools/list": _list_tools,
    "tools/call": _call_tool,
    "tasks/get": _get_task,
    "tasks/update": _update_task,
    "resources/list": _list_resources,
    "resources/templates/list": _list_templates,
    "resources/read": _read_resource,
    "prompts/list": _list_prompts,
    "prompts/get": _get_prompt,
    "completion/complete": _complete,
}


class _Open(UserOpening):
    """Lets in all of this machine: the suite's own clients know no secret, and what it looks at is the protocol."""

    def by_secret(self, headers: Headers) -> bool:
        return True


def _open(bound: Bound, folder: Path) -> UserOpening:
    return _Open(bound=bound, cache=folder, secret="the suite knows none")  # what no one asks for


def main() -> None:
    """Serve at this machine's ``--port`` until a signal ends it, and say where."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    port = parser.parse_args().port
    with tempfile.TemporaryDirectory() as folder:
        place = bench(Path(folder)).place()
        work = Work(long=_AT_ONCE)
        listening = listen("127.0.0.1", port)
        try:
            bound = bind(
                "127.0.0.1", listening.getsockname()[1], place.settings, certificate=None, key=None, behind_proxy=False
            )
            server = everything(place, work)
            found = over_http(
                server,
                work,
                resource=f"{bound.url}/mcp",
                door=door_for(opening=_open(bound, Path(folder))),
                retry_ms=_RETRY_MS,
            )
            print(f"arcops: everything at {bound.url}", file=sys.stderr, flush=True)
            serve(front([DoorPart(routes=found.routes, running=found.running)], bound), bound, listening)
        finally:
            listening.close()


if __name__ == "__main__":
    main()
