"""A row that is an agent: refused at the one place for a bridge, without a process, a lock or a connection."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.identity import Identity
from services.host.eras import Era
from services.host.hosted import State
from services.host.hosting import Hosting
from services.host.link import Link
from services.host.row import HostedRow
from services.host.spec import Spec
from services.host.to_agents import NoBridge
from tests.services.host.hosts import ANN, Site, call, hosted, linked

pytestmark = pytest.mark.requirement("HOST-OPS/agents-are-an-extension-point")
AGENT = "agent:com.example.agents/travel-planner@2.1.0"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    made.rows.put("planner", Spec(package=AGENT), author="ann")
    yield made
    made.database.close()


def test_a_call_of_an_agent_is_refused_and_nothing_begins(site: Site) -> None:
    async def work(host: Hosting) -> None:
        for era in Era:
            with pytest.raises(NoBridge, match="planner is an agent that speaks A2A, not an MCP server, and this host has no"):
                await host.link("planner", ANN, "s", era)
        shown = host.shown("planner")
        assert shown is not None
        assert (shown.state, shown.pids, shown.calls) == (State.PENDING, (), 0)
        assert shown.reason.startswith("it is an agent that speaks A2A")

    hosted(work, site.host())
    assert (site.events, site.installed) == ([], [])
    row = site.rows.there("planner")
    assert (row.current.lock, row.judged) == (None, None)


def test_an_agent_has_no_verdict_and_is_never_resolved(site: Site) -> None:
    with pytest.raises(NoBridge):
        site.judges.verdicts.standing(site.rows.there("planner"))

    async def work(host: Hosting) -> None:
        with pytest.raises(NoBridge):
            await host._provisioning.resolved(site.rows.there("planner"))

    hosted(work, site.host())
    assert site.rows.there("planner").current.lock is None


def test_one_that_was_stopped_says_so_first(site: Site) -> None:
    site.rows.enable("planner", False)

    async def work(host: Hosting) -> None:
        with pytest.raises(Refused, match="was stopped by its operator"):
            await host.link("planner", ANN, "s", Era.LEGACY)

    hosted(work, site.host())


def test_a_bridge_takes_the_place_of_the_refusal(site: Site) -> None:
    """Here it leads to a hosted server, which stands for the other side of a bridge."""
    site.allowed()
    asked: list[tuple[str, Identity, str]] = []
    host = site.host()

    async def bridge(row: HostedRow, caller: Identity, session: str, era: Era) -> Link:
        asked.append((row.current.spec.package, caller, session))
        return await host.link("small", caller, session, era)

    host._bridge = bridge

    async def work(host: Hosting) -> None:
        assert await call(await linked(host, session="s1", name="planner"), "echo", a=1) == {"a": 1}

    hosted(work, host)
    assert asked == [(AGENT, ANN, "s1")]
