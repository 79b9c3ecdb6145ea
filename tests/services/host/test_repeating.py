"""When a host looks for patches by itself: soon after something has changed, each hour, and one of several hosts at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from arcops.errors import Refused
from foundation.database.engine import Database
from foundation.database.lease import Leases
from foundation.database.migrating import ready
from services.host.updating import repeating
from services.host.updating.repeating import AGAIN_SECONDS, Repeating
from tests.foundation.database.open_here import at_server, hurried

pytestmark = pytest.mark.requirement("HOST-001-004/patches-are-told")


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    with hurried(at_server(f"sqlite:///{tmp_path}/database/arcops.sqlite")) as opened:
        yield ready(opened)


@dataclass
class World:
    """A host's surroundings, which a test changes."""

    database: Database
    mark: int = 0
    now: float = 0.0
    looked: int = 0
    stopped: int = 0
    problem: list[Refused] = field(default_factory=list)

    def host(self, name: str) -> Repeating:
        def work() -> None:
            self.looked += 1
            if self.problem:
                raise self.problem.pop()

        def stop() -> None:
            self.stopped += 1

        return Repeating(Leases(self.database, name), mark=lambda: self.mark, work=work, stop=stop, clock=lambda: self.now)


def test_it_looks_after_a_change_and_each_hour(database: Database) -> None:
    world = World(database)
    host = world.host("a")
    assert [host.look(), host.look()] == [True, False]
    world.mark = 1
    assert [host.look(), host.look()] == [True, False]
    world.now = AGAIN_SECONDS
    assert [host.look(), host.look()] == [True, False]
    assert world.looked == 3


def test_one_host_looks_while_another_one_does_not(database: Database) -> None:
    world = World(database)
    other = Leases(database, "b")
    lease = other.take("hosted/patches", 60)
    assert lease is not None
    host = world.host("a")
    assert not host.look()
    other.give(lease)
    assert host.look()


def test_what_cannot_be_looked_for_is_in_the_log_and_looked_for_again(
    database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    world = World(database, problem=[Refused("there is no key")])
    host = world.host("a")
    assert host.look()
    assert "could not be looked for" in caplog.text
    world.now = AGAIN_SECONDS
    assert host.look()


def test_a_host_that_ends_stops_the_work(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(repeating, "LOOK_SECONDS", 0.0)
    world = World(database)

    async def run() -> None:
        task = asyncio.create_task(world.host("a").always())
        async with asyncio.timeout(60):
            while not world.looked:
                await asyncio.sleep(0.01)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    asyncio.run(run())
    assert world.stopped == 1
