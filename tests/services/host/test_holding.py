"""One host at a time runs a server, also if a host slept while its lease ended: it looks before it starts or serves it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from foundation.database.lease import Leases
from foundation.database.migrating import ready
from services.host.holding import LEASE_SECONDS, Holding
from services.host.hosted import NotYet
from tests.foundation.database.open_here import at_server, hurried, pass_time

pytestmark = pytest.mark.requirement("HOST-016/one-host-provisions")


class Hosts:
    """Two hosts of one database; what the first one lost, and its clock, which goes on while it sleeps."""

    def __init__(self, folder: Path) -> None:
        self.database = ready(hurried(at_server(f"sqlite:///{folder / 'arcops.sqlite'}")))
        self.lost: list[str] = []
        self.now = 0.0
        self.one = Holding(
            Leases(self.database, "one", clock=lambda: self.now),
            lose=self.lost.append,
            address_of=lambda holder: f"http://{holder}",
        )
        self.two = Holding(Leases(self.database, "two"), lose=self.lost.append)

    def sleep(self) -> None:
        """The first host sleeps until its lease is over."""
        self.now += LEASE_SECONDS
        pass_time(self.database, "hosted/small")


def test_a_host_that_slept_starts_nothing_that_another_one_runs(tmp_path: Path) -> None:
    hosts = Hosts(tmp_path)

    async def run() -> None:
        await hosts.one.hold("small")
        await hosts.one.hold("small")
        hosts.sleep()
        await hosts.two.hold("small")
        with pytest.raises(NotYet, match="two runs it"):
            await hosts.one.hold("small")
        assert hosts.lost == ["small"], "what still ran of it ends"

    asyncio.run(run())


def test_a_host_that_slept_sends_on_what_it_served(tmp_path: Path) -> None:
    hosts = Hosts(tmp_path)

    async def run() -> None:
        await hosts.one.hold("small")
        assert await hosts.one.elsewhere("small") == ""
        hosts.sleep()
        await hosts.two.hold("small")
        assert await hosts.one.elsewhere("small") == "http://two"
        assert hosts.lost == ["small"]

    asyncio.run(run())


def test_a_host_that_slept_alone_takes_it_again(tmp_path: Path) -> None:
    hosts = Hosts(tmp_path)

    async def run() -> None:
        await hosts.one.hold("small")
        hosts.sleep()
        await hosts.one.hold("small")
        assert hosts.lost == ["small"]
        with pytest.raises(NotYet, match="one runs it"):
            await hosts.two.hold("small")

    asyncio.run(run())
