"""The server: every capability as a tool, the content of the store and the gates as resources, and the prompts.

One server object serves both eras of the protocol; the SDK handles the differences.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractContextManager, asynccontextmanager, nullcontext, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import anyio
import anyio.from_thread
import mcp_types as types
from mcp import MCPError
from mcp.server.caching import CacheHint
from mcp.server.context import HandlerResult, ServerRequestContext
from mcp.server.lowlevel import Server

from adapters.http.accounts import Account
from adapters.http.quotas import Quotas, Shares
from adapters.mcp import drafting, offering, prompts, resources
from adapters.mcp.about import DESCRIPTION, INSTRUCTIONS, NAME, TITLE, version
from adapters.mcp.answers import answered, as_text
from adapters.mcp.errors import as_result
from adapters.mcp.names import KIND, WHOLE
from adapters.mcp.needs import identity, understood
from adapters.mcp.publishing import Publishing, PublishingServer
from adapters.mcp.tasks import Tasks
from arcops.errors import ArcOpsError, Refused, Stopped
from capabilities.catalogue import all_tools
from capabilities.contract import Tool
from capabilities.place import Place
from capabilities.watching import UNKNOWN, unbegun
from capabilities.work import Work, told
from foundation.cache.opening import cache_of
from foundation.messages import readable
from foundation.telemetry.spans import REQUEST, span

if TYPE_CHECKING:
    from adapters.mcp.shared_tasks import SharedTasks

Context = ServerRequestContext[Any, Any]
Gate = Callable[[Context, Tool[Any, Any], Any], None]
Keeping = Callable[[Context, Tool[Any, Any], object], Account | None]
Reading = Callable[[Context, str], AbstractContextManager[None]]

_EVERY_SECONDS = 0.25


def build(
    tools: Sequence[Tool[Any, Any]],
    place: Place,
    work: Work,
    *,
    allow: Gate | None = None,
    account: Keeping = lambda ctx, tool, arguments: None,
    reading: Reading = lambda ctx, what: nullcontext(),
    listed: Sequence[str] = (),
    withheld: Callable[[Tool[Any, Any]], str] = lambda tool: "",
    owner: Callable[[Context], str] = lambda ctx: "",
    hide: bool = False,
    quotas: Quotas = Quotas(),  # noqa: B008  # frozen
    shared: SharedTasks | None = None,
) -> Server[Any]:
    """The server of *tools* at *place*.

    ``allow`` raises `Refused` if the caller may not send a tool this ask; ``account`` begins the record of a call, or raises
    `Unavailable` if it cannot be kept; ``reading`` does so for what is only read; ``listed`` are the toolsets and tools that
    `tools/list` shows if the client names none; ``withheld`` says why a tool that exists is not offered here, or nothing.
    ``owner`` names the caller, and no other caller sees their tasks; ``hide`` keeps the server's folders out of error messages.
    ``quotas`` limit the calls and tasks of one caller; ``shared`` keeps the tasks of several instances.
    """
    place = replace(place, own=False)  # a caller here is not a person at this machine's command line
    by_name = {tool.name: tool for tool in tools}
    known = all_tools()
    cache = cache_of(place.settings)
    find, use = offering.finding(tools)
    offering.chosen(tools, listed, (*known, *tools))  # names that mean nothing are refused now
    calls = Shares(quotas.calls, "calls running or waiting")
    publishing = Publishing(place.settings, owner=owner, most_each=quotas.sessions)
    tasks = Tasks(by_name, place, work, hidden=place.settings if hide else None, most_each=quotas.tasks, shared=shared)

    async def list_tools(ctx: Context, params: object) -> types.ListToolsResult:
        try:
            shown = offering.chosen(tools, _wanted(ctx) or listed, (*known, *tools))
        except Refused as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from error
        also = [drafting.drafting()] if drafting.lends(ctx) else []
        return types.ListToolsResult(tools=[*map(offering.as_tool, shown), find, use, *also])

    async def call_tool(ctx: Context, params: types.CallToolRequestParams) -> Any:
        if params.name == offering.FIND:
            return _found(tools, params.arguments)
        if params.name == offering.USE:
            try:
                name, arguments = offering.unwrapped(params.arguments)
            except Refused as error:
                unbegun(UNKNOWN, error, work.tell)
                return as_result(error, None)
            params = params.model_copy(update={"name": name, "arguments": arguments})
        if params.name == drafting.DRAFT:
            try:
                with reading(ctx, drafting.DRAFT):
                    return await drafting.drafted(ctx, params, place)
            except (ArcOpsError, OSError) as error:
                return as_result(error, place.settings if hide else None)
        tool = by_name.get(params.name)
        asked, request = _asked(ctx)
        with span("tools/call", parent=asked, served=True, tool=tool.name if tool else UNKNOWN, request=request) as here:
            answer = await called(ctx, params, tool)
            if isinstance(answer, types.CallToolResult) and answer.is_error:
                here.say(outcome=str((answer.meta or {}).get(KIND, "")))
            if ctx.request is None:
                return answer
            from adapters.mcp.limited import advised  # over HTTP it is imported; over standard streams it takes a second

            return advised(ctx.request.scope, answer)

    async def called(ctx: Context, params: types.CallToolRequestParams, tool: Tool[Any, Any] | None) -> Any:
        if tool is None:
            unbegun(UNKNOWN, Refused("there is no such tool"), work.tell)
            why = next((withheld(one) for one in known if one.name == params.name), "")
            if why:
                return as_result(Refused(why), None)
            said = f"there is no tool {params.name[:100]!r}; 'tools/list' lists the usual tools"
            raise MCPError(types.INVALID_PARAMS, f"{said}, and {offering.FIND} finds the others")
        hidden = place.settings if hide else None
        who, whole = owner(ctx), (ctx.meta or {}).get(WHOLE) is True
        kept: Account | None = None
        try:
            kept = account(ctx, tool, params.arguments)
            readable(params.arguments)
            ask = understood(ctx, tool, params.arguments)
            if allow is not None:
                allow(ctx, tool, ask)
            also = partial(allow, ctx) if allow is not None else None
            if tool.long and tasks.wanted(ctx):
                return await tasks.begin(tool, ask, who, caller=identity(ctx), permit=also, whole=whole, account=kept)
            at = told(place, _reporter(ctx), identity(ctx), also)
            calls.take(who)
        except BaseException as error:
            if kept is not None:
                kept.failed(error)
            if not isinstance(error, Exception):
                raise
            unbegun(tool.name, error, work.tell)
            return as_result(error, hidden)
        try:
            begun = work.begin(tool, ask, at)
        except Exception as error:
            calls.give(who)
            if kept is not None:
                kept.failed(error)
            unbegun(tool.name, error, work.tell)
            return as_result(error, hidden)
        if kept is not None:
            kept.follow(begun)
        loop = asyncio.get_running_loop()
        begun.add_done_callback(lambda _: _soon(loop, calls, who))  # also if the caller went away and its work goes on
        try:
            answer = await work.finish(begun, at.stop)
        except Exception as error:
            return as_result(error, hidden)
        return answered(tool, ask, answer, whole=whole)

    def _for(ctx: Context) -> Place:
        return replace(place, caller=identity(ctx))

    async def list_resources(ctx: Context, params: object) -> types.ListResourcesResult:
        publishing.looked(ctx)
        return types.ListResourcesResult(resources=await anyio.to_thread.run_sync(resources.listed, _for(ctx)))

    async def list_templates(ctx: Context, params: object) -> types.ListResourceTemplatesResult:
        return types.ListResourceTemplatesResult(resource_templates=resources.templates())

    async def read_resource(ctx: Context, params: types.ReadResourceRequestParams) -> types.ReadResourceResult:
        try:
            with reading(ctx, str(params.uri)):
                found = await anyio.to_thread.run_sync(resources.read, str(params.uri), _for(ctx), cache)
        except Refused as error:
            raise MCPError(types.INVALID_PARAMS, str(error), {"uri": str(params.uri)[:500]}) from error
        except ArcOpsError as error:
            raise MCPError(types.INTERNAL_ERROR, as_text(as_result(error, place.settings if hide else None))) from error
        return types.ReadResourceResult(
            contents=[found.contents(params.uri)],
            ttl_ms=found.fresh_ms,
            cache_scope="private",
        )

    async def list_prompts(ctx: Context, params: object) -> types.ListPromptsResult:
        return types.ListPromptsResult(
            prompts=[_as_prompt(one) for one in prompts.PROMPTS if one.names & {tool.name for tool in known} <= by_name.keys()]
        )

    async def get_prompt(ctx: Context, params: types.GetPromptRequestParams) -> types.GetPromptResult:
        try:
            found = prompts.prompt(params.name)
            text = found.filled(params.arguments or {})
        except Refused as error:
            raise MCPError(types.INVALID_PARAMS, str(error)) from error
        message = types.PromptMessage(role="user", content=types.TextContent(type="text", text=text))
        return types.GetPromptResult(description=found.about, messages=[message])

    async def complete(ctx: Context, params: types.CompleteRequestParams) -> types.CompleteResult:
        kind = params.argument.name
        if isinstance(params.ref, types.PromptReference):
            try:
                arguments = prompts.prompt(params.ref.name).arguments
            except Refused as error:
                raise MCPError(types.INVALID_PARAMS, str(error)) from error
            kind = next((one.completes for one in arguments if one.name == params.argument.name), "")
        elif params.argument.name == "name":
            kind = "policy" if "/policies/" in params.ref.uri else ""
        found = await anyio.to_thread.run_sync(resources.completions, kind, params.argument.value, place)
        return types.CompleteResult(completion=types.Completion(values=found, total=len(found), has_more=False))

    @asynccontextmanager
    async def lifespan(server: Server[Any]) -> AsyncIterator[dict[str, Any]]:
        async with publishing.running():
            yield {}

    server: Server[Any] = PublishingServer(
        NAME,
        version=version(),
        title=TITLE,
        description=DESCRIPTION,
        instructions=INSTRUCTIONS,
        cache_hints={
            "tools/list": CacheHint(ttl_ms=resources.A_WHILE_MS, scope="public"),
            "prompts/list": CacheHint(ttl_ms=resources.A_WHILE_MS, scope="public"),
            "resources/templates/list": CacheHint(ttl_ms=resources.A_WHILE_MS, scope="public"),
        },
        lifespan=lifespan,
        on_list_tools=list_tools,
        on_call_tool=call_tool,
        on_list_resources=list_resources,
        on_list_resource_templates=list_templates,
        on_read_resource=read_resource,
        on_list_prompts=list_prompts,
        on_get_prompt=get_prompt,
        on_completion=complete,
    )
    tasks.serve(server, owner)
    publishing.serve(server)
    return server


def _soon(loop: asyncio.AbstractEventLoop, calls: Shares, who: str) -> None:
    """Give a call back in the loop's own thread; if the loop has ended, there is nothing to give back to."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(calls.give, who)


