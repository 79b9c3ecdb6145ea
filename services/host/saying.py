"""What this host says of its servers in the database, so that every host and the operator see it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from arcops.errors import ArcOpsError
from services.host.rows import Rows, Said
from services.host.serving import Serving

SAY_SECONDS = 5.0
_SOON_SECONDS = 0.5
"""While something starts, which an operator may be waiting for."""


async def saying(servers: Mapping[str, Serving], rows: Rows, host: str) -> None:
    """Say for ever in *rows* how *servers* are at *host*. A database that does not answer is told the next time."""
    while True:
        with suppress(ArcOpsError):
            await asyncio.to_thread(rows.say, _said(servers, host))
        await asyncio.sleep(_SOON_SECONDS if any(one.starting for one in servers.values()) else SAY_SECONDS)


def _said(servers: Mapping[str, Serving], host: str) -> list[Said]:
    return [
        Said(
            name=name,
            host=host,
            state=one.state.value,
            reason=one.reason,
            pids=one.pids,
            since=int(one.since.timestamp() * 1000),
        )
        for name, one in servers.items()
    ]
