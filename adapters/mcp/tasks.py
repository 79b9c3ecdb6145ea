"""The tasks extension: a long tool is answered by a handle at once, and its result is fetched later.

Specification: extension ``io.modelcontextprotocol/tasks`` of 2026-07-28. If a Prefect API is configured, the task's id is the
id of the flow run, and the task survives this server: a note beside the cache says which tool was called, with which ask.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import mcp_types as types
from mcp import MCPError
from mcp.server.context import ServerRequestContext
from mcp.server.lowlevel import Server
from mcp.server.mcpserver import require_client_extension
from mcp.shared.inbound import MCP_NAME_HEADER, decode_header_value
from mcp_types.version import MODERN_PROTOCOL_VERSIONS
from pydantic import Field

from adapters.http.accounts import Account
from adapters.mcp.answers import answered
from adapters.mcp.errors import as_failure, as_result
from adapters.mcp.names import TASKS
from adapters.mcp.task import HERE_MS, Task, far, state_of
from adapters.mcp.task_notes import TaskNotes
from arcops.errors import ArcOpsError, Broken, Stopped, Unavailable
from arcops.identity import Identity
from capabilities.contract import Left, Tool
from capabilities.place import Place
from capabilities.watching import ended_elsewhere
from capabilities.work import Work, told
from foundation.settings import Settings

if TYPE_CHECKING:  # a database takes a second to import, and over standard streams it is not used
    from adapters.mcp.shared_tasks import SharedTasks
    from foundation.database.tasks import TaskRow

_WAIT_SECONDS = 1.0
"""So long an answer about a run that began at once waits for its end: a caller who sleeps between looks sees it late."""
RETRY = "try again later"
_MOST = 1000

Context = ServerRequestContext[Any, Any]


class TaskParams(types.RequestParams):
    """The task that is meant."""

    task_id: str = Field(alias="taskId", min_length=1, max_length=100)


class UpdateParams(TaskParams):
    """Answers to a task's questions; our tasks ask no questions."""

    input_responses: dict[str, Any] = Field(alias="inputResponses", default_factory=dict)


def _admit(ctx: Context, params: TaskParams) -> None:
    """Raises if this request may not ask about tasks: it has another era, another name, or not the extension."""
    if ctx.protocol_version not in MODERN_PROTOCOL_VERSIONS:
        raise MCPError(types.METHOD_NOT_FOUND, "Method not found", data=ctx.method)
    request = ctx.request  # ``None`` over standard streams, which do not route by headers
    if request is not None and decode_header_value(request.headers.get(MCP_NAME_HEADER)) != params.task_id:
        raise MCPError(types.HEADER_MISMATCH, f"the header {MCP_NAME_HEADER} does not name the task that the body names")
    require_client_extension(ctx, TASKS)


