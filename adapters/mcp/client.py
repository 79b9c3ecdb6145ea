"""A tool called at another ArcOps server: the same ask, the same answer, the same errors as here.

Imported only if a server is named. A long tool is a task there, so stopping it here still brings its RED report.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, TypeVar, cast
from urllib.parse import urlsplit

import mcp_types as types
from mcp import Client, MCPError
from mcp.client.extension import ClaimContext, ClientExtension, ResultClaim
from pydantic import Field

from adapters.mcp.answers import ANSWER, WHOLE
from adapters.mcp.errors import as_error, as_raised
from adapters.mcp.tasks import EXTENSION, POLL_MS, PROGRESS, TaskParams
from arcops.errors import ArcOpsError, Broken, Refused, Stopped, Unavailable
from arcops.tier import Tier
from artifacts.reading import read_file
from artifacts.wire import from_json, to_json
from capabilities.contract import Tool
from capabilities.place import with_paths
from foundation.egress.permission import Purpose, permit, plain
from foundation.egress.protocol import transport
from foundation.egress.web import failures
from foundation.nearby import find
from foundation.settings import Settings

A = TypeVar("A")
B = TypeVar("B")

TOKEN, TOKEN_FILE = "ARCOPS_TOKEN", "ARCOPS_TOKEN_FILE"
PATH = "/mcp"
_PURPOSE = Purpose(
    what="the server's URL",
    form="use one like https://arcops.example.org or unset ARCOPS_SERVER",
    instead="set --tier restricted, or leave --server out",
)
_MOST_ANSWER = 256 * 1024 * 1024
_MOST_TOKEN = 64 * 1024
_SHORT_SECONDS, _LONG_SECONDS = 120.0, 24 * 3600.0
_WANTED = cast(types.RequestParamsMeta, {WHOLE: True})
_FIRST_LOOK_SECONDS, _GLANCE_SECONDS = 0.05, 0.05


def call(
    url: str,
    tool: Tool[A, B],
    ask: A,
    *,
    settings: Settings,
    environment: Mapping[str, str],
    stop: threading.Event,
    progress: Callable[[int, int], None],
) -> B:
    """The answer of *tool* at the server *url*.

    The token of ``ARCOPS_TOKEN`` or of the file ``ARCOPS_TOKEN_FILE`` is sent with it, but never unencrypted to another
    machine. A server that this user runs here gets its own secret (`foundation.nearby`). Raises what the tool raises there, and
    `Unavailable` if no server answers.
    """
    endpoint, headers = _endpoint(url, settings), _headers(environment)
    if not headers:
        endpoint, headers = _opened(endpoint, settings)
    to = plain(endpoint, _PURPOSE)
    listing = f"{endpoint}?tools={tool.name}"  # the SDK's client looks the tool up in the list, and the usual list is short
    if headers and to.in_the_clear:
        raise Refused(f"{url} is not https, so the token would cross the network unencrypted; use https")
    if to.here:
        ask = with_paths(ask, lambda path, use: path.absolute())  # the server has the same disks, but another working folder
    arguments = cast(dict[str, Any], to_json(ask))
    with _understood(endpoint):
        result = asyncio.run(_call(listing, settings.tier, headers, tool, arguments, stop, progress))
    if result.is_error:
        raise as_error(result)
    try:
        return from_json(tool.answer, json.dumps((result.meta or {}).get(ANSWER, result.structured_content)))
    except Refused as error:
        raise Unavailable(f"this version of arcops cannot read the answer of the server at {endpoint}: {error}") from error


def _endpoint(url: str, settings: Settings) -> str:
    to = plain(url, _PURPOSE)
    parts = urlsplit(url)
    if parts.query:
        raise Refused(f"{_PURPOSE.what} is {url[:200]!r}, which has a query; {_PURPOSE.form}")
    permit(settings.tier, to, _PURPOSE)
    return f"{parts.scheme}://{parts.netloc}{parts.path.rstrip('/') or PATH}"


def _headers(environment: Mapping[str, str]) -> dict[str, str]:
    named = environment.get(TOKEN_FILE, "")
    token = environment.get(TOKEN, "") or (
        read_file(Path(named), _MOST_TOKEN).decode("ascii", "replace").strip() if named else ""
    )
    if not token.isascii() or any(character.isspace() for character in token):
        raise Refused(f"the token in {TOKEN_FILE if named else TOKEN} holds characters that no token has")
    return {"Authorization": f"Bearer {token}"} if token else {}


def _opened(endpoint: str, settings: Settings) -> tuple[str, dict[str, str]]:
    """*endpoint*, and its secret if this user runs the server there. A host name becomes the address that it listens at."""
    found = find(settings.cache, endpoint)
    if found is None:
        return endpoint, {}
    parts = urlsplit(endpoint)
    if parts.scheme == "http":
        host = f"[{found.host}]" if ":" in found.host else found.host
        endpoint = f"http://{host}:{found.port}{parts.path}"
    return endpoint, {"Authorization": f"Bearer {found.secret}"}


async def _call(
    endpoint: str,
    tier: Tier,
    headers: Mapping[str, str],
    tool: Tool[Any, Any],
    arguments: dict[str, Any],
    stop: threading.Event,
    tell: Callable[[int, int], None],
) -> types.CallToolResult:
    async def told(progress: float, total: float | None, message: str | None) -> None:
        if total:
            tell(int(progress), int(total))

    seconds = _LONG_SECONDS if tool.long else _SHORT_SECONDS
    extensions = [_Tasks(stop, tell)] if tool.long else []
    async with Client(
        transport(tier, endpoint, _PURPOSE, headers=headers, read_seconds=seconds, most=_MOST_ANSWER),
        extensions=extensions,
        client_info=types.Implementation(name="arcops", version="1"),
        read_timeout_seconds=_SHORT_SECONDS,
    ) as client:
        under_way = asyncio.ensure_future(client.call_tool(tool.name, arguments, seconds, told, meta=_WANTED))
        while not under_way.done():
            await asyncio.wait({under_way}, timeout=_GLANCE_SECONDS)
            if stop.is_set() and not _is_a_task(extensions):
                under_way.cancel()
        try:
            return under_way.result()
        except asyncio.CancelledError:
            raise Stopped("stopped; the server was told, and keeps what its run had sealed") from None


def _is_a_task(extensions: Sequence[_Tasks]) -> bool:
    """Is the call a task by now? Then the task's own code handles the stop, and waits for the report."""
    return any(one.holds for one in extensions)


