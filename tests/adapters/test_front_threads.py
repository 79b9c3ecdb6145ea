"""Callers that wait for someone else, such as an issuer that hangs, hold no one up who needs only a moment."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import httpx2
import pytest
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from adapters.http.app import MOST_THREADS, DoorPart, front
from adapters.http.bound import bind
from adapters.http.login import MOST_AT_ONCE
from adapters.http.serve import listen
from foundation.identity.asking import MOST_WAITING
from foundation.settings import read_settings
from tests.adapters.loopback import loopback

pytestmark = pytest.mark.requirement("ARC-3/callers-are-bounded")

MANY = 30


def test_many_that_wait_do_not_stop_one_that_does_not() -> None:
    """Mutation: the threads that Python gives by itself, some for each core."""
    let_go, held = threading.Event(), threading.Semaphore(0)

    def wait() -> None:
        held.release()
        let_go.wait(600)

    async def hold(_: Request) -> Response:
        await asyncio.to_thread(wait)
        return PlainTextResponse("at last")

    async def quick(_: Request) -> Response:
        return PlainTextResponse(await asyncio.to_thread(str, "at once"))

    part = DoorPart(routes=[Route("/hold", hold), Route("/quick", quick)])
    listening = listen("127.0.0.1", 0)
    bound = bind("127.0.0.1", listening.getsockname()[1], read_settings({}), certificate=None, key=None, behind_proxy=False)
    with loopback(front([part], bound), lifespan="on", at=listening), ThreadPoolExecutor(MANY) as callers:
        waiting = [callers.submit(httpx2.get, f"{bound.url}/hold", timeout=600) for _ in range(MANY)]
        try:
            for _ in range(MANY):
                assert held.acquire(timeout=600), "each of them waits"
            assert httpx2.get(f"{bound.url}/quick", timeout=600).text == "at once"
        finally:
            let_go.set()
        assert {one.result().text for one in waiting} == {"at last"}


def test_there_are_more_threads_than_may_wait_for_any_one() -> None:
    assert MOST_THREADS > MOST_WAITING + MOST_AT_ONCE