def _wanted(ctx: Context) -> tuple[str, ...]:
    """The toolsets and tools that the client named in the URL: ``/mcp?tools=check,network``."""
    request: Any = ctx.request  # ``None`` over standard streams
    named = request.query_params.getlist("tools") if request is not None else []
    return tuple(part for one in named for part in one.split(",") if part)


def _found(tools: Sequence[Tool[Any, Any]], arguments: dict[str, Any] | None) -> types.CallToolResult:
    try:
        values = offering.found(tools, arguments)
    except Refused as error:
        return as_result(error, None)
    text = json.dumps(values, ensure_ascii=False)
    return types.CallToolResult(content=[types.TextContent(type="text", text=text)], structured_content=values)


def _as_prompt(one: prompts.Prompt) -> types.Prompt:
    return types.Prompt(
        name=one.name,
        title=one.title,
        description=one.about,
        arguments=[
            types.PromptArgument(name=argument.name, description=argument.about, required=argument.required)
            for argument in one.arguments
        ],
    )


def _asked(ctx: Context) -> tuple[str, str]:
    """What asks for this: its W3C traceparent (in the message, or else in the header), and the id of the HTTP request."""
    meta: Any = ctx.meta or {}
    request: Any = ctx.request  # ``None`` over standard streams
    parent = meta.get("traceparent") or (request.headers.get("traceparent") if request is not None else "")
    return parent if isinstance(parent, str) else "", str(request.scope.get(REQUEST, "")) if request is not None else ""


def _reporter(ctx: Context) -> Callable[[int, int], None]:
    """Progress from a tool's thread to the client that waits for it, not more often than the client can read it."""
    loop = anyio.lowlevel.current_token()
    last = 0.0

    def progress(done: int, total: int) -> None:
        nonlocal last
        now = time.monotonic()
        if total and (now - last >= _EVERY_SECONDS or done >= total):
            last = now
            try:
                anyio.from_thread.run(ctx.session.report_progress, float(done), float(total), None, token=loop)
            except (RuntimeError, anyio.ClosedResourceError, anyio.BrokenResourceError):
                raise Stopped("the client no longer waits for this run") from None

    return progress


__all__ = ["HandlerResult", "answered", "build"]
