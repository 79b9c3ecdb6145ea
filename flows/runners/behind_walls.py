"""The child's half of `flows.runners.isolated`: it stands behind its walls, looks once, and answers on its standard output.

It is a module of its own, because a process for each isolated collector should import only what it needs.
"""

from __future__ import annotations

import gc
import importlib
import math
import os
import pickle
import resource
import sys

from arcops.errors import Broken
from arcops.evidence import Body, Missing, Sighting, Source
from arcops.late_dataclass import dataclass
from arcops.request import Request
from artifacts.wire import canonical_bytes
from flows.runners.looking import AnyCollector, as_declared, look_and
from foundation.processes.walls import stand

MOST_MEMORY = 2 * 1024**3
"""Bytes of address space for the child: enough for every document within the readers' own limits."""

_ALLOCATIONS = 500_000
"""How many more objects than before cause a search for cycles in the child: Python's own 700 take a fifth of its time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sources:
    """The first line of an answer: what the sighting is based on."""

    sources: tuple[Source, ...]


def _limit(what: int, most: int) -> None:
    """Lower the limit *what* to *most*; one that is lower already stays."""
    _, hard = resource.getrlimit(what)
    least = most if hard == resource.RLIM_INFINITY else min(most, hard)
    resource.setrlimit(what, (least, least))


def _child() -> None:
    gc.set_threshold(_ALLOCATIONS)
    # Before the collector's own modules are imported: they import code of others, which may start threads.
    name, measures, walls = pickle.load(sys.stdin.buffer)  # noqa: S301  # written by our own parent process
    stand(walls, module=name)
    if not measures:
        _limit(resource.RLIMIT_AS, MOST_MEMORY)
    request, collected = pickle.load(sys.stdin.buffer)  # noqa: S301  # the same
    module, _, attribute = name.rpartition(".")
    collector = getattr(importlib.import_module(module), attribute)
    if collector.code != name:
        raise Broken(f"{name} is not a collector")
    seconds = math.ceil(collector.deadline.total_seconds())
    # So that it ends even if no process is left to kill it. What measures uses every processor at once.
    _limit(resource.RLIMIT_CPU, seconds * (os.cpu_count() or 1) if measures else seconds)
    found = look_and(collector, request, collected, _said)
    sys.stdout.buffer.write(canonical_bytes(found) if isinstance(found, Missing) else found)
    gc.freeze()  # without it the interpreter searches everything for cycles at its end


def _said(collector: AnyCollector, sighting: Sighting[Body], _: Request) -> bytes:
    """The answer for `_answer`: the sources on the first line, then the body. The parent adds digest and circumstances."""
    body = as_declared(collector, sighting).body
    return b"\n".join((canonical_bytes(Sources(sources=sighting.sources)), canonical_bytes(body)))


if __name__ == "__main__":
    _child()
