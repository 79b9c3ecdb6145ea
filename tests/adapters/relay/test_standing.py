"""An open stream lasts no longer than what its caller showed."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from starlette.types import Message

from adapters.http import standing
from adapters.http.access import Door
from adapters.http.callers import NotIn
from adapters.http.standing import WhileLetIn
from adapters.relay.access import Entry
from arcops.identity import Identity
from tests.adapters.relay.talking import PATIENCE, ask, serving
from tests.adapters.relay.test_access import of, shown
from tests.adapters.relay.test_access import place as place
from tests.adapters.relay.test_together import hosting, several
from tests.simulators.issuer import Issuer

pytestmark = pytest.mark.requirement("HOST-NFR/streams-end-with-the-token")


@dataclass
class Let:
    """Who asks is let in as long as a test says so; each look is counted."""

    who: Identity | NotIn | None = None
    looks: int = 0
    looked: asyncio.Event | None = None

    def over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """From now on `Entry.identify` says what the test says, after the streams were opened."""
        really = Entry.identify

        async def identify(entry: Entry, scope: object, fields: object, server: str) -> Identity | NotIn:
            self.looks += 1
            if self.looked is not None:
                self.looked.set()
            return self.who or await really(entry, scope, fields, server)  # type: ignore[arg-type]

        monkeypatch.setattr(Entry, "identify", identify)


@pytest.mark.parametrize("kind", ["GET /t/mcp", "GET /t/sse", "listen t", "listen all", "GET /all/mcp"])
def test_a_stream_ends_when_its_caller_is_not_let_in_any_more(
    place: tuple[Door, Issuer, Path], monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    door, issuer, _ = place
    monkeypatch.setattr(standing, "LOOK_SECONDS", 0.02)

    async def run() -> None:
        async with asyncio.timeout(PATIENCE), serving(hosting(), replace(door, limits=None), offers=several()) as here:
            let = Let()
            let.over(monkeypatch)
            name = "all" if "all" in kind else "t"
            client = here.client(name, **shown(issuer, "ada"))
            if kind.startswith("listen"):
                response = await client.modern("subscriptions/listen", {"notifications": {"toolsListChanged": True}})
            elif kind.endswith("mcp"):
                await client.open()
                response = await client.stream()
            else:
                response = await ask(here.port, "GET", "/t/sse", {"accept": "text/event-stream", **shown(issuer, "ada")})
            assert response.status == 200
            let.looks, let.looked = 0, asyncio.Event()
            while let.looks < 3:  # it is looked at again and again, and stays open
                await let.looked.wait()
                let.looked.clear()
            let.who = NotIn(status=401, said="the key was revoked")
            with suppress(EOFError, OSError):
                async for _ in response.events():  # it ends, or the test does not
                    continue

    asyncio.run(run())


def test_a_call_under_way_is_not_cut(place: tuple[Door, Issuer, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    """It was let in when it was asked."""
    door, issuer, _ = place
    monkeypatch.setattr(standing, "LOOK_SECONDS", 0.02)

    async def run() -> None:
        async with asyncio.timeout(PATIENCE), serving(hosting(), replace(door, limits=None)) as here:
            let = Let()
            let.over(monkeypatch)
            ada = of(here, issuer, "ada")
            await ada.open()
            call = await ada.begin("slow_progress", {"steps": 3, "seconds": 0.1}, token="p")
            let.who = NotIn(status=401, said="the key was revoked")
            assert (await call.last())["result"]["content"][0]["text"] == "done"

    asyncio.run(run())


def test_it_is_looked_at_until_it_is_over() -> None:
    async def nothing() -> Message:
        await asyncio.Event().wait()
        raise AssertionError

    async def run() -> None:
        looks: list[bool] = [True, True, False, True]

        async def let_in() -> bool:
            return looks.pop(0)

        receive = WhileLetIn(nothing, let_in, seconds=0.001)
        assert await receive() == {"type": "http.disconnect"}
        assert looks == [True], "once it is over it stays so"
        assert await receive() == {"type": "http.disconnect"}
        assert looks == [True]

        async def soon() -> Message:
            return {"type": "http.request"}

        assert await WhileLetIn(soon, let_in)() == {"type": "http.request"}

    asyncio.run(run())


def test_who_vouches_for_tokens_may_be_away_for_a_while(
    place: tuple[Door, Issuer, Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    door, issuer, _ = place
    ada = Identity(issuer=issuer.url, tenant="", id="ada")

    async def run() -> None:
        async with serving(hosting(), door) as here:
            for found, stays in (
                (NotIn(status=503, said="its keys cannot be had"), True),
                (NotIn(status=401, said="it ended"), False),
                (NotIn(status=403, said="no"), False),
                (replace(ada, id="eve"), False),
                (replace(ada, roles=frozenset(("new",))), True),
            ):

                async def identify(*_: object, found: Identity | NotIn = found) -> Identity | NotIn:
                    return found

                monkeypatch.setattr(Entry, "identify", identify)
                assert await here.app._let_in({}, {}, "t", ada) is stays

    asyncio.run(run())