class Tasks:
    """The tasks of this server, each seen only by the caller who began it."""

    def __init__(
        self,
        tools: Mapping[str, Tool[Any, Any]],
        place: Place,
        work: Work,
        *,
        hidden: Settings | None,
        most_each: int,
        shared: SharedTasks | None = None,
    ) -> None:
        self._most_each = most_each
        self._shared = shared
        self._place = place
        self._work = work
        self._hidden = hidden
        self._notes = TaskNotes(tools=tools, place=place)
        self._known: dict[str, Task] = {}

    def wanted(self, ctx: Context) -> bool:
        """Does the client of this request take handles?"""
        capabilities = ctx.session.client_capabilities
        return (
            capabilities is not None
            and TASKS in (capabilities.extensions or {})
            and ctx.protocol_version in MODERN_PROTOCOL_VERSIONS
        )

    def serve(self, server: Server[Any], owner: Callable[[Context], str]) -> None:
        """Offer the extension's methods on *server*."""

        async def get(ctx: Context, params: TaskParams) -> dict[str, Any]:
            _admit(ctx, params)
            found = await self._anywhere(params.task_id, owner(ctx))
            return await self._state(found) if isinstance(found, Task) else far(found)

        async def update(ctx: Context, params: UpdateParams) -> dict[str, Any]:
            _admit(ctx, params)
            await self._anywhere(params.task_id, owner(ctx))
            return {}

        async def cancel(ctx: Context, params: TaskParams) -> dict[str, Any]:
            _admit(ctx, params)
            found = await self._anywhere(params.task_id, owner(ctx))
            if isinstance(found, Task):
                await self._cancel(found)
            else:
                await asyncio.to_thread(self._known_to_all().stop, found.id)
            return {}

        server.extensions[TASKS] = {}
        server.add_request_handler("tasks/get", TaskParams, get)
        server.add_request_handler("tasks/update", UpdateParams, update)
        server.add_request_handler("tasks/cancel", TaskParams, cancel)

    async def begin(
        self,
        tool: Tool[Any, Any],
        ask: Any,
        owner: str,
        *,
        whole: bool,
        caller: Identity | None = None,
        permit: Callable[[Any, object], None] | None = None,
        account: Account | None = None,
    ) -> dict[str, Any]:
        """Begin *tool* for *caller*, and return the handle; *whole*: they want the whole answer; *account* is told how it ends.
        *permit* says if they may call what *tool* calls for them.

        Raises what the tool raises before its work begins.
        """
        now = datetime.now(UTC)
        self._make_room(now, owner)
        deployed = tool.deployed if self._place.settings.prefect_api else None
        made: Task | None = None

        def progress(done: int, total: int) -> None:
            if made is not None and total:
                made.progress, made.message, made.updated = (done, total), f"{done} of {total} bytes", datetime.now(UTC)

        at = told(self._place, progress, caller, permit)
        made = Task(id="", tool=tool, ask=ask, owner=owner, created=now, updated=now, at=at, whole=whole)
        if deployed is not None:
            from flows.prefect.deployed import start

            made.parameters = deployed.parameters(ask, at)
            run = await start(deployed.name, made.parameters, at_once=self._place.at_once)
            made.id = run.id
            if account is not None:
                account.elsewhere(run.id)
            note = self._notes.write(made)
            if self._shared is not None:
                await asyncio.to_thread(self._shared.begin, made.id, owner, note, None)
        else:
            made.id = str(uuid.uuid4())
            await self._begin_here(made)
            if account is not None and made.future is not None:
                account.follow(made.future)
        self._known[made.id] = made
        return {"resultType": "task", **state_of(made, "working")}

    async def _begin_here(self, made: Task) -> None:
        """Begin the work, after the other instances can know of it."""
        shared = self._shared
        if shared is not None:
            note = {"tool": made.tool.name, "created": made.created.isoformat()}
            await asyncio.to_thread(shared.begin, made.id, made.owner, note, made.at.stop)
        try:
            made.future = self._work.begin(made.tool, made.ask, made.at, run=made.id)
        except Exception:
            if shared is not None:
                await asyncio.to_thread(shared.end, made.id, {})
            raise
        if shared is not None:
            await asyncio.to_thread(made.future.add_done_callback, lambda future: self._tell_all(made, future))

    def _tell_all(self, task: Task, future: Future[Any]) -> None:
        """Tell the other instances how *task*, which was worked on here, ended."""
        gone = future.cancelled()
        said = state_of(task, "cancelled") if gone else self._ended(task, future.exception() or future.result())
        self._known_to_all().end(task.id, said)

    def _known_to_all(self) -> SharedTasks:
        if self._shared is None:
            raise Broken("this server shares its tasks with no other")
        return self._shared

    async def _anywhere(self, task_id: str, owner: str) -> Task | TaskRow:
        """The task of this server, or that of another instance. Raises as `_find`."""
        task = self._known.get(task_id) or self._remembered(self._notes.found(task_id))
        if task is None and self._shared is not None:
            try:
                row = await asyncio.to_thread(self._shared.find, task_id)
            except ArcOpsError as error:
                raise MCPError(types.INTERNAL_ERROR, f"the tasks of other instances are not known now; {RETRY}") from error
            if row is not None and row.owner == owner:
                return self._remembered(self._notes.read(task_id, row.note)) or row
        return self._find(task_id, owner)

    def _remembered(self, task: Task | None) -> Task | None:
        if task is not None:
            self._known[task.id] = task
        return task

    def _make_room(self, now: datetime, owner: str) -> None:
        """Forget what may be forgotten: tasks that ended an hour ago; at a caller's limit, also the first that ended.

        Raises `Unavailable` if this caller has too many running tasks, or if too many results are still kept for all callers.
        """
        for old in [one for one in self._known.values() if one.future is None or one.future.done()]:
            if now - old.updated > timedelta(milliseconds=HERE_MS):
                del self._known[old.id]  # if it is a run of Prefect, its note finds it again
        own = [one for one in self._known.values() if one.owner == owner]
        if len(own) >= self._most_each:
            ended = [one for one in own if one.said or (one.future is not None and one.future.done())]
            if not ended:
                raise Unavailable(f"you have {self._most_each} tasks running, which is the limit; try again later")
            del self._known[min(ended, key=lambda one: one.updated).id]
        if len(self._known) >= _MOST:
            raise Unavailable(f"{_MOST} tasks are running or keep their results for an hour; try again later")

    def _find(self, task_id: str, owner: str) -> Task:
        task = self._known.get(task_id) or self._remembered(self._notes.found(task_id))
        if task is None or task.owner != owner:  # nothing is said about another caller's task, not even that it exists
            raise MCPError(types.INVALID_PARAMS, f"there is no task {task_id[:100]!r}; it may have ended too long ago")
        return task

    async def _state(self, task: Task) -> dict[str, Any]:
        if task.said:
            return task.said
        if task.future is not None:
            if not task.future.done():
                return state_of(task, "working")
            return self._ended(task, task.future.exception() or task.future.result())
        if self._place.at_once is not None and not await self._place.at_once.over(task.id, seconds=_WAIT_SECONDS):
            return state_of(task, "working")
        from flows.prefect.deployed import look_up

        try:
            run = await look_up(task.id)
        except Unavailable as error:  # a run whose state cannot be read now may still be running
            task.message = str(error)
            return state_of(task, "working")
        except ArcOpsError as error:
            return self._ended(task, error)
        try:
            task.message = f"{run.state}: {run.message}" if run.message else run.state
            if not run.ended:
                return state_of(task, "working")
            if not run.artifact and task.patience > 0:
                # The flow that accounts for a run without an artifact takes a moment; until then the result is not known.
                task.patience -= 1
                return state_of(task, "working")
            deployed = task.tool.deployed
            if deployed is None or not run.artifact:
                raise Unavailable(f"the run ended {run.state} and left no artifact")
            left = Left(artifact=run.artifact, run=task.id, parameters=task.parameters, begun=task.created)
            answer = await asyncio.to_thread(deployed.answer, task.ask, left, task.at)
        except ArcOpsError as error:
            return self._ended(task, error)
        return self._ended(task, answer)

    def _ended(self, task: Task, came: object) -> dict[str, Any]:
        task.updated = datetime.now(UTC)
        if task.future is None:
            ended_elsewhere(task.tool, came, task.updated - task.created, run=task.id, tell=self._work.tell)
        if isinstance(came, Stopped):
            task.said = state_of(task, "cancelled")
        elif isinstance(came, Exception) and (failure := as_failure(came, self._hidden)) is not None:
            task.message = "The server failed; there is no result."
            task.said = {**state_of(task, "failed"), "error": failure}
        else:
            result = (
                as_result(came, self._hidden)
                if isinstance(came, Exception)
                else answered(task.tool, task.ask, came, whole=task.whole)
            )
            task.message = "The result is here."
            values = result.model_dump(mode="json", by_alias=True, exclude_none=True)
            task.said = {**state_of(task, "completed"), "result": values}
        return task.said

    async def _cancel(self, task: Task) -> None:
        if task.said:
            return
        if task.future is not None:
            task.at.stop.set()
            if task.future.cancel():  # it still waited for its turn, and now never gets it
                task.updated, task.message = datetime.now(UTC), "It was stopped before it began."
                task.said = state_of(task, "cancelled")
            return
        from flows.prefect.deployed import cancel

        await cancel(task.id)
