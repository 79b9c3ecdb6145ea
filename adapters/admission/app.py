"""``POST /admit`` and ``/admit-servers``: an AdmissionReview in, one out; and ``/convert`` (`adapters.admission.converting`).

`capabilities.cluster.admit` decides about workloads, `services.operator.admitting` about MCPServer resources.

What cannot be decided is not allowed.

The API server waits for a few seconds and then follows its webhook's ``failurePolicy``. An answer with a reason helps more, so
every request is answered within `DEADLINE`.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial

from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from adapters.admission import converting
from adapters.admission.review import AdmissionAsked, NoReview, answer, read_review, refusal
from adapters.admission.servers import Judges, answering
from capabilities.place import Place

PATH, SERVERS = "/admit", "/admit-servers"
DEADLINE = 8.0
"""Seconds from the first byte to the answer. The webhook's ``timeoutSeconds`` must be longer."""
MOST_BYTES = 3 * 1024 * 1024
"""Twice the 1.5 MiB that etcd allows for an object, because a review may hold the object before and after a change."""
Decide = Callable[[AdmissionAsked, Callable[[], Place]], dict[str, object]]
_AT_ONCE = 8
_MOST_WAITING = 128


def routes(
    place: Callable[[], Place],
    *,
    policy: str = "admission",
    deadline: float = DEADLINE,
    judges: Judges | None = None,
) -> list[BaseRoute]:
    """The routes that an API server calls.

    *place* is called for each request, in a thread. *policy* is a shipped policy's name, or a file that the place may read.
    *deadline* is in seconds. *judges* says who may judge the images of MCP servers: without it, the place's own key.
    """
    doors: dict[str, Decide] = {PATH: partial(_workloads, policy), SERVERS: answering(judges or Judges())}
    judged = [Route(path, _Door(place, decide, deadline).admit, methods=["POST"]) for path, decide in doors.items()]
    return [*judged, converting.route()]


def _workloads(policy: str, review: AdmissionAsked, place: Callable[[], Place]) -> dict[str, object]:
    return answer(review, policy, place)


class _Door:
    def __init__(self, place: Callable[[], Place], decide: Decide, deadline: float) -> None:
        self._place = place
        self._decide = decide
        self._deadline = deadline
        self._threads = ThreadPoolExecutor(max_workers=_AT_ONCE, thread_name_prefix="admit")
        self._waiting = 0

    async def admit(self, request: Request) -> Response:
        kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
        if kind != "application/json":
            return _plain(415, "an AdmissionReview comes as application/json")
        if self._waiting >= _MOST_WAITING:
            return _plain(503, f"{_MOST_WAITING} reviews are in progress; ask again")
        self._waiting += 1
        try:
            return await self._answered(request)
        finally:
            self._waiting -= 1

    async def _answered(self, request: Request) -> Response:
        until = asyncio.get_running_loop().time() + self._deadline
        try:
            async with asyncio.timeout_at(until):
                data = await _body(request)
        except TimeoutError:
            return _plain(408, f"the review did not arrive within {self._deadline:g} seconds")
        except ClientDisconnect:
            return _plain(400, "the review ended before it was complete")
        if data is None:
            return _plain(413, f"a review has at most {MOST_BYTES} bytes")
        asked: list[AdmissionAsked] = []
        stop = threading.Event()
        work = self._threads.submit(self._decided, data, stop, asked)
        try:
            async with asyncio.timeout_at(until):
                said = await asyncio.wrap_future(work)
        except TimeoutError:
            stop.set()
            if not asked:
                return _plain(503, f"the review could not be read within {self._deadline:g} seconds; ask again")
            said = refusal(asked[0].uid, 504, f"there was no decision within {self._deadline:g} seconds; ask again")
        except NoReview as error:
            return _plain(400, str(error))
        return Response(json.dumps(said), media_type="application/json")

    def _decided(self, data: bytes, stop: threading.Event, asked: list[AdmissionAsked]) -> dict[str, object]:
        """The answer to *data*, made in a thread. What was asked is put into *asked* as soon as it is known."""
        review = read_review(data)
        asked.append(review)
        return self._decide(review, lambda: replace(self._place(), stop=stop))


async def _body(request: Request) -> bytes | None:
    """The body, or ``None`` if it is longer than any review."""
    length = request.headers.get("content-length", "")
    if length.isdigit() and (len(length) > 18 or int(length) > MOST_BYTES):
        return None
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > MOST_BYTES:
            return None
    return bytes(data)


def _plain(status: int, why: str) -> Response:
    return PlainTextResponse(f"arcops: {why}\n", status_code=status)
