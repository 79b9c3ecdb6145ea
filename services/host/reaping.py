"""Processes that no one uses end, and those of an older version of a row when their last session is gone."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping

from services.host.serving import Serving

REAP_SECONDS = 5.0
_DRAIN_SECONDS = 30.0


async def reaping(servers: Mapping[str, Serving]) -> None:
    """Look at *servers* for ever."""
    while True:
        await asyncio.sleep(REAP_SECONDS)
        now = time.monotonic()
        for serving in servers.values():
            _reap(serving, now)


def _reap(serving: Serving, now: float) -> None:
    for key, running in list(serving.running.items()):
        link = running.link
        idle = now - link.used
        if link.busy or link.sessions:
            continue
        if idle >= serving.row.current.spec.idle_seconds:
            running.pipe.end(f"no one used it for {idle:.0f} seconds")
        elif key.version != serving.row.current.number and idle >= _DRAIN_SECONDS:
            running.pipe.end("its row has a newer version")
