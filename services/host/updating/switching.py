"""A version that counts now, on a host on which the one before still serves: that goes on until the new one was seen to answer.

So no call waits for a start, and none is lost to a version that does not start here, whatever its row says.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace

from arcops.errors import ArcOpsError
from services.host.eras import Era
from services.host.hosted import State
from services.host.rows import HostedRow
from services.host.serving import Key, Running, Serving

AGAIN_SECONDS = 30.0
"""After so long a version that did not answer is tried again."""

_log = logging.getLogger(__name__)
Start = Callable[[Serving, Key, HostedRow], Awaitable[Running]]


def goes_on(serving: Serving, row: HostedRow) -> bool:
    """Does the version that serves go on for now, although *row* is another one?"""
    now = serving.row
    return (
        row.current.number != now.current.number and bool(serving.running) and row.enabled and row.generation == now.generation
    )


async def proven(serving: Serving, start: Start, *, again_seconds: float = AGAIN_SECONDS) -> None:
    """Start ``serving.next`` beside what serves, until it answers; then it is what serves. What it replaces ends when its calls
    and sessions have (`services.host.reaping`).
    """
    while (row := serving.next) is not None:
        started: list[Running] = []
        try:
            for key in _keys(serving.running, row):
                started.append(await start(serving, key, row))
                await started[-1].link.open(key.era)
        except ArcOpsError as error:
            for one in started:
                one.pipe.end("it did not answer when it was tried")
            if serving.next is not None and serving.next.current.number == row.current.number:
                number, older = row.current.number, serving.row.current.number
                _log.error(
                    "hosted server %s: version %s does not start here, so %s goes on: %s", row.name, number, older, error
                )
                serving.say(State.RUNNING, f"version {number} does not start here, and version {older} goes on: {error}")
                await asyncio.sleep(again_seconds)
            continue
        if serving.next is not None and serving.next.current.number == row.current.number:
            serving.row, serving.next = serving.next, None
            serving.say(State.RUNNING, f"version {row.current.number} took over")
        if not row.current.spec.stateless:
            for one in started:
                one.pipe.end("it answered when it was tried; each session has a process of its own")


def _keys(running: Iterable[Key], row: HostedRow) -> list[Key]:
    """What *row* is tried as: as what serves now, for each tenant and era of it."""
    wanted = {
        replace(one, version=row.current.number, generation=row.generation, session="")
        for one in running
        if one.version != row.current.number
    }
    plain = Key(version=row.current.number, generation=row.generation, tenant="", era=Era.LEGACY, session="")
    return sorted(wanted, key=lambda one: (one.tenant, one.era.value)) or [plain]
