"""A tool called at another ArcOps server: the same ask, the same answer, the same errors as here.

Imported only if a server is named. A long tool is a task there, so stopping it here still brings its RED report.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast
from urllib.parse import urlsplit

from adapters.mcp.asking import Asking
from adapters.mcp.names import ANSWER, POLL_MS, PROGRESS, WHOLE
from adapters.mcp.raised import of_failure, of_result
from arcops.errors import Refused, Stopped, Unavailable
from arcops.tier import Tier
from artifacts.reading import read_file
from artifacts.wire import from_json, to_json
from capabilities.contract import Tool
from capabilities.place import with_paths
from foundation.egress.permission import Purpose, permit, plain
from foundation.egress.web import client, failures
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
_MOST_TOKEN = 64 * 1024
_SHORT_SECONDS, _LONG_SECONDS = 120.0, 24 * 3600.0
_CONNECT_SECONDS = 30.0
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
    if headers and to.in_the_clear:
        raise Refused(f"{url} is not https, so the token would cross the network unencrypted; use https")
    if to.here:
        ask = with_paths(ask, lambda path, use: path.absolute())  # the server has the same disks, but another working folder
    arguments = cast(dict[str, Any], to_json(ask))
    with _understood(endpoint):
        result = asyncio.run(_call(endpoint, settings.tier, headers, tool, arguments, stop, progress))
    if result.get("isError"):
        raise of_result(result)
    try:
        return from_json(tool.answer, json.dumps(_whole(result)))
    except Refused as error:
        raise Unavailable(f"this version of arcops cannot read the answer of the server at {endpoint}: {error}") from error


def _whole(result: Mapping[str, Any]) -> object:
    meta = result.get("_meta")
    short = result.get("structuredContent")
    return meta.get(ANSWER, short) if isinstance(meta, Mapping) else short


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
    arguments: Mapping[str, Any],
    stop: threading.Event,
    tell: Callable[[int, int], None],
) -> Mapping[str, Any]:
    seconds = _LONG_SECONDS if tool.long else _SHORT_SECONDS
    async with client(tier, endpoint, _PURPOSE, seconds=_CONNECT_SECONDS, read_seconds=seconds, headers=headers) as http:
        waiting = _Waiting(Asking(http, endpoint, tasks=tool.long), stop, tell)
        under_way = asyncio.ensure_future(waiting.result(tool.name, arguments))
        while not under_way.done():
            await asyncio.wait({under_way}, timeout=_GLANCE_SECONDS)
            if stop.is_set() and not waiting.holds:
                under_way.cancel()  # a closed connection tells the server that no one waits for the answer
        try:
            return under_way.result()
        except asyncio.CancelledError:
            raise Stopped("stopped; the server was told, and keeps what its run had sealed") from None


class _Waiting:
    """Waits for the result of a call, reports its progress, and passes a stop on. ``holds`` says that the call is a task, which
    handles the stop itself, and waits for the report.
    """

    def __init__(self, asking: Asking, stop: threading.Event, progress: Callable[[int, int], None]) -> None:
        self._asking = asking
        self._stop = stop
        self._progress = progress
        self.holds = False

    async def result(self, name: str, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        found = _object(await self._asking.ask("tools/call", name, {"name": name, "arguments": arguments}, {WHOLE: True}))
        if found.get("resultType") != "task":
            return found
        self.holds = True
        return await self._ended(str(found.get("taskId", "")), _number(found.get("pollIntervalMs"), POLL_MS))

    async def _ended(self, task: str, poll_ms: int) -> Mapping[str, Any]:
        told, pause = False, _FIRST_LOOK_SECONDS
        while True:
            if self._stop.is_set() and not told:
                told = True
                await self._asking.ask("tasks/cancel", task, {"taskId": task})
            state = _object(await self._asking.ask("tasks/get", task, {"taskId": task}))
            status = state.get("status")
            if status == "completed" and isinstance(result := state.get("result"), Mapping):
                return result
            if status == "failed" and isinstance(error := state.get("error"), Mapping):
                raise of_failure(error)
            if status == "cancelled":
                raise Stopped("the run was stopped at the server")
            if status != "working":
                said = f"{str(status)[:100]}: {str(state.get('statusMessage', ''))[:500]}"
                raise Unavailable(f"the server says about the task {task[:100]}: {said}")
            meta = state.get("_meta")
            match meta.get(PROGRESS) if isinstance(meta, Mapping) else None:
                case [int(done), int(total)]:
                    self._progress(done, total)
            await self._rest(pause, told)
            pause = min(pause * 1.5, poll_ms / 1000)

    async def _rest(self, seconds: float, told: bool) -> None:
        left = seconds
        while left > 0 and (told or not self._stop.is_set()):
            await asyncio.sleep(min(left, _GLANCE_SECONDS))
            left -= _GLANCE_SECONDS


def _object(found: object) -> Mapping[str, Any]:
    if not isinstance(found, Mapping):
        raise Unavailable("the server gave a result that is not an object; is it an ArcOps server?")
    return found


def _number(found: object, otherwise: int) -> int:
    return min(max(found, 1), otherwise) if isinstance(found, int) else otherwise


@contextmanager
def _understood(endpoint: str) -> Iterator[None]:
    """Turns failures to reach the server into the errors that a command shows."""
    try:
        yield
    except OSError as error:
        raise _unreached(error, endpoint) from error
    except failures() as error:
        raise _unreached(error, endpoint) from error


def _unreached(error: Exception, endpoint: str) -> Unavailable:
    return Unavailable(
        f"no ArcOps server answers at {endpoint} ({type(error).__name__}: {str(error)[:300]}); is it running there?"
    )
