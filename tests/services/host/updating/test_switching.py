"""A new version takes over when it was seen to answer on this host; no call is lost to one that fails."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from services.host.hosting import Hosting
from services.host.rows import HostedRow
from tests.services.host.hosts import Site, call, eventually, hosted, linked


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.database.close()


def reason(host: Hosting) -> str:
    shown = host.shown("small")
    assert shown is not None
    return shown.reason


def allowed(site: Site, **more: Any) -> HostedRow:
    """Another version of the row, which may run."""
    return site.allowed(stateless=True, **more)


async def places(host: Hosting, count: int) -> list[tuple[str, ...]]:
    """The arguments of the server that answers, *count* times at once; a call that fails raises."""

    async def one() -> Any:
        return await call(await linked(host), "place")

    found = await asyncio.gather(*(one() for _ in range(count)))
    return [tuple(one["arguments"]) for one in found]


@pytest.mark.requirement("HOST-001-004/updates-drop-no-call")
def test_calls_go_on_while_a_new_version_takes_over(site: Site) -> None:
    allowed(site, arguments=("one",))

    async def work(host: Hosting) -> None:
        assert await places(host, 1) == [("one",)]
        allowed(site, arguments=("two",))
        seen: set[tuple[str, ...]] = set()
        while ("two",) not in seen:
            seen |= set(await places(host, 4))  # one that fails raises
        assert seen == {("one",), ("two",)}
        slow = asyncio.create_task(call(await linked(host), "sleep", seconds=60))
        allowed(site, arguments=("three",))
        await eventually(lambda: "version 3 took over" in reason(host), "the new version took over")
        assert await places(host, 2) == [("three",), ("three",)]
        assert not slow.done()  # what the older version does goes on
        slow.cancel()

    hosted(work, site.host())


@pytest.mark.requirement("HOST-001-004/updates-drop-no-call")
def test_a_version_that_does_not_start_here_leaves_the_one_before(site: Site) -> None:
    allowed(site, arguments=("one",))

    async def work(host: Hosting) -> None:
        assert await places(host, 1) == [("one",)]
        allowed(site, arguments=("two",), secrets=("TOKEN=env:NOT_AT_THIS_HOST",))
        await eventually(lambda: "does not start here" in reason(host), "the failure is said")
        assert "version 2 does not start here, and version 1 goes on" in reason(host)
        assert await places(host, 3) == [("one",)] * 3
        allowed(site, arguments=("three",))
        await eventually(lambda: "took over" in reason(host), "a version that starts takes over")
        assert await places(host, 3) == [("three",)] * 3

    hosted(work, site.host())


@pytest.mark.requirement("HOST-001-004/updates-drop-no-call")
def test_one_that_ends_before_it_answers_leaves_the_one_before(site: Site) -> None:
    allowed(site, arguments=("one",))

    async def work(host: Hosting) -> None:
        assert await places(host, 1) == [("one",)]
        allowed(site, arguments=("--broken",))
        await eventually(lambda: "does not start here" in reason(host), "the failure is said")
        assert await places(host, 3) == [("one",)] * 3
        shown = host.shown("small")
        assert shown is not None
        assert shown.restarts == 0

    hosted(work, site.host())


@pytest.mark.requirement("HOST-001-004/updates-drop-no-call")
def test_sessions_stay_and_new_ones_get_the_new_version(site: Site) -> None:
    site.allowed(arguments=("one",))

    async def work(host: Hosting) -> None:
        first = await linked(host, session="a")
        site.allowed(arguments=("two",))
        await eventually(lambda: "took over" in reason(host), "the new version took over")
        assert (await call(await linked(host, session="b"), "place"))["arguments"] == ["two"]
        assert (await call(first, "place"))["arguments"] == ["one"]
        shown = host.shown("small")
        assert shown is not None
        await eventually(lambda: len(getattr(host.shown("small"), "pids", ())) == 2, "what was only tried has ended")

    hosted(work, site.host())


def test_a_server_that_was_denied_or_stopped_does_not_go_on(site: Site) -> None:
    allowed(site, arguments=("one",))

    async def work(host: Hosting) -> None:
        assert await places(host, 1) == [("one",)]
        allowed(site, arguments=("--broken",))
        await eventually(lambda: "does not start here" in reason(host), "the failure is said")
        site.rows.deny("small")
        await eventually(lambda: not getattr(host.shown("small"), "pids", ()), "nothing of it runs")

    hosted(work, site.host())
