"""A new artifact reaches the MCP clients that wait for it, in both eras, and who was away misses nothing.

Specification: revision 2026-07-28, "subscriptions/listen"; revision 2025-11-25, "Resources", "Subscriptions".
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import httpx2
import mcp_types as types
import pytest
from mcp import Client, MCPError
from mcp.client.streamable_http import streamable_http_client
from starlette.applications import Starlette

from adapters.mcp import publishing
from adapters.mcp.app import endpoint
from adapters.mcp.publishing import MOST_URIS
from adapters.mcp.resources import NEWEST
from arcops.errors import Refused
from arcops.finding import Outcome
from flows.place import Place
from foundation.identity.accepting import Accepting
from tests.adapters.doors import door_for
from tests.adapters.loopback import loopback
from tests.adapters.test_sessions import Believing
from tests.kept import emptied, finding, keep, report, result
from tests.models import Bench, bench

pytestmark = [pytest.mark.requirement("ARC-R2/new-artifacts-reach-subscribers"), pytest.mark.xdist_group("sessions")]

GREEN = result("signatures", finding("signatures/signed"))
RED = result("signatures", finding("signatures/signed", outcome=Outcome.FAIL))


def _nothing(*_: object) -> Any:
    raise Refused("nothing is signed here")


@dataclass
class Site:
    url: str
    here: Bench

    @asynccontextmanager
    async def client(self, mode: str, told: Any = None) -> AsyncIterator[Client]:
        async with (
            httpx2.AsyncClient(headers={"authorization": "Bearer t/ada"}, timeout=600, trust_env=False) as http,
            Client(streamable_http_client(self.url, http_client=http), mode=mode, message_handler=told) as found,
        ):
            yield found


@contextmanager
def serving(here: Bench) -> Iterator[Site]:
    place = Place(settings=here.settings, now=lambda: datetime.now(UTC), signer=_nothing, secret=_nothing, roots=())
    found = endpoint(place, resource="http://127.0.0.1/mcp", door=replace(door_for(), accepting=cast(Accepting, Believing())))
    with loopback(Starlette(routes=found.routes, lifespan=lambda _: found.running), lifespan="on") as port:
        yield Site(f"http://127.0.0.1:{port}/mcp", here)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture
def before() -> tuple[str, ...]:
    """The subjects of which the store has an artifact before the server begins: of those no one is told."""
    return ()


@pytest.fixture
def site(made: Bench, tmp_path: Path, before: tuple[str, ...]) -> Iterator[Site]:
    here = emptied(made, tmp_path)
    for name in before:
        keep(here, report(name, GREEN, at=datetime.now(UTC).replace(microsecond=0)))
    with serving(here) as found:
        yield found


def run(work: Any) -> Any:
    return asyncio.run(asyncio.wait_for(work, 120))


async def kept(site: Site, name: str, judged: Any = GREEN) -> str:
    """Another process keeps an artifact, as far as the server can tell."""
    return await asyncio.to_thread(keep, site.here, report(name, judged, at=datetime.now(UTC).replace(microsecond=0)))


async def read(client: Client, uri: str) -> dict[str, Any]:
    (content,) = (await client.read_resource(uri)).contents
    return cast(dict[str, Any], json.loads(content.text))


def about(artifact: dict[str, Any]) -> str:
    return f"arcops://about/{artifact['digests'][0]}"


class TestListening:
    @pytest.mark.parametrize("before", [("before",)])
    def test_a_listening_client_is_told_and_reads_what_is_new_from_where_it_was(self, site: Site) -> None:
        async def ask() -> Any:
            async with site.client("2026-07-28") as client:
                begun = await read(client, NEWEST)
                async with client.listen(resources_list_changed=True, resource_subscriptions=[NEWEST]) as told:
                    await kept(site, "tiny", RED)
                    events = {type(await anext(told)).__name__ for _ in range(2)}
                    return begun, events, await read(client, f"arcops://log/{begun['next']}")

        begun, events, new = run(ask())
        assert [one["subject"] for one in begun["artifacts"]] == ["before"]
        assert events == {"ResourcesListChanged", "ResourceUpdated"}
        (one,) = new["artifacts"]
        assert (one["subject"], one["verdict"], one["position"], new["next"]) == ("tiny", "RED", 1, 2)

    @pytest.mark.parametrize("before", [("mine", "other")])
    def test_only_those_who_wait_for_a_subject_are_told_about_it(self, site: Site) -> None:
        async def ask() -> Any:
            async with site.client("2026-07-28") as client:
                mine, _ = (await read(client, NEWEST))["artifacts"]
                async with client.listen(resource_subscriptions=[about(mine)]) as told:
                    await kept(site, "other", RED)
                    await kept(site, "mine", RED)
                    event = await anext(told)
                    return mine, event, await read(client, event.uri)

        mine, event, found = run(ask())
        assert event.uri == about(mine)
        assert [one["verdict"] for one in found["artifacts"]] == ["GREEN", "RED"]
        assert {one["subject"] for one in found["artifacts"]} == {"mine"}

    def test_one_who_stopped_reading_holds_up_no_other(self, site: Site) -> None:
        async def ask() -> None:
            async with (
                site.client("2026-07-28") as dead,
                dead.listen(resource_subscriptions=[NEWEST]),
                site.client("2026-07-28") as live,
                live.listen(resource_subscriptions=[NEWEST]) as told,
            ):
                for number in range(3):
                    await kept(site, f"model-{number}")
                    await anext(told)

        run(ask())


@pytest.mark.filterwarnings("ignore:resources:mcp.shared.exceptions.MCPDeprecationWarning")
class TestSubscribingInASession:
    @pytest.mark.parametrize("before", [("mine",)])
    def test_a_session_is_told_about_what_it_subscribed_to(self, site: Site) -> None:
        async def ask() -> Any:
            told: asyncio.Queue[Any] = asyncio.Queue()

            async def note(message: Any) -> None:
                await told.put(message)

            async with site.client("legacy", note) as client:
                assert client.server_capabilities.resources.subscribe
                assert client.server_capabilities.resources.list_changed
                (mine,) = (await read(client, NEWEST))["artifacts"]
                await client.subscribe_resource(about(mine))
                await client.subscribe_resource(NEWEST)
                await client.unsubscribe_resource(NEWEST)
                await kept(site, "other", RED)
                first = await told.get()
                await kept(site, "mine", RED)
                return mine, first, [await told.get(), await told.get()]

        mine, first, then = run(ask())
        assert isinstance(first, types.ResourceListChangedNotification)
        updated = [one for one in then if isinstance(one, types.ResourceUpdatedNotification)]
        assert [str(one.params.uri) for one in updated] == [about(mine)]
        assert {type(one) for one in then} == {types.ResourceListChangedNotification, types.ResourceUpdatedNotification}

    def test_who_only_listed_resources_is_told_that_the_list_changed(self, site: Site) -> None:
        async def ask() -> Any:
            told: asyncio.Queue[Any] = asyncio.Queue()

            async def note(message: Any) -> None:
                await told.put(message)

            async with site.client("legacy", note) as client:
                await client.list_resources()
                await kept(site, "tiny")
                return await told.get()

        assert isinstance(run(ask()), types.ResourceListChangedNotification)


def test_whatever_is_kept_after_the_server_began_is_told(made: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the log ended at the beginning is known before the first client can come."""
    looked: list[int | None] = []

    def look(feed: object, position: int | None) -> tuple[int, None]:
        looked.append(position)
        return 0, None

    monkeypatch.setattr(publishing, "_new", look)

    async def begin() -> None:
        async with publishing.Publishing(made.settings, owner=lambda _: "ada", most_each=1).running():
            assert looked == [None]

    run(begin())


