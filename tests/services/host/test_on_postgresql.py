"""Two hosts on one PostgreSQL: rows, locks, leases and ends are shared, as they are in a file."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.host.hosted import NotYet
from services.host.hosting import Hosting
from services.host.row import counted_before
from services.host.spec import Spec
from tests.foundation.database.open_here import Server
from tests.foundation.test_keeping import lives
from tests.postgres import postgres
from tests.services.host.hosts import Site, call, eventually, hosted, linked

pytestmark = [pytest.mark.site, pytest.mark.requirement("HOST-016/one-host-provisions", "HOST-015/onboarding-by-a-row")]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as url:
        yield Server(url.replace("asyncpg", "psycopg").removesuffix("/prefect"))


@pytest.fixture
def site(server: Server, tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path, address=server.new())
    yield made
    made.database.close()


def test_two_hosts_share_what_there_is(site: Site) -> None:
    site.allowed(one_host=True)
    database = site.open()

    async def work(host: Hosting) -> None:
        other = site.host(database)
        async with other.running():
            link = await linked(host)
            pid = (await call(link, "place"))["pid"]
            with pytest.raises(NotYet, match="runs on one host at a time"):
                await linked(other)
            site.allowed("second", stateless=True)  # a row comes, while both are at work
            await eventually(lambda: host.row("second") and other.row("second"), "both know it")
            both = await asyncio.gather(*(linked(one, name="second") for one in (host, other) for _ in range(16)))
            assert len({(await call(one, "place"))["pid"] for one in both}) == 2  # one process at each
            site.rows.remove("small")
            await eventually(lambda: not lives(pid), "the removed server's process ended")
            await eventually(lambda: other.row("small") is None, "the other host knows it")

    hosted(work, site.host())
    database.close()


@pytest.mark.requirement("HOST-001-004/rows-have-versions")
def test_what_counted_before_is_known_when_an_older_version_counts_again(site: Site) -> None:
    rows = site.rows
    for most in (1, 2, 3):
        rows.put("time", Spec(package="pypi:time==1", most=most), author="ann")
    rows.switch("time", 1, author="bob")
    assert [counted_before(rows.versions("time"), number) for number in (1, 2, 3)] == [3, 0, 2]
    assert rows.there("time").current.number == 1
    assert rows.switch("time", 3, author="bob").current.author == "ann"
    assert counted_before(rows.versions("time"), 3) == 1
