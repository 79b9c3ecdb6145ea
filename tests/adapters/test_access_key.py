"""``arcops access key`` and ``arcops database`` as they are typed."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arcops.errors import Refused
from capabilities.access.keys import ListApiKeys, NewApiKey, RevokeApiKey, list_api_keys, new_api_key, revoke_api_key
from capabilities.contract import Scope
from capabilities.database.database import MoveDatabase, ShowDatabase, move_database, show_database
from foundation.database.lease import Leases
from foundation.database.migrating import newest
from foundation.database.opening import opened
from foundation.identity.api_keys import ApiKeys
from foundation.settings import read_settings
from tests.adapters.typed import Done, typed
from tests.models import bench


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def run(home: Path, line: str, **environment: str) -> Done:
    return typed(*line.split(), environment={"ARCOPS_HOME": str(home), "COLUMNS": "200", **environment})


@pytest.mark.requirement("ARC-3/callers-are-identified")
def test_a_key_from_its_first_day_to_its_last(home: Path) -> None:
    made = run(home, "access key new pipeline --scopes read,check --days 30")
    assert made.returncode == 0, made.stderr
    found = re.search(r"^secret (arcops_([a-z2-7]{16})_\S{43})$", made.stdout, re.MULTILINE)
    assert found is not None
    secret, id_ = found.groups()
    with opened(read_settings({"ARCOPS_HOME": str(home)})) as database:
        assert ApiKeys(database).caller(secret, datetime.now(UTC)).scopes == {"read", "check"}
    listed = run(home, "access key list")
    assert re.fullmatch(rf"{id_} until \S+ \S+ UTC check,read pipeline\n", listed.stdout)
    assert secret not in listed.stdout + run(home, "access key list --all --format json").stdout
    revoked = run(home, f"access key revoke {id_}")
    assert re.match(rf"{id_} pipeline revoked \S+ \S+ UTC", revoked.stdout)
    assert run(home, "access key list").stdout == ""
    assert "revoked" in run(home, "access key list --all").stdout
    again = run(home, "access key new pipeline --scopes read --days 1 --format json")
    assert json.loads(again.stdout)["secret"].startswith("arcops_")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("access key new p --scopes read,root --days 3", "use one of: read, check"),
        ("access key new p --days 3", "--scopes"),
        ("access key new p --scopes read", "--days"),
        ("access key new p --scopes read --days 367", "from 1 to 366"),
        ("access key new p --scopes read --days 0", "from 1 to 366"),
        ("access key revoke nothing", "there is no API key"),
        ("access key nwe", "did you mean new?"),
        ("access kye new", "did you mean key?"),
        ("database move --to postgresql://a:geheim@h/b", "holds a password"),
        ("database move --to postgresql+psycopg://a@db.example.org/b", "there is no database at"),
        ("database move --to /tmp/x", "not the address of a database"),
    ],
)
def test_what_is_typed_wrong_is_said(home: Path, line: str, said: str) -> None:
    done = run(home, line)
    assert done.returncode == 2
    assert said in done.stderr
    assert done.stderr.count("\n") == 1
    assert "geheim" not in done.stderr


@pytest.mark.parametrize("line", ["access", "access key", "access key --help", "database", "database --help"])
def test_help_for_words_that_are_no_command_yet(home: Path, line: str) -> None:
    done = run(home, line)
    assert done.stdout.startswith(f"Usage: arcops {line.removesuffix(' --help')} [OPTIONS] COMMAND ...")
    assert done.returncode == (0 if "--help" in line else 2)


def test_the_database_is_shown_and_nothing_is_made(home: Path) -> None:
    done = run(home, "database status")
    assert done.returncode == 0
    assert "there is no schema yet" in done.stdout
    assert not home.exists()
    assert run(home, "database migrate").stdout == f"{home}/database/arcops.sqlite: from nothing to {newest()}\n"
    assert run(home, "database migrate").stdout == f"{home}/database/arcops.sqlite: the schema is {newest()}\n"
    with opened(read_settings({"ARCOPS_HOME": str(home)})) as database:
        assert Leases(database, "host-7").take("serving", 600) is not None
    shown = run(home, "database status").stdout.splitlines()
    assert shown[:2] == [f"sqlite {home}/database/arcops.sqlite", f"schema {newest()}, the newest"]
    assert re.fullmatch(r"lease serving held by host-7 for \d+ s, epoch 1", shown[-1])


def test_a_move_from_file_to_file(home: Path, tmp_path: Path) -> None:
    run(home, "access key new pipeline --scopes read --days 30")
    target = f"sqlite:///{tmp_path}/other/arcops.sqlite"
    moved = run(home, f"database move --to {target}")
    assert moved.returncode == 0, moved.stderr
    assert "arcops_api_key 1\n" in moved.stdout
    assert f"Set ARCOPS_DATABASE={target} for every host" in moved.stdout
    assert run(home, "access key list", ARCOPS_DATABASE=target).stdout == run(home, "access key list").stdout != ""
    again = run(home, f"database move --to {target}")
    assert again.returncode == 2
    assert "is not empty" in again.stderr


def test_a_database_of_a_newer_version_stops_every_command(home: Path) -> None:
    run(home, "database migrate")
    with opened(read_settings({"ARCOPS_HOME": str(home)})) as database, database.writing() as connection:
        connection.exec_driver_sql("UPDATE arcops_version SET version_num = '9999'")
    for line in ("access key list", "access key new p --scopes read --days 1", "database status", "database migrate"):
        done = run(home, line)
        assert done.returncode == 2
        assert "a newer version made it" in done.stderr


class TestOverTheNetwork:
    """A remote caller; the operator lets them change what counts here."""

    def test_no_key_is_made_and_no_database_moved(self, tmp_path: Path) -> None:
        here = bench(tmp_path).place()
        at = replace(here, own=False, roots=(), settings=replace(here.settings, remote_trust=True))
        for scopes in ((Scope.READ,), tuple(Scope)):
            with pytest.raises(Refused, match="only made on the machine itself"):
                new_api_key(NewApiKey(name="p", scopes=scopes, days=1), at)
        with pytest.raises(Refused, match="only moved on the machine itself"):
            move_database(MoveDatabase(to=f"sqlite:///{tmp_path}/x"), at)
        assert not (tmp_path / "x").exists()
        made = new_api_key(NewApiKey(name="p", scopes=(Scope.READ,), days=1), here)
        assert made.secret not in repr(made)
        assert [one.id for one in list_api_keys(ListApiKeys(), at).keys] == [made.id]
        assert revoke_api_key(RevokeApiKey(id=made.id), at).live is False
        assert list_api_keys(ListApiKeys(), at).keys == ()

    def test_without_that_nothing_is_told(self, tmp_path: Path) -> None:
        at = replace(bench(tmp_path).place(), own=False, roots=())
        for use in (
            lambda: list_api_keys(ListApiKeys(), at),
            lambda: revoke_api_key(RevokeApiKey(id="x"), at),
            lambda: show_database(ShowDatabase(), at),
        ):
            with pytest.raises(Refused, match="only the operator may call it"):
                use()
