"""A verdict that a running server showed to be wrong counts no more, also before and without the database's answer."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import Refused, Unavailable
from services.host import withdrawing
from services.host.hosting import Hosting
from services.host.rows import Rows
from services.host.withdrawing import Withdrawing
from tests.services.host.hosts import Site, eventually, hosted, linked

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.database.close()


class Deaf:
    """Rows whose database answers only the third time."""

    def __init__(self, rows: Rows) -> None:
        self._rows, self.asked = rows, 0

    def withdraw(self, *told: str) -> None:
        self.asked += 1
        if self.asked < 3:
            raise Unavailable("the database does not answer")
        self._rows.withdraw(*told)


def test_it_counts_no_more_before_the_database_hears_it_and_that_hears_it_in_the_end(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawing, "_AGAIN_SECONDS", 0.0)
    row = site.allowed()
    assert row.judged is not None
    artifact = row.judged.artifact

    async def work() -> None:
        deaf: Any = Deaf(site.rows)
        here = Withdrawing(deaf)
        here.refuse(row)
        here.withdraw("small", artifact, "it offers another tool")
        with pytest.raises(Refused, match="small may not run: it offers another tool; its operator runs"):
            here.refuse(row)
        await here.close(60.0)
        assert deaf.asked == 3

    asyncio.run(work())
    found = site.rows.there("small")
    assert found.judged is not None
    assert found.judged.withdrawn == "it offers another tool"


def test_one_that_was_judged_by_an_earlier_verdict_ends_and_takes_the_new_one_not_away(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(withdrawing, "_AGAIN_SECONDS", 0.05)
    site.allowed()

    def unanswered(*_: object) -> None:
        raise Unavailable("the database does not answer")

    async def work(host: Hosting) -> None:
        link = await linked(host)
        serving = host._servers["small"]
        host._withdraw(serving, f"sha256:{'0' * 64}", "it offers another tool")
        await eventually(lambda: link.ended, "it ended")
        assert not serving.refused
        assert not (await linked(host)).ended

        assert serving.row.judged is not None
        with monkeypatch.context() as without:
            without.setattr(Rows, "withdraw", unanswered)
            host._withdraw(serving, serving.row.judged.artifact, "it offers a third tool")
            await eventually(lambda: not serving.running, "it ended")
            with pytest.raises(Refused, match="it offers a third tool"):
                await linked(host)

    hosted(work, site.host())
