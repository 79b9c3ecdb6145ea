"""Each call through the relay gives one event of cost, with who, what and how much."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from adapters.http.access import Door
from capabilities.access.known import known_objects
from foundation.authorization.authorizing import Authorization
from foundation.database.migrating import ready
from services.host.costs.event import CostEvent
from services.host.costs.store import CostStore
from services.host.figures.workflows import workflows
from tests.adapters.relay.talking import Here, serving
from tests.adapters.relay.test_access import of, place, shown
from tests.foundation.database.open_here import at_server, hurried
from tests.services.host.costs.calls import Kept, meter
from tests.simulators.hosting import Hosting, trivial
from tests.simulators.issuer import Issuer

__all__ = ["place"]  # a fixture
EVERYTHING = """\
roles: {callers: {allows: ["servers/*:call"]}}
callers:
  - {issuer: "ISSUER", tenant: "", id: ada, roles: [callers]}
  - {issuer: "ISSUER", tenant: "", id: eve, roles: [callers]}
"""
TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


def events(place: tuple[Door, Issuer, Path], folder: Path, calls: Callable[[Here, Issuer], Awaitable[None]]) -> list[CostEvent]:
    """What was kept of *calls*, which get the relay and the issuer."""
    door, issuer, _ = place
    kept = Kept()
    at = meter(kept, folder)

    async def run() -> None:
        hosting = Hosting(commands={"t": trivial(), "m": trivial("--modern")}, stateless=frozenset(("m",)))
        async with serving(hosting, door, meter=at) as here:
            await calls(here, issuer)

    asyncio.run(run())
    at.close()
    return kept.events


@pytest.mark.requirement("HOST-026-028/cost-events")
def test_each_call_has_its_event(place: tuple[Door, Issuer, Path], tmp_path: Path) -> None:
    async def calls(here: Here, issuer: Issuer) -> None:
        ada = of(here, issuer, "ada")
        await ada.open()
        ada.headers["traceparent"] = f"00-{TRACE}-00f067aa0ba902b7-01"
        await ada.call("echo", {"text": "hello"})
        assert "error" in await ada.call("no-such-tool")

    first, second = events(place, tmp_path, calls)
    assert (first.issuer, first.identity, first.server, first.tool) == (place[1].url, "ada", "t", "echo")
    assert (first.outcome, first.trace, first.audited, first.bytes_in) == ("done", TRACE, True, len('{"text": "hello"}'))
    assert first.bytes_out > 10
    assert first.tokens_out == -(-first.bytes_out // 4)
    assert (second.tool, second.outcome) == ("no-such-tool", "failed")


@pytest.mark.requirement("HOST-KPI/figures-of-hosting")
def test_an_agent_that_calls_several_servers_is_one_composite_workflow(
    place: tuple[Door, Issuer, Path], tmp_path: Path
) -> None:
    """Counted from what really went through the relay: by its trace, or by one caller's calls in a row."""
    door, issuer, home = place
    (home / "access" / "roles.yaml").write_text(EVERYTHING.replace("ISSUER", issuer.url))

    async def calls(here: Here, issuer: Issuer) -> None:
        for server, who, trace in (("t", "ada", TRACE), ("m", "eve", TRACE), ("t", "ada", "")):
            client = here.client(server, **shown(issuer, who))
            await client.open()
            if trace:
                client.headers["traceparent"] = f"00-{trace}-00f067aa0ba902b7-01"
            await client.call("echo", {"text": "x"})

    kept = events((replace(door, authorization=Authorization(home / "access", known_objects())), issuer, home), tmp_path, calls)
    found_tools = replace(kept[-1], number=kept[-1].number + 1, server="all", tool="find_tools")
    with hurried(at_server(f"sqlite:///{tmp_path}/database/arcops.sqlite")) as opened:
        database = ready(opened)
        CostStore(database).write([*kept, found_tools])
        found = workflows(database, 0)
    assert (found.all, found.composite, found.widest) == (2, 1, 2), "to find tools is no call of a server"


def test_what_was_not_let_through_costs_nothing(place: tuple[Door, Issuer, Path], tmp_path: Path) -> None:
    async def calls(here: Here, issuer: Issuer) -> None:
        ada = of(here, issuer, "ada")
        await ada.open()
        assert "error" in await ada.call("die")  # the policy denies it
        for _ in range(3):
            await ada.call("echo", {"text": "x"})
        assert "error" in await ada.call("echo", {"text": "x"})  # over the limit

    assert [one.tool for one in events(place, tmp_path, calls)] == ["echo"] * 3


def test_a_full_store_refuses_a_call_before_it_is_done(place: tuple[Door, Issuer, Path], tmp_path: Path) -> None:
    door, issuer, _ = place
    kept = Kept()
    at = meter(kept, tmp_path, most=0)

    async def run() -> None:
        async with serving(Hosting(commands={"t": trivial()}), door, meter=at) as here:
            ada = here.client("t", **shown(issuer, "ada"))
            await ada.open()
            response = await ada.begin("echo", {"text": "x"})
            assert response.status == 503
            assert "cost cannot be recorded, so it is not done" in (await response.last())["error"]["message"]

    asyncio.run(run())
    at.close()
    assert not kept.events


@pytest.mark.requirement("HOST-026-028/cost-events")
def test_the_result_of_a_task_is_counted_once_to_the_call_that_began_it(
    place: tuple[Door, Issuer, Path], tmp_path: Path
) -> None:
    async def calls(here: Here, issuer: Issuer) -> None:
        client = here.client("m", **shown(issuer, "ada"))
        other = here.client("m", **shown(issuer, "eve"))
        begun = (await (await client.modern("tools/call", {"name": "task", "arguments": {}})).last())["result"]
        for number in range(5):
            state = (await (await client.modern("tasks/get", {"taskId": begun["taskId"]})).last())["result"]
            assert state["status"] == ("working" if number < 2 else "completed")
        assert (await other.modern("tasks/get", {"taskId": begun["taskId"]})).status == 400, "it is another caller's"
        await (await client.modern("tasks/get", {"taskId": "no-such"})).last()
        old = here.client("t", **shown(issuer, "ada"))
        await old.open()
        task = (await old.call("task", {"old": True}))["result"]["task"]["taskId"]
        await (await old.request("tasks/result", {"taskId": task})).last()

    (place[2] / "access" / "roles.yaml").write_text(EVERYTHING.replace("ISSUER", place[1].url))
    (tmp_path / "limits.yaml").write_text("rates:\n  - {name: calls, calls: 1000, per: minute}\n")
    found = events(
        (replace(place[0], authorization=Authorization(place[2] / "access", known_objects())), *place[1:]), tmp_path, calls
    )
    assert [(one.identity, one.server, one.tool) for one in found] == [
        ("ada", "m", "task"),
        ("ada", "m", "task"),
        ("ada", "t", "task"),
        ("ada", "t", "task"),
    ]
    assert found[1].bytes_out < 120, "only what the model reads, not the state around it"
    assert found[1].tokens_out > 0
