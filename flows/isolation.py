"""A collector in a process of its own, which is killed at the deadline: for hostile input that could hold a thread for ever.

It may also use only so much memory, for hostile input that asks for all of it: what it cannot have ends it, and nothing else.

The child gets the request and the evidence on its standard input, and answers with JSON: what it says is parsed as strictly as
anything that comes from outside, so a child that hostile input took over can lie about its own evidence and do no more.
"""

from __future__ import annotations

import ctypes
import importlib
import json
import math
import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from arcops.errors import ArcOpsError, Broken
from arcops.evidence import Body, Cause, Evidence, Missing, Sighting, Source
from arcops.request import Request, silent, unheard
from artifacts.wire import from_json, to_json
from flows.looking import Found, as_evidence, look, missing
from flows.plan import AnyCollector

MOST_MEMORY = 2 * 1024**3
"""Bytes of address space for the child: room for every document that is within the readers' own limits."""


_SECONDS_TO_DIE = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sources:
    sources: tuple[Source, ...]


def look_isolated(collector: AnyCollector, request: Request, collected: Mapping[str, Found]) -> Found:
    """As `flows.looking.look`, in a child process that does not outlive the collector's deadline."""
    if any(not isinstance(collected.get(need.KIND), Evidence) for need in collector.needs):
        return look(collector, request, collected)  # which only says what is missing; that needs no process
    kinds = {body.KIND for body in (*collector.needs, *collector.wants)}
    given = {kind: answer for kind, answer in collected.items() if kind in kinds}
    asked = (replace(request, progress=silent, remark=unheard), given)
    task = pickle.dumps((collector.name, collector.measures)) + pickle.dumps(asked)
    try:
        return _asked(collector, request, task)
    except OSError as error:
        return missing(
            collector, Cause.UNAVAILABLE, f"no process could be started for {collector.name} ({error.strerror}); check again"
        )


def _asked(collector: AnyCollector, request: Request, task: bytes) -> Found:
    child = subprocess.Popen(  # in no with statement: leaving that waits for the child, which no signal may end
        [sys.executable, "-m", "flows.isolation", str(os.getpid())],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(entry or str(Path.cwd()) for entry in sys.path)},
        start_new_session=True,
    )
    ended = threading.Event()
    threading.Thread(target=_kill_when_told, args=(child, request, ended), daemon=True).start()
    out: bytes | None = None
    try:
        with suppress(subprocess.TimeoutExpired):
            out, _ = child.communicate(task, timeout=collector.deadline.total_seconds())
    finally:
        ended.set()
        died = _kill(child)
        _close(child)
    if out is None:
        beside = "" if died else f"; its process {child.pid} hangs in the kernel, where no signal ends it"
        return missing(collector, Cause.DEADLINE, f"{collector.name} did not answer within {collector.deadline}{beside}")
    if child.returncode != 0:
        told = "was told to end" if child.returncode == -signal.SIGKILL else f"ended with status {child.returncode}"
        return missing(collector, Cause.BROKEN, f"{collector.name} {told} and gave no answer")
    try:
        return _answer(collector, request, out)
    except (ArcOpsError, ValueError, KeyError, TypeError, RecursionError) as error:
        return missing(collector, Cause.BROKEN, f"{collector.name} answered what cannot be read: {error}")


def _kill_when_told(child: subprocess.Popen[bytes], request: Request, ended: threading.Event) -> None:
    while not ended.wait(0.1):
        try:
            request.progress(0, 0)
        except ArcOpsError:
            _kill(child)
            return


def _kill(child: subprocess.Popen[bytes]) -> bool:
    """End *child*. Did it end? One that sleeps in a driver that does not answer ends when that does, which may be never."""
    if child.poll() is None:
        os.killpg(child.pid, signal.SIGKILL)
    try:
        child.wait(_SECONDS_TO_DIE)
    except subprocess.TimeoutExpired:
        return False
    return True


def _close(child: subprocess.Popen[bytes]) -> None:
    for stream in (child.stdin, child.stdout):
        if stream is not None:
            with suppress(OSError):  # what the child did not read cannot be written any more
                stream.close()


def _answer(collector: AnyCollector, request: Request, out: bytes) -> Found:
    said = json.loads(out)
    if "missing" in said:
        return from_json(Missing, json.dumps(said["missing"]))
    body: Body = from_json(collector.body, json.dumps(said["body"]))
    sources = from_json(_Sources, json.dumps(said["rest"])).sources
    return as_evidence(collector, Sighting(body=body, sources=sources), request, at=request.now)


def _limit(what: int, most: int) -> None:
    """Lower the limit *what* to *most*; one that is lower already stays."""
    _, hard = resource.getrlimit(what)
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (least, least))


def _end_with(parent: int) -> None:
    """Ask the kernel to end this process with the thread that waits for it, however that ends (Linux; prctl(2))."""
    with suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG
    if os.getppid() != parent:
        raise SystemExit(1)


def _child() -> None:
    _end_with(int(sys.argv[1]))
    # Before the collector's own modules are imported, for what they import is not ours alone.
    name, measures = pickle.load(sys.stdin.buffer)  # noqa: S301  # written by our own parent process
    if not measures:
        _limit(resource.RLIMIT_AS, MOST_MEMORY)
    request, collected = pickle.load(sys.stdin.buffer)  # noqa: S301  # the same
    module, _, attribute = name.rpartition(".")
    collector = getattr(importlib.import_module(module), attribute)
    if collector.name != name:
        raise Broken(f"{name} is not a collector")
    seconds = math.ceil(collector.deadline.total_seconds())
    # So that it ends even where nobody is left to kill it. What measures uses every processor at once.
    _limit(resource.RLIMIT_CPU, seconds * (os.cpu_count() or 1) if measures else seconds)
    found = look(collector, request, collected)
    if isinstance(found, Evidence):
        said = {"body": to_json(found.body), "rest": to_json(_Sources(sources=found.sources))}
    else:
        said = {"missing": to_json(found)}
    sys.stdout.buffer.write(json.dumps(said).encode())


if __name__ == "__main__":
    _child()
