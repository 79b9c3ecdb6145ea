"""Runs that begin at once: claimed in Prefect here, and handed to the process that is warm. No worker has to find them first.

Only runs of this server's own pool, and only while nothing that an operator set for the deployment, its pool or its queue asks
for more than that. Prefect's own rule decides who has a run: it lets one only become pending, and takes a slot of the
deployment's limit then. What was not claimed, or was not taken by the warm process, is left to the worker.

A thread watches the runs until they end: a run that someone cancels is told to end, and one that died is reported to Prefect.
If this process dies, so do its runs, and `flows.prefect.lost` finds them.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import select
import shlex
import signal
import threading
import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from foundation.processes.handed import MORE, Handed, hand
from foundation.processes.starting import empty_folder

if TYPE_CHECKING:  # a server starts without Prefect, and imports it for the first run
    from uuid import UUID

    from flows.prefect.api import DeploymentResponse, FlowRun, OrchestrationResult, PrefectClient, SyncPrefectClient

MOST = 8
"""So many runs at once; the worker gets more, which it begins with a wait between."""
_HAND_SECONDS, _LOOK_SECONDS, _GRACE_SECONDS, _CLOSE_SECONDS = 10.0, 1.0, 30.0, 15.0

_log = logging.getLogger(__name__)


@dataclass(slots=True, kw_only=True)
class _AtWork:
    """``told`` is when the run was told to end (monotonic seconds); 0 if it was not."""

    id: UUID
    work: Handed
    folder: contextlib.ExitStack
    ended: threading.Event = field(default_factory=threading.Event)
    waiting: list[Callable[[], object]] = field(default_factory=list)
    told: float = 0.0
    killed: bool = False


@dataclass(slots=True, kw_only=True)
class AtOnce:
    """``pool`` is this server's own, ``runs`` the socket of the process that is warm, ``log`` the file of what runs print."""

    pool: str
    runs: Path
    log: Path
    _at_work: dict[str, _AtWork] = field(default_factory=dict)
    _coming: int = 0
    _closed: bool = False
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _watch: threading.Thread | None = None
    _woken: tuple[int, int] = field(default_factory=lambda: os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC))

    async def takes(self, client: PrefectClient, deployment: DeploymentResponse) -> bool:
        """May a run of *deployment* begin at once? Nothing is promised by it."""
        if deployment.work_pool_name != self.pool or not deployment.work_queue_name or not self.runs.exists():
            return False
        if deployment.paused or deployment.job_variables or deployment.pull_steps or deployment.storage_document_id:
            return False
        pool, queues = await asyncio.gather(
            client.read_work_pool(self.pool), client.read_work_queues(self.pool, _named(deployment.work_queue_name))
        )
        if pool.is_paused or any(one.is_paused for one in queues):
            return False
        limits = [pool.concurrency_limit, *(one.concurrency_limit for one in queues)]
        return limits == [None, None] and _hands_over(pool.base_job_template, self.runs)

    async def begin(self, client: PrefectClient, run: FlowRun, deployment: DeploymentResponse) -> bool:
        """Claim *run*, which is scheduled, and hand it over. ``False``: the worker has it, or will find it."""
        from flows.prefect.api import Pending, Scheduled, SetStateStatus

        with self._lock:
            if self._closed or len(self._at_work) + self._coming >= MOST:
                return False
            self._coming += 1
        try:
            claimed: OrchestrationResult[Any] = await client.set_flow_run_state(run.id, Pending())
            if claimed.status is not SetStateStatus.ACCEPT:
                return False
            if await asyncio.to_thread(self._hand, run, deployment):
                return True
            await client.set_flow_run_state(run.id, Scheduled())  # so it is the worker's
            return False
        finally:
            with self._lock:
                self._coming -= 1

    def at_work(self, run: str) -> bool:
        """Is *run* one that began here and has not ended? Prefect need not be asked then."""
        with self._lock:
            return run in self._at_work

    async def over(self, run: str, *, seconds: float) -> bool:
        """Wait for so long until *run* is no more at work here. Did it end, or was it never?"""
        loop, ended = asyncio.get_running_loop(), asyncio.Event()

        def tell() -> None:
            with contextlib.suppress(RuntimeError):  # who waited has gone with its loop
                loop.call_soon_threadsafe(ended.set)

        with self._lock:
            one = self._at_work.get(run)
            if one is None:
                return True
            one.waiting.append(tell)
        try:
            await asyncio.wait_for(ended.wait(), seconds)
        except TimeoutError:
            return False
        finally:
            with self._lock:
                one.waiting.remove(tell)
        return True

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Inside this, runs may begin. After it, those at work were told to end, and have left what they leave."""
        preparing = asyncio.ensure_future(asyncio.to_thread(import_module, "flows.prefect.deployed"))  # not in the first call
        try:
            yield
        finally:
            await asyncio.to_thread(self._close)
            await asyncio.wait({preparing})

    def _hand(self, run: FlowRun, deployment: DeploymentResponse) -> bool:
        with contextlib.ExitStack() as opened:
            kept = contextlib.ExitStack()
            folder = kept.enter_context(empty_folder())
            said = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            opened.callback(os.close, said)
            nothing = os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC)
            opened.callback(os.close, nothing)
            where = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            opened.callback(os.close, where)
            told = {MORE: _environment(run, deployment)}
            work = hand(str(self.runs), (nothing, said, said, where), told, seconds=_HAND_SECONDS)
            if work is None:
                kept.close()
                return False
        with self._lock:
            self._at_work[str(run.id)] = _AtWork(id=run.id, work=work, folder=kept)
            if self._watch is None:
                self._watch = threading.Thread(target=self._until_all_ended, name="runs-at-once", daemon=True)
                self._watch.start()
        os.write(self._woken[1], b"!")
        return True

    def _until_all_ended(self) -> None:
        from flows.prefect.api import get_client

        with get_client(sync_client=True) as client:
            looked = time.monotonic()
            while True:
                with self._lock:
                    if not self._at_work:
                        self._watch = None
                        return
                    waiting = {one.work.fileno(): (run, one) for run, one in self._at_work.items()}
                ready, _, _ = select.select([self._woken[0], *waiting], [], [], _LOOK_SECONDS)
                for number in ready:
                    if number == self._woken[0]:
                        os.read(number, 64)
                    else:
                        self._hear(client, *waiting[number])
                if time.monotonic() - looked >= _LOOK_SECONDS:
                    looked = time.monotonic()
                    self._look(client)

    def _hear(self, client: SyncPrefectClient, run: str, one: _AtWork) -> None:
        """What the warm process says of *run*: how it ended. If it says nothing more, it died, and the run with it."""
        if not one.work.hear():
            return
        try:
            self._account(client, run, one)
        except Exception as error:  # whatever Prefect answers, the others are watched on; `flows.prefect.lost` finds this one
            _log.warning("could not tell Prefect how the run %s ended: %s: %s", run, type(error).__name__, error)
        one.work.close()
        one.folder.close()
        with self._lock:
            del self._at_work[run]
            told = list(one.waiting)
        one.ended.set()
        for tell in told:
            tell()

    def _account(self, client: SyncPrefectClient, run: str, one: _AtWork) -> None:
        """Give *run* the end that it could not give itself."""
        from flows.prefect.api import Cancelled, Crashed, StateType

        code = one.work.code
        if code == 0 and not one.told:
            return
        if code is None:
            time.sleep(_LOOK_SECONDS)  # the run was told to end as its parent ended; it may be sealing what it knows
        state = client.read_flow_run(one.id).state
        if state is not None and state.type in (StateType.COMPLETED, StateType.FAILED, StateType.CANCELLED):
            return
        if one.told and not self._closed:
            client.set_flow_run_state(one.id, Cancelled(message="The run was cancelled."))
        elif state is None or not state.is_final():
            how = "with the process that began it" if code is None else f"with status {code}"
            client.set_flow_run_state(one.id, Crashed(message=f"The run's process ended {how}."))

    def _look(self, client: SyncPrefectClient) -> None:
        """Tell those to end that someone has cancelled in Prefect. A run that does not is killed after a time."""
        with self._lock:
            at_work = dict(self._at_work)
        for one in at_work.values():
            if one.told and not one.killed and time.monotonic() - one.told > _GRACE_SECONDS:
                one.killed = True
                one.work.tell(signal.SIGKILL)
        open_ones = [one.id for one in at_work.values() if not one.told]
        if not open_ones:
            return
        try:
            cancelled = _cancelling(client, open_ones)
        except Exception as error:  # Prefect may not answer now; the next look is soon
            _log.warning("could not ask Prefect for cancelled runs: %s: %s", type(error).__name__, error)
            return
        for run in cancelled:
            at_work[str(run)].told = time.monotonic()
            at_work[str(run)].work.tell(signal.SIGTERM)

    def _close(self) -> None:
        with self._lock:
            self._closed = True
            left = list(self._at_work.values())
        for one in left:
            one.told = one.told or time.monotonic()
            one.work.tell(signal.SIGTERM)
        until = time.monotonic() + _CLOSE_SECONDS
        for one in left:
            one.ended.wait(max(0.0, until - time.monotonic()))


def _cancelling(client: SyncPrefectClient, runs: list[UUID]) -> list[UUID]:
    """Those of *runs* that Prefect was asked to cancel, or that it counts as ended while they go on."""
    from flows.prefect.api import FlowRunFilter, FlowRunFilterId, FlowRunFilterState, FlowRunFilterStateType, StateType

    states = FlowRunFilterStateType(any_=[StateType.CANCELLING, StateType.CANCELLED])
    asked = FlowRunFilter(id=FlowRunFilterId(any_=runs), state=FlowRunFilterState(type=states))
    return [one.id for one in client.read_flow_runs(flow_run_filter=asked, limit=len(runs))]


def _named(queue: str) -> Any:
    from flows.prefect.api import WorkQueueFilter, WorkQueueFilterName

    return WorkQueueFilter(name=WorkQueueFilterName(any_=[queue]))


def _hands_over(template: Mapping[str, Any], runs: Path) -> bool:
    """Does a run of the pool start as our own *template* of it says, so with nothing of its own that an operator set?"""
    job, variables = template.get("job_configuration", {}), template.get("variables", {}).get("properties", {})
    given = {name: one.get("default") for name, one in variables.items()}
    try:
        command = shlex.split(given.pop("command", None) or "")
    except ValueError:
        return False
    hands = "foundation.processes.handed" in command and str(runs) in command
    own = all(job.get(name) == f"{{{{ {name} }}}}" for name in ("command", "env", "working_dir"))
    return hands and own and not (given.get("env") or given.get("working_dir"))


def _environment(run: FlowRun, deployment: DeploymentResponse) -> dict[str, str]:
    """What Prefect's worker would tell this run and no other (`flows.prefect.warm.VARYING`)."""
    told = {
        "FLOW_RUN_ID": str(run.id),
        "FLOW_RUN_NAME": run.name,
        "FLOW_ID": str(run.flow_id),
        "FLOW_ENTRYPOINT": deployment.entrypoint or "",
        "DEPLOYMENT_ID": str(deployment.id),
        "DEPLOYMENT_NAME": deployment.name,
        "WORK_POOL_NAME": deployment.work_pool_name or "",
        "WORK_QUEUE_NAME": deployment.work_queue_name or "",
        "ENABLE_CANCELLATION_AND_CRASHED_HOOKS": "false",
    }
    return {f"PREFECT__{name}": value for name, value in told.items()}
