"""``/{server}/status``: how a server is now, from memory, so that asking costs nothing and works while the server does not."""

from __future__ import annotations

from starlette.types import Send

from adapters.relay.answers import answer
from services.host import envelope
from services.host.hosted import Row, Shown

_NO_STORE = ((b"cache-control", b"no-store"),)


async def shown(send: Send, row: Row, now: Shown | None) -> None:
    """The state of *row*."""
    told: dict[str, object] = {"name": row.name, "state": "Pending", "reason": "it was not asked for since this host started"}
    if now is not None:
        told |= {
            "state": now.state.value,
            "reason": now.reason,
            "since": now.since.isoformat(),
            "pids": list(now.pids),
            "calls": now.calls,
            "restarts": now.restarts,
            "stderr": list(now.stderr),
        }
    await answer(send, 200, envelope.encoded(told), _NO_STORE)
