"""Sessions of people in the database: whose they are, when they end, and how many there may be."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from arcops.errors import Refused, Unavailable
from arcops.identity import Identity
from foundation.database.engine import Database
from foundation.database.migrating import ready
from foundation.login import sessions as module
from foundation.login.id_token import LoggedIn, LoggedOut
from foundation.login.sessions import MOST_OF_ONE, Sessions, end_all, form_word, listed
from tests.foundation.database.open_here import Open
from tests.foundation.login.signed import Signing

# The fixture `open_` has a second database on a whole site: mark.site.
pytestmark = pytest.mark.requirement("BASE-2/people-log-in")

NOW = datetime(2027, 1, 15, 8, 0, tzinfo=UTC)
ISSUER = "https://login.example"


def who(id_: str = "ada", sid: str = "", tenant: str = "") -> LoggedIn:
    identity = Identity(issuer=ISSUER, tenant=tenant, id=id_, scopes=frozenset(("read",)), roles=frozenset(("a role", "x")))
    return LoggedIn(identity=identity, name="Ada", sid=sid)


@pytest.fixture
def database(open_: Open) -> Database:
    return ready(open_())


@pytest.fixture
def sessions(database: Database, tmp_path: Path) -> Sessions:
    return Sessions(database, Signing(folder=tmp_path).settings())


def test_a_session_is_found_by_its_secret_alone(sessions: Sessions, database: Database) -> None:
    token = sessions.begin(who(), NOW)
    found = sessions.find(token, NOW)
    assert found is not None
    assert found.identity == who().identity
    assert (found.name, found.begun, found.until) == ("Ada", NOW, NOW + timedelta(hours=8))
    with database.reading() as connection:
        stored = connection.execute(text("SELECT * FROM arcops_session")).one()
    assert token not in str(stored)
    for wrong in (
        "",
        token[:-1],
        token + "x",
        "\u00e9" * 43,
        token.swapcase(),
        bytes(stored.hash).hex()[:43],
        form_word(token)[:43],
    ):
        assert sessions.find(wrong, NOW) is None, wrong


def test_each_begin_is_new_and_ends_the_one_before(sessions: Sessions) -> None:
    first = sessions.begin(who(), NOW)
    second = sessions.begin(who(), NOW, instead=first)
    assert first != second
    assert sessions.find(first, NOW) is None
    assert sessions.find(second, NOW) is not None


def test_it_ends_by_time(sessions: Sessions) -> None:
    token = sessions.begin(who(), NOW)
    at = NOW
    for _ in range(16):
        at += timedelta(minutes=29)
        assert sessions.find(token, at) is not None
    assert sessions.find(token, NOW + timedelta(hours=8)) is None
    other = sessions.begin(who(), NOW)
    assert sessions.find(other, NOW + timedelta(minutes=30)) is None


def test_a_person_has_a_few_and_what_is_over_is_removed(sessions: Sessions, database: Database) -> None:
    tokens = [sessions.begin(who(), NOW + timedelta(seconds=number)) for number in range(MOST_OF_ONE + 2)]
    other = sessions.begin(who("bob"), NOW)
    at = NOW + timedelta(minutes=1)
    assert [sessions.find(one, at) is not None for one in tokens] == [False, False, *[True] * MOST_OF_ONE]
    assert sessions.find(other, at) is not None
    sessions.begin(who("eve"), NOW + timedelta(days=1))
    assert len(listed(database, NOW, 100)) == 1, "the others had ended"


def test_there_is_a_limit_for_all(sessions: Sessions, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 2)
    sessions.begin(who("ada"), NOW)
    sessions.begin(who("bob"), NOW)
    with pytest.raises(Unavailable, match="the limit"):
        sessions.begin(who("eve"), NOW)
    assert sessions.begin(who("eve"), NOW + timedelta(hours=1)), "those that ended make room"


def test_an_operator_ends_those_of_one_person(sessions: Sessions, database: Database) -> None:
    mine = [sessions.begin(who(), NOW), sessions.begin(who(), NOW)]
    others = [sessions.begin(who("bob"), NOW), sessions.begin(who(tenant="other"), NOW)]
    assert end_all(database, who().identity) == 2
    assert [sessions.find(one, NOW) for one in mine] == [None, None]
    assert all(sessions.find(one, NOW) for one in others)
    assert {(one.identity.id, one.identity.tenant) for one in listed(database, NOW, 100)} == {("bob", ""), ("ada", "other")}


def test_the_provider_ends_its_session_or_those_of_a_person(sessions: Sessions) -> None:
    one, two, bob = (sessions.begin(who(id_, sid), NOW) for id_, sid in (("ada", "1"), ("ada", "2"), ("bob", "")))
    assert [who_.id for who_ in sessions.end_as_told(LoggedOut(sub="ada", sid="1"))] == ["ada"]
    assert sessions.find(one, NOW) is None
    assert sessions.find(two, NOW) is not None
    assert sessions.end_as_told(LoggedOut(sub="nothing", sid="")) == ()
    assert len(sessions.end_as_told(LoggedOut(sub="ada", sid=""))) == 1
    assert sessions.find(bob, NOW) is not None


def test_hosts_share_one_key(open_: Open, database: Database, tmp_path: Path) -> None:
    settings = Signing(folder=tmp_path).settings()
    keys = {Sessions(one, settings).key() for one in (database, open_(), open_())}
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    with database.writing() as connection:
        connection.execute(text("DELETE FROM arcops_login_key"))
        connection.execute(text("INSERT INTO arcops_login_key VALUES (1, :key)"), {"key": b"short"})
    with pytest.raises(Refused, match="its key for logins"):
        Sessions(database, settings).key()


@pytest.mark.parametrize("change", ["scopes = 'read'", "roles = '[5]'", "roles = '{}'", "until = 9000000000000000"])
def test_damage_is_one_clear_refusal(sessions: Sessions, database: Database, change: str) -> None:
    token = sessions.begin(who(), NOW)
    with database.writing() as connection:
        connection.execute(text(f"UPDATE arcops_session SET {change}"))  # noqa: S608  # texts of ours
    with pytest.raises(Refused, match="a session has values that no session has"):
        sessions.find(token, NOW)
