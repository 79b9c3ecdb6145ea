"""A task is its caller's alone, also at a server that sees one client for all of them."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adapters.http.access import Door
from tests.adapters.relay.talking import Client, Here, serving
from tests.adapters.relay.test_access import of, shown
from tests.adapters.relay.test_access import place as place
from tests.adapters.relay.test_together import several
from tests.simulators.hosting import Hosting, trivial
from tests.simulators.issuer import Issuer

pytestmark = pytest.mark.requirement("HOST-023/tasks-are-of-their-caller")
ABOUT_ONE = ("tasks/get", "tasks/result", "tasks/cancel", "tasks/update")


def shared(*options: str) -> Hosting:
    return Hosting(commands={"t": trivial(*options)}, stateless=frozenset(("t",)))


async def begun(client: Client, *, modern: bool = False, **more: object) -> str:
    """The id of a task that *client* began."""
    if modern:
        answer = await client.modern("tools/call", {"name": "task", "arguments": more})
        return str((await answer.last())["result"]["taskId"])
    return str((await client.call("task", {"old": True, **more}))["result"]["task"]["taskId"])


async def asked(client: Client, method: str, params: dict[str, Any]) -> Any:
    response = await client.request(method, params)
    return response.status, await response.last()


def test_no_one_else_gets_lists_or_cancels_a_task(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place

    async def run() -> None:
        async with serving(shared(), replace(door, limits=None), offers=several()) as here:
            ada, eve = of(here, issuer, "ada"), of(here, issuer, "eve")
            for one in (ada, eve):
                await one.open()
            mine, theirs = await begun(ada), await begun(eve)
            assert here.hosting.started == 1, "one server, which sees one client"
            for method in ABOUT_ONE:
                for task in (mine, "task-0", "", None):
                    status, answer = await asked(eve, method, {"taskId": task})
                    assert (status, answer["error"]["code"]) == (400, -32602), method
                    assert "no call of yours" in answer["error"]["message"]
            for client, task in ((ada, mine), (eve, theirs)):
                _, listed = await asked(client, "tasks/list", {})
                assert listed["result"] == {"tasks": [{"taskId": task}], "nextCursor": "more"}
            assert (await asked(ada, "tasks/result", {"taskId": mine}))[1]["result"]["content"][0]["text"] == "the work is done"
            assert (await asked(ada, "tasks/cancel", {"taskId": mine}))[1]["result"]["status"] == "cancelled"
            other = of(here, issuer, "ada")  # another session of the same caller
            await other.open()
            assert (await asked(other, "tasks/get", {"taskId": mine}))[0] == 200

    asyncio.run(run())


def test_no_one_else_polls_a_task_of_2026(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place

    async def run() -> None:
        async with serving(shared("--modern"), replace(door, limits=None)) as here:
            ada, eve = of(here, issuer, "ada"), of(here, issuer, "eve")
            task = await begun(ada, modern=True)
            assert (await (await ada.modern("tasks/get", {"taskId": task})).last())["result"]["status"] == "working"
            for method in ("tasks/get", "tasks/update", "tasks/cancel"):
                refused = await eve.modern(method, {"taskId": task})
                assert refused.status == 400
                assert (await refused.last())["error"]["code"] == -32602

    asyncio.run(run())


def test_how_a_task_is_doing_is_told_to_no_one_else(place: tuple[Door, Issuer, Path]) -> None:
    """Who should be told of a shared server is not known here; a session that has a server for itself is told."""
    door, issuer, _ = place

    async def heard(hosting: Hosting, who: str) -> str:
        async with serving(hosting, replace(door, limits=None)) as here:
            ada, other = of(here, issuer, "ada"), here.client("t", **shown(issuer, who))
            for one in (ada, other):
                await one.open()
            told = (await other.stream()).events()
            await begun(other if who == "ada" else ada, tells=True)
            await other.call("changed")
            return str((await anext(told))[1]["method"])

    assert asyncio.run(heard(shared(), "eve")) == "notifications/tools/list_changed"
    assert asyncio.run(heard(Hosting(commands={"t": trivial()}), "ada")) == "notifications/tasks/status"


def test_a_list_of_tasks_that_cannot_be_read_is_no_list(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place
    from adapters.relay.permitting import Permitting
    from arcops.identity import Identity
    from services.host import envelope
    from services.host.hosted import Row

    ada = Identity(issuer=issuer.url, tenant="", id="ada")
    permitting = Permitting(door=door)
    row = Row(name="t", elsewhere=True)
    for odd in (b"{}", b"[]", b'{"tasks":{}}', b'{"tasks":[1]}', b"null"):
        found = permitting.seen(ada, row, "tasks/list", envelope.heard(envelope.result(b"1", odd)))
        assert envelope.code_of(found) == envelope.INTERNAL_ERROR, odd
    private = Row(name="t")
    whole = envelope.heard(envelope.result(b"1", b'{"tasks":[{"taskId":"a"}]}'))
    assert permitting.seen(ada, private, "tasks/list", whole) is whole


def test_a_host_without_callers_keeps_no_one_apart() -> None:
    async def run() -> None:
        async with serving(shared()) as here:
            client: Client = await here.opened("t")
            task = await begun(client)
            other = await Here.opened(here, "t")
            assert (await asked(other, "tasks/get", {"taskId": task}))[0] == 200

    asyncio.run(run())
