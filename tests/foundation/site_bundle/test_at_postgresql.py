"""A site whose rows are at a PostgreSQL server is upgraded by a bundle and taken back; what ends in the middle goes on."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from sqlalchemy import insert, select

from foundation.database.address import read_address
from foundation.database.dumping import revision_of
from foundation.database.engine import Database, connected
from foundation.database.migrating import climb, newest
from foundation.database.tables import API_KEYS
from foundation.half_restored import is_half
from foundation.settings import Settings
from foundation.site_bundle.installing import current, install, take_back
from foundation.site_bundle.making import Given, make
from tests.foundation.backup.sites import settings_of, site
from tests.foundation.backup.test_at_postgresql import Killed
from tests.foundation.database.open_here import Server
from tests.foundation.site_bundle.killing import Doing, doing
from tests.foundation.site_bundle.pieces import OLD_SCHEMA, pieces
from tests.models import CLOCK
from tests.postgres import postgres

pytestmark = [pytest.mark.site, pytest.mark.requirement("BASE-8/bundle-for-an-air-gap")]
KEY = {"id": "k1", "name": "robot", "hash": b"h" * 32, "scopes": "read", "made": 1, "until": 2, "revoked": None}


@dataclass(frozen=True, slots=True, kw_only=True)
class AtServer:
    """A site with a bundle, and a database of an older schema at a server."""

    settings: Settings
    bundle: Path

    def doing(self, die_at: str = "") -> Doing:
        def step(word: str) -> None:
            if word == die_at:
                raise Killed(word)

        return replace(doing(self.settings.store.parent, step), settings=self.settings)

    def database(self) -> Database:
        return connected(read_address(self.settings.database), self.settings.tier)

    def rows(self) -> tuple[str, str, int]:
        """The revision, the name of the one key, and how many columns it has."""
        with self.database() as database, database.reading() as connection:
            (row,) = connection.execute(select(API_KEYS)).mappings().all()
            return revision_of(connection), row["name"], len(row)


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as url:
        yield Server(url.replace("asyncpg", "psycopg").removesuffix("/prefect"))


@pytest.fixture
def here(server: Server, tmp_path: Path) -> AtServer:
    made = site(tmp_path)
    found = AtServer(settings=settings_of(made.home, ARCOPS_DATABASE=server.new()), bundle=tmp_path / "site.bundle")
    with found.database() as database, database.writing() as connection:
        climb(connection, OLD_SCHEMA)
        connection.execute(insert(API_KEYS), [KEY])
    given = pieces(tmp_path / "pieces")
    images = (given.pop("images"),)
    make(found.bundle, Given(images=images, others=given), signer=made.signer, now=CLOCK)
    return found


def test_upgraded_and_taken_back(here: AtServer) -> None:
    before = here.rows()
    assert before[0] == OLD_SCHEMA
    done = install(here.bundle, here.doing())
    assert here.rows() == (newest(), *before[1:])
    assert current(here.settings) == done.id
    assert take_back(here.doing()).now == ""
    assert here.rows() == before
    assert current(here.settings) == ""


@pytest.mark.parametrize("at", ["backed up", "staged", "noted", "loaded"])
def test_one_that_was_killed_goes_on(here: AtServer, at: str) -> None:
    before = here.rows()
    for act, rows in ((lambda doing: install(here.bundle, doing), (newest(), *before[1:])), (take_back, before)):
        if at == "backed up" and act is take_back:
            continue
        was = here.rows()
        with pytest.raises(Killed):
            act(here.doing(at))
        assert is_half(here.settings.memory) is (at in ("noted", "loaded"))
        assert here.rows() == (rows if at == "loaded" else was)
        act(here.doing())
        assert here.rows() == rows
        assert not is_half(here.settings.memory)
