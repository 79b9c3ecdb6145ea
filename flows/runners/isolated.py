"""A collector in its own process, which is killed at the deadline: hostile input could make a thread hang for ever.

Its memory is limited, too: hostile input that asks for more ends this process and nothing else.

It is started isolated, with only the listed variables of our environment. Before it reads anything it limits itself
(`foundation.processes.walls`): a fault in a reader finds no key, no passphrase, no network and no program to start.

The child gets the request and the evidence on its standard input, and answers with JSON. The answer is parsed as strictly as
any input from outside, so a child that hostile input took over can lie about its own evidence and do no more.
"""

from __future__ import annotations

import os
import pickle
import signal
import threading
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace

from arcops.collector import Bounds
from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.evidence import Body, Cause, Missing, Sighting
from arcops.request import Request, silent, unheard
from artifacts.wire import from_json
from flows.runners.behind_walls import Sources
from flows.runners.looking import AnyCollector, Found, as_evidence, look, missing, opens_files
from foundation.processes import environments
from foundation.processes.starting import PIPE, Child, TimeoutExpired, empty_folder, python, start
from foundation.processes.walls import Walls, lacking
from foundation.secrets import secret_files

_SECONDS_TO_DIE = 2.0


def look_isolated(collector: AnyCollector, request: Request, collected: Mapping[str, Found]) -> Found:
    """As `flows.runners.looking.look`, in a child process that is killed at the collector's deadline."""
    if not opens_files(collector, request, collected):
        return look(collector, request, collected)  # it opens nothing, so it needs no process
    kinds = {body.KIND for body in (*collector.needs, *collector.wants)}
    given = {kind: answer for kind, answer in collected.items() if kind in kinds}
    try:
        bounds = collector.bounds(request)
        asked = replace(collector.before(request), progress=silent, remark=unheard)
        with empty_folder() as folder:
            walls = _walls(bounds, request, folder)
            environment = environments.of_collector(
                os.environ, folder, named=bounds.environment, devices=bounds.devices or collector.measures
            )
            if lacks := lacking():
                request.remark(f"{collector.id} runs with fewer protections than it should: {lacks}.")
            how = pickle.dumps((collector.code, collector.measures, walls))
            end = time.monotonic() + collector.deadline.total_seconds()
            while True:
                task = how + pickle.dumps((asked, given))
                found = _asked(collector, request, task, environment, folder, end - time.monotonic())
                if isinstance(found, Missing) or not collector.again(found.body):
                    return found
                given = {**given, found.body.KIND: found}
    except Unavailable as error:  # of what is looked up before
        return missing(collector, Cause.UNAVAILABLE, str(error))
    except Refused as error:
        return missing(collector, Cause.REFUSED, str(error))
    except OSError as error:
        return missing(
            collector, Cause.UNAVAILABLE, f"no process could be started for {collector.id} ({error.strerror}); check again"
        )


def _walls(bounds: Bounds, request: Request, folder: str) -> Walls:
    """What *bounds* opens. The key and its passphrase stay closed even inside these."""
    return Walls(
        reads=tuple(str(path.absolute()) for path in bounds.files),
        writes=() if folder == "/" else (folder,),
        secrets=tuple(str(path) for path in (*request.secrets, *secret_files(os.environ))),
        ports=bounds.ports,
        names=bounds.names,
        devices=bounds.devices,
        processes=bounds.processes,
    )


def _asked(
    collector: AnyCollector, request: Request, task: bytes, environment: Mapping[str, str], folder: str, seconds: float
) -> Found:
    # Not in a with statement: leaving it waits for the child, which perhaps no signal can end.
    child = start(
        python("flows.runners.behind_walls", ends_with_us=signal.SIGKILL),
        environment=environment,
        folder=folder,
        stdin=PIPE,
        stdout=PIPE,
    )
    ended = threading.Event()
    threading.Thread(target=_kill_when_told, args=(child, request, ended), daemon=True).start()
    out: bytes | None = None
    try:
        with suppress(TimeoutExpired):
            out, _ = child.communicate(task, timeout=max(0.0, seconds))
    finally:
        ended.set()
        died = _kill(child)
        _close(child)
    if out is None:
        beside = "" if died else f"; its process {child.pid} hangs in the kernel, and no signal can end it"
        return missing(collector, Cause.DEADLINE, f"{collector.id} did not answer within {collector.deadline}{beside}")
    if child.returncode != 0:
        told = "was killed" if child.returncode == -signal.SIGKILL else f"ended with status {child.returncode}"
        return missing(collector, Cause.BROKEN, f"{collector.id} {told} and gave no answer")
    try:
        return _answer(collector, request, out)
    except (ArcOpsError, ValueError, KeyError, TypeError, RecursionError) as error:
        return missing(collector, Cause.BROKEN, f"the answer of {collector.id} cannot be read: {error}")


def _kill_when_told(child: Child, request: Request, ended: threading.Event) -> None:
    while not ended.wait(0.1):
        try:
            request.progress(0, 0)
        except ArcOpsError:
            _kill(child)
            return


def _kill(child: Child) -> bool:
    """End *child*. Did it end? A child that waits for a driver ends when the driver answers, which may be never."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    try:
        child.wait(_SECONDS_TO_DIE)
    except TimeoutExpired:
        return False
    return True


def _close(child: Child) -> None:
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with suppress(OSError):  # input that the child did not read cannot be written any more
                stream.close()


def _answer(collector: AnyCollector, request: Request, out: bytes) -> Found:
    # Canonical JSON has no line end inside, and a reason why nothing was seen stands alone.
    first, _, rest = out.partition(b"\n")
    if not rest:
        return from_json(Missing, first)
    body: Body = from_json(collector.body, rest)
    sources = from_json(Sources, first).sources
    return as_evidence(collector, Sighting(body=body, sources=sources), request, at=request.now)