class _Handle(types.Result):
    """What a server answers instead of a long tool's result (extension of 2026-07-28)."""

    result_type: Literal["task"] = "task"
    task_id: str = Field(alias="taskId")
    poll_interval_ms: int = Field(alias="pollIntervalMs", default=POLL_MS)


class _State(types.Result):
    """The answer of ``tasks/get``."""

    result_type: str | None = None
    status: str
    status_message: str = Field(alias="statusMessage", default="")
    result: types.CallToolResult | None = None
    error: dict[str, Any] | None = None


class _Get(types.Request[TaskParams, Literal["tasks/get"]]):
    method: Literal["tasks/get"] = "tasks/get"
    name_param = "taskId"


class _Cancel(types.Request[TaskParams, Literal["tasks/cancel"]]):
    method: Literal["tasks/cancel"] = "tasks/cancel"
    name_param = "taskId"


class _Tasks(ClientExtension):
    """Waits for a task, reports its progress, and passes a stop on."""

    identifier = EXTENSION

    def __init__(self, stop: threading.Event, progress: Callable[[int, int], None]) -> None:
        self._stop = stop
        self._progress = progress
        self.holds = False

    def claims(self) -> Sequence[ResultClaim[Any]]:
        return (ResultClaim(result_type="task", model=_Handle, resolve=self._wait),)

    async def _wait(self, handle: _Handle, ctx: ClaimContext) -> types.CallToolResult:
        self.holds = True
        which = TaskParams(taskId=handle.task_id)
        told, pause = False, _FIRST_LOOK_SECONDS
        while True:
            if self._stop.is_set() and not told:
                told = True
                await ctx.session.send_request(_Cancel(params=which), types.EmptyResult)
            state = await ctx.session.send_request(_Get(params=which), _State)
            if state.status == "completed" and state.result is not None:
                return state.result
            if state.status == "failed" and state.error is not None:
                raise as_raised(state.error)
            if state.status == "cancelled":
                raise Stopped("the run was stopped at the server")
            if state.status != "working":
                raise Unavailable(
                    f"the server says about the task {handle.task_id[:100]}: {state.status}: {state.status_message[:500]}"
                )
            at = (state.meta or {}).get(PROGRESS)
            if isinstance(at, list) and len(at) == 2:
                self._progress(int(at[0]), int(at[1]))
            await self._rest(pause, told)
            pause = min(pause * 1.5, handle.poll_interval_ms / 1000)

    async def _rest(self, seconds: float, told: bool) -> None:
        left = seconds
        while left > 0 and (told or not self._stop.is_set()):
            await asyncio.sleep(min(left, _GLANCE_SECONDS))
            left -= _GLANCE_SECONDS


@contextmanager
def _understood(endpoint: str) -> Iterator[None]:
    """Turns failures to reach the server into the errors that a command shows."""
    try:
        yield
    except BaseExceptionGroup as group:
        raise _as_ours(_first(group), endpoint) from group
    except (MCPError, RuntimeError, OSError) as error:
        raise _as_ours(error, endpoint) from error
    except failures() as error:
        raise _as_ours(error, endpoint) from error


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    for one in group.exceptions:
        return _first(one) if isinstance(one, BaseExceptionGroup) else one
    raise AssertionError("a group holds at least one exception")


def _as_ours(error: BaseException, endpoint: str) -> BaseException:
    if isinstance(error, (ArcOpsError, KeyboardInterrupt, SystemExit)):
        return error
    if isinstance(error, MCPError):
        said = f"the server at {endpoint} answered: {error.error.message[:1000]}"
        if error.error.code == types.INVALID_PARAMS:
            return Refused(said)
        return Unavailable(said)
    if isinstance(error, (OSError, *failures())):
        return Unavailable(
            f"no ArcOps server answers at {endpoint} ({type(error).__name__}: {str(error)[:300]}); is it running there?"
        )
    return Broken(f"the server at {endpoint} gave an unexpected answer: {type(error).__name__}: {str(error)[:300]}")
