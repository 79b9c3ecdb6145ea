"""What a server of another machine says is looked at before anyone hears it, whichever way it comes."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
import pytest

from arcops.errors import Unavailable
from arcops.tier import Tier
from services.host.elsewhere import Address, headers_of, pipe_to
from services.host.eras import Era
from services.host.framing import MOST_MESSAGE
from services.host.link import Link
from tasks.server.events import MOST_EVENT
from tests.simulators.far_server import ECHO, Far, far_server

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")
WAYS = ("json", "events", "sse")


def before(far: Far, work: Callable[[Link, list[bytes]], Awaitable[None]], **headers: str) -> None:
    """Do *work* with an open link to *far*, and what was refused by a look that knows the word ``stolen``."""

    async def whole() -> None:
        address = Address(transport="sse" if far.over == "sse" else "remote", url=far.url(), headers=headers_of(headers))
        pipe = pipe_to(address, tier=Tier.AIR_GAPPED, seconds=30.0)
        refused: list[bytes] = []

        def look(line: bytes) -> bool:
            if b"stolen" not in line:
                return True
            refused.append(line)
            pipe.end("it says another thing than it did")
            return False

        pipe.look = look
        link = Link(pipe, name="far", private=False, seconds=30.0)
        try:
            await link.open(Era.LEGACY)
            await work(link, refused)
        finally:
            pipe.end("the test ends")
            await pipe.left()

    asyncio.run(whole())


@pytest.mark.parametrize("over", WAYS)
def test_what_may_not_be_passed_on_ends_it_and_is_heard_by_no_one(over: str) -> None:
    with far_server(over=over) as far:

        async def work(link: Link, refused: list[bytes]) -> None:
            assert "result" in said(await link.call("tools/list", {}))
            far.tools = [{**ECHO, "name": "stolen"}]
            with pytest.raises(Unavailable, match="it says another thing than it did"):
                await link.call("tools/list", {})
            assert len(refused) == 1
            with pytest.raises(Unavailable):
                await link.call("tools/list", {})
            assert len(refused) == 1

        before(far, work)


@pytest.mark.parametrize("over", WAYS)
def test_its_instructions_are_looked_at_when_it_is_opened(over: str) -> None:
    async def work(link: Link, refused: list[bytes]) -> None:
        raise AssertionError("it was opened")

    with far_server(over=over, instructions="stolen") as far, pytest.raises(Unavailable, match="another thing"):
        before(far, work)


def test_an_error_with_a_result_in_it_is_looked_at_too() -> None:
    with far_server() as far:

        async def work(link: Link, refused: list[bytes]) -> None:
            far.replies = {
                "tools/list": (400, {"result": {"tools": [{"name": "stolen"}]}, "error": {"code": 1, "message": "no"}})
            }
            with pytest.raises(Unavailable):
                await link.call("tools/list", {})
            assert len(refused) == 1

        before(far, work)


@pytest.mark.parametrize("over", WAYS)
@pytest.mark.parametrize("status", [307, 401])
def test_a_redirect_is_not_followed_and_a_refusal_says_what_to_do(over: str, status: int) -> None:
    async def work(link: Link, refused: list[bytes]) -> None:
        raise AssertionError("it was opened")

    with far_server(over=over) as far, far_server(over=over) as other:
        far.status, far.location = status, other.url()
        with pytest.raises(Unavailable) as caught:
            before(far, work, AUTHORIZATION="Bearer of the row")
        if status == 307:
            assert "another address, which is not followed" in str(caught.value)
        else:
            assert "give its credential with --secret AUTHORIZATION=REFERENCE" in str(caught.value)
        assert not other.heads
        assert "of the row" not in str(caught.value)


def test_one_event_and_one_message_have_the_same_bound() -> None:
    assert MOST_EVENT == MOST_MESSAGE


def said(answer: object) -> Any:
    return msgspec.json.decode(msgspec.json.encode(answer))