class TestReadingTheLog:
    def test_an_artifact_that_no_one_vouches_for_has_no_verdict(self, site: Site, made: Bench, tmp_path: Path) -> None:
        outsider = bench(tmp_path / "outsider")

        async def ask() -> Any:
            said = report("tiny", GREEN, at=datetime.now(UTC).replace(microsecond=0))
            await asyncio.to_thread(keep, site.here, said, signer=outsider.signer)
            async with site.client("2026-07-28") as client:
                return await read(client, "arcops://log/0")

        (one,) = run(ask())["artifacts"]
        assert (one["standing"], one.get("verdict"), one.get("subject", "")) == ("untrusted", None, "")
        assert "signed it" in one["problem"]

    def test_what_was_logged_again_is_told_once(self, site: Site) -> None:
        async def ask() -> Any:
            said = report("tiny", GREEN, at=datetime.now(UTC).replace(microsecond=0), evidence={"tree": {"a": 1}})
            await asyncio.to_thread(keep, site.here, said)
            await asyncio.to_thread(keep, site.here, said, evidence={"tree": {"a": 1}})
            async with site.client("2026-07-28") as client:
                return await read(client, "arcops://log/0")

        found = run(ask())
        assert (len(found["artifacts"]), found["next"], found["size"]) == (1, 2, 2)

    @pytest.mark.parametrize(
        "uri", ["arcops://log/7", "arcops://log/-1", "arcops://log/x", "arcops://log/", "arcops://about/x"]
    )
    def test_a_place_that_is_not_there_is_refused(self, site: Site, uri: str) -> None:
        async def ask() -> None:
            async with site.client("2026-07-28") as client:
                with pytest.raises(MCPError):
                    await client.read_resource(uri)

        run(ask())

    def test_too_many_or_foreign_subscriptions_are_refused(self, site: Site) -> None:
        async def ask() -> None:
            many = [f"arcops://about/sha256:{number:064x}" for number in range(MOST_URIS + 1)]
            async with site.client("2026-07-28") as client:
                for wrong in (many, ["file:///etc/passwd"]):
                    with pytest.raises(MCPError, match="resource"):
                        async with client.listen(resource_subscriptions=wrong):
                            pass

        run(ask())
