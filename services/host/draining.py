"""A server that runs and whose verdict counts no more: no new call, a while for those that are under way, and then its end."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from arcops.errors import Refused

if TYPE_CHECKING:
    from services.host.serving import Serving
    from services.host.verdicts import Verdicts

JUDGE_SECONDS = 5.0
DRAIN_SECONDS = 30.0
_LOOK_SECONDS = 0.5

_log = logging.getLogger(__name__)


async def judging(servers: Mapping[str, Serving], verdicts: Verdicts) -> None:
    """Ask for ever whether the verdicts of what runs still count; what may run no more is drained."""
    while True:
        await asyncio.sleep(_LOOK_SECONDS)
        for serving in list(servers.values()):
            await _judged_again(serving, verdicts)


async def _judged_again(serving: Serving, verdicts: Verdicts) -> None:
    """Ask whether *serving* may still run, if that was not asked a moment ago, and drain it if it may not."""
    now = time.monotonic()
    if not serving.running:
        serving.refused = ""  # each start asks by itself
        return
    if now - serving.asked >= JUDGE_SECONDS or not serving.asked:
        serving.asked, row = now, serving.row
        try:
            await asyncio.to_thread(verdicts.standing, row)
            serving.refused = ""
        except Refused as error:
            if not serving.refused:
                serving.stopping = now
                _log.error("hosted server %s ends: %s", row.name, error)
            serving.refused = str(error)
    if serving.refused:
        _drain(serving, now)


def _drain(serving: Serving, now: float) -> None:
    for running in list(serving.running.values()):
        if not running.link.busy or now - serving.stopping >= DRAIN_SECONDS:
            running.pipe.end("its verdict does not count any more")
