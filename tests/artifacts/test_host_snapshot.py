"""The snapshot of a host as a statement."""

from __future__ import annotations

from dataclasses import replace

import pytest

from artifacts.host_snapshot import (
    HostConfiguration,
    HostSnapshot,
    HostSurroundings,
    SnapshotFile,
    SnapshotServer,
    SnapshotTable,
    content_of,
)
from tests.artifacts.reports import AT

pytestmark = pytest.mark.requirement("HOST-027/network-snapshot-and-restore")


ALLOWED = '{"author":"ann","digest":"d","made":1,"name":"time"}'


def snapshot() -> HostSnapshot:
    return HostSnapshot(
        site="plant",
        by="ann",
        taken=AT,
        surroundings=HostSurroundings(
            tier="restricted",
            public_url="https://arcops.example",
            address="https://host-1.example:8430",
            endpoints=("https://models.example",),
            policy="server",
            key="file:/run/site-key",
            database_password="",
            authorities=f"sha256:{'1' * 64}",
        ),
        configuration=HostConfiguration(
            servers=(SnapshotServer(name="time", owner="tools", enabled=True, spec='{"package":"pypi:time==1"}', lock=""),),
            files=(SnapshotFile(place="limits", name="limits.yaml", text="rates: []\n"),),
            tables=(SnapshotTable(name="arcops_hosted_allowed", rows=(ALLOWED,)),),
        ),
    )


def test_where_and_when_it_was_taken_are_not_its_content() -> None:
    one = snapshot()
    moved = replace(one, taken=AT.replace(year=2031), by="bob", surroundings=replace(one.surroundings, tier="air-gapped"))
    assert content_of(moved.configuration) == content_of(one.configuration)
    stopped = replace(one.configuration, servers=(replace(one.configuration.servers[0], enabled=False),))
    assert content_of(stopped) != content_of(one.configuration)
