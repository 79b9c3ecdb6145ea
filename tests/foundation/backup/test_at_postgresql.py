"""A site whose rows are at a PostgreSQL server is backed up and restored; what ends in the middle goes on to its end."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from foundation.backup.making import make
from foundation.backup.reading import Opening
from foundation.backup.restoring import Permitted, restore
from foundation.database.migrating import newest, schema
from foundation.database.opening import opened
from foundation.half_restored import is_half
from foundation.identity.api_keys import ApiKeys
from foundation.settings import Settings
from tests.foundation.backup.sites import NAMES, PASSPHRASE, files, refuse_unproven, rows, settings_of, site
from tests.foundation.database.open_here import Server
from tests.models import CLOCK, Bench
from tests.postgres import postgres

pytestmark = [pytest.mark.site, pytest.mark.requirement("BASE-8/backups-are-verified-and-restored")]


class Killed(BaseException):
    """Nothing after it is done, as nothing is after a kill."""


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with postgres() as url:
        yield Server(url.replace("asyncpg", "psycopg").removesuffix("/prefect"))


def at_server(home: Path, server: Server) -> Settings:
    """The settings of a site in *home* whose database is a new one of *server*."""
    return settings_of(home, ARCOPS_DATABASE=server.new())


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, server: Server) -> tuple[Bench, Path]:
    """A site at the server, and its backup."""
    folder = tmp_path_factory.mktemp("site")
    here = site(folder)
    here = replace(here, settings=at_server(here.home, server))
    with opened(here.settings) as database:
        for number in range(3):
            ApiKeys(database).new(f"Schlüssel {number} 🔑", ["read"], timedelta(days=9), CLOCK)
    path = folder / "site.backup"
    make(path, here.settings, signer=here.signer, passphrase=lambda: PASSPHRASE, now=CLOCK)
    return here, path


def back(made: tuple[Bench, Path], settings: Settings, *, die_at: str = "", **may: bool) -> None:
    def step(word: str) -> None:
        if word == die_at:
            raise Killed(word)

    here, path = made
    keys = [here.signer.public]
    restore(
        path,
        settings,
        keys=keys,
        opening=Opening(passphrase=lambda: PASSPHRASE),
        now=CLOCK,
        permitted=Permitted(**may),
        step=step,
    )


def same(settings: Settings, here: Bench) -> None:
    assert rows(settings) == rows(here.settings)
    refuse_unproven(settings, here.public, len(NAMES))
    assert not is_half(settings.memory)


def test_what_was_lost_is_there_again_at_another_server(made: tuple[Bench, Path], server: Server, tmp_path: Path) -> None:
    settings = at_server(tmp_path / "new", server)
    back(made, settings)
    same(settings, made[0])
    with opened(settings) as database:
        assert schema(database).found == newest()


def test_rows_go_from_a_server_into_a_file_and_back(made: tuple[Bench, Path], server: Server, tmp_path: Path) -> None:
    """A site that moves: the rows are the same, whatever holds them."""
    small = settings_of(tmp_path / "small")
    back(made, small)
    same(small, made[0])
    again, path = replace(made[0], settings=small), tmp_path / "again.backup"
    make(path, small, signer=again.signer, passphrase=lambda: PASSPHRASE, now=CLOCK)
    large = at_server(tmp_path / "large", server)
    back((again, path), large)
    same(large, made[0])


def test_rows_at_the_server_are_in_the_way(made: tuple[Bench, Path], server: Server, tmp_path: Path) -> None:
    settings = at_server(tmp_path / "new", server)
    with opened(settings) as database:
        ApiKeys(database).new("another", ["read"], timedelta(days=9), CLOCK)
    before = rows(settings)
    with pytest.raises(Refused, match="it has rows"):
        back(made, settings)
    assert rows(settings) == before
    back(made, settings, replace=True)
    same(settings, made[0])


@pytest.mark.parametrize("at", ["staged", "noted", "loaded"])
def test_one_that_was_killed_goes_on(made: tuple[Bench, Path], server: Server, tmp_path: Path, at: str) -> None:
    """Before the server has the rows, after it has them, and before the files follow."""
    settings = at_server(tmp_path / "new", server)
    with opened(settings) as database:
        ApiKeys(database).new("another", ["read"], timedelta(days=9), CLOCK)
    before = rows(settings)
    with pytest.raises(Killed):
        back(made, settings, die_at=at, replace=True)
    if at == "staged":
        assert (is_half(settings.memory), rows(settings)) == (False, before)
    else:
        assert is_half(settings.memory), "every other command is refused until this is ended"
        assert (rows(settings) == before) is (at == "noted")
    back(made, settings, replace=True)
    same(settings, made[0])
    assert not [one for one in files(tmp_path / "new") if ".restored" in one], "nothing is left beside"
