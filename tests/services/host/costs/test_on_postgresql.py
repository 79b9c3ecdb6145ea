"""Two hosts on one PostgreSQL: what is used, what is advised, what servers take and what is recorded, as in a file."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from foundation.database.engine import Database
from foundation.database.migrating import ready
from foundation.limits.rules import Unit
from services.host.costs.store import CostStore
from services.host.figures.figures import figures
from services.host.figures.records import Kind, recorded
from services.host.figures.seeing import seen
from services.host.figures.sizing import Sizing, used
from services.host.figures.workflows import workflows
from tests.foundation.database.open_here import Server, at_server
from tests.services.host.costs.test_quotas import Clock, Host, put
from tests.services.host.costs.test_store import server

__all__ = ["server"]  # a fixture
pytestmark = [pytest.mark.site, pytest.mark.requirement("HOST-026-028/costs-and-quotas")]


@pytest.fixture
def both(server: Server) -> Iterator[tuple[Database, Database]]:  # a fixture
    address = server.new()
    with at_server(address) as one, at_server(address) as two:
        yield ready(one), ready(two)


def test_two_hosts_share_quotas_and_raise_one_advisory(both: tuple[Database, Database], tmp_path: Path) -> None:
    clock = Clock()
    one, two = (Host(database, clock, tmp_path, name) for database, name in zip(both, "ab", strict=True))
    put(both[0], 10)
    put(both[0], 1_000_000, Unit.TOKENS, per="minute", server="*")
    one.watching.look()
    two.watching.look()
    assert one.calls(6) == [True] * 6
    one.settle()
    two.settle()
    assert two.calls(6) == [True] * 4 + [False] * 2
    for _ in range(20):
        clock.now += 15_000
        two.settle()
        one.settle()
    assert one.calls() == [False]
    (advisory,) = recorded(both[1], [Kind.ADVISORY])
    assert advisory.seconds is not None
    assert advisory.seconds < 300
    one.watching.look()
    two.watching.look()
    assert {found.value for found in recorded(both[0], [Kind.BURST])} == {0.0}
    (sums,) = CostStore(both[0]).sums("2026-11-30", "2026-11-30", by=("server",))
    assert (sums.calls, sums.audited) == (10, 10)
    one.meter.close()
    two.meter.close()
    now = datetime.fromtimestamp(clock.seconds(), UTC)
    found = {figure.key: figure.value for figure in figures(seen(both[1], now))}
    assert found["invocation-audit-coverage"] == 100
    assert found["rate-limit-effectiveness"] == 100
    assert workflows(both[0], 0).all == 1
    sizing = Sizing(both[0], "a", dict, now=lambda: now)
    for memory in (100, 300, 200):
        sizing._keep([("time", 2, memory, 1000, 50)])
    assert used(both[1], "time", "2026-11-01").memory == 300
