"""What a client is told if a call does not come to its answer: a status, an error of JSON-RPC, and when to try again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from adapters.relay.answers import Headers
from arcops.errors import SAID_AS, ArcOpsError, Refused, Unavailable
from services.host import envelope
from services.host.envelope import Malformed
from services.host.hosted import NotYet, State
from services.host.to_agents import NoBridge

FORBIDDEN, UNAUTHORIZED, LIMITED = -32003, -32001, -32029
UNSUPPORTED = -32004
"""What A2A calls an operation that is not supported (1.0, 5.4)."""
RETRY_SECONDS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """The answer instead of a result."""

    status: int
    code: int
    said: str
    data: Mapping[str, object] | None = None
    headers: Headers = ()

    def body(self, id: bytes) -> bytes:
        """It as JSON-RPC, for the request *id*."""
        return envelope.error(id, self.code, self.said, self.data)


class Failed(Exception):
    """A request that goes no further; it carries its `Failure`."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.said)
        self.failure = failure


def failed(status: int, code: int, said: str, headers: Headers = ()) -> Failed:
    """A `Failed` to raise."""
    return Failed(Failure(status=status, code=code, said=said, headers=headers))


def failure_of(error: Exception) -> Failure:
    """How *error* is told. What a running server did wrong is told as the answer of that call, with 200: its session lives."""
    match error:
        case Failed():
            return error.failure
        case NotYet():
            data = {SAID_AS: "unavailable", "state": error.state.value, "retryAfterSeconds": error.retry}
            return Failure(
                status=429 if error.full else 503,
                code=envelope.UNAVAILABLE,
                said=str(error),
                data=data,
                headers=((b"retry-after", b"%d" % error.retry),),
            )
        case NoBridge():
            return Failure(status=501, code=UNSUPPORTED, said=str(error), data={"kind": "agent"})
        case Refused():
            return Failure(status=403, code=FORBIDDEN, said=str(error), data={SAID_AS: "refused"})
        case Unavailable():
            return Failure(status=200, code=envelope.UNAVAILABLE, said=str(error), data={SAID_AS: "unavailable"})
        case Malformed():
            return Failure(status=400, code=error.code, said=str(error))
        case ArcOpsError():
            return Failure(status=200, code=envelope.INTERNAL_ERROR, said=str(error))
    return Failure(status=500, code=envelope.INTERNAL_ERROR, said="an internal error of this host; its log says more")


def not_in_time(server: str, state: State | None, reason: str, seconds: float) -> NotYet:
    """The error of a server that did not come up while its caller was held."""
    now = state or State.PENDING
    why = f": {reason}" if reason else ""
    return NotYet(
        f"{server} is not ready after {seconds:.0f} seconds; it is {now.value}{why}; try again in {RETRY_SECONDS} seconds",
        state=now,
        retry=RETRY_SECONDS,
    )
