"""``/{server}/status``: how a server is now, from memory, so that asking costs nothing and works while the server does not."""

from __future__ import annotations

from starlette.types import Send

from adapters.relay.answers import answer
from arcops.identity import Identity
from foundation.authorization.role_policy import RESERVED
from services.host import envelope
from services.host.hosted import Row, Shown

_NO_STORE = ((b"cache-control", b"no-store"),)


async def shown(send: Send, row: Row, now: Shown | None, caller: Identity) -> None:
    """The state of *row*. What a server wrote to its errors may hold what callers sent, so only this machine's user sees it."""
    told: dict[str, object] = {"name": row.name, "state": "Pending", "reason": "it was not asked for since this host started"}
    if now is not None:
        told |= {
            "state": now.state.value,
            "reason": now.reason,
            "since": now.since.isoformat(),
            "calls": now.calls,
            "restarts": now.restarts,
        }
        if caller.issuer == RESERVED:
            told |= {"pids": list(now.pids), "stderr": list(now.stderr)}
    await answer(send, 200, envelope.encoded(told), _NO_STORE)
