"""Sessions of MCP in the database: whose they are, until when they count, and how many there are.

The database is a file of SQLite, and with mark.site one at a PostgreSQL server.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import select, text

from arcops.errors import Refused, Unavailable
from foundation.database.engine import Database
from foundation.database.late import Late
from foundation.database.mcp_sessions import IDLE_SECONDS, MOST_OPENING, McpSessions
from foundation.database.migrating import ready
from foundation.database.tables import MCP_SESSIONS
from foundation.settings import read_settings
from tests.foundation.database.open_here import Open

pytestmark = pytest.mark.requirement("BASE-1/sessions-resume")


@pytest.fixture
def database(open_: Open) -> Database:
    return ready(open_())


@pytest.fixture
def kept(database: Database) -> McpSessions:
    return McpSessions(database)


def untils(database: Database) -> dict[str, int]:
    with database.reading() as connection:
        left = (MCP_SESSIONS.c.until - text(database.clock)).label("left")
        return {row.opening: row.left for row in connection.execute(select(MCP_SESSIONS.c.opening, left))}


def test_it_is_found_by_its_owner_alone_and_its_id_is_not_kept(database: Database, kept: McpSessions) -> None:
    kept.begin("secret", "ada", "{1}", most=9)
    assert kept.found("secret", "ada") == "{1}"
    assert kept.found("secret", "bob") is None
    assert kept.found("other", "ada") is None
    with database.reading() as connection:
        (row,) = connection.execute(select(MCP_SESSIONS)).all()
    assert "secret" not in str(row)
    kept.end("secret", "bob")
    assert kept.found("secret", "ada") == "{1}"
    kept.end("secret", "ada")
    assert kept.found("secret", "ada") == "", "it was ended, which the other instances have to know"


def test_it_counts_as_long_as_it_is_used(database: Database, kept: McpSessions) -> None:
    kept.begin("one", "ada", "{1}", most=9)
    for left, after in ((IDLE_SECONDS - 30, IDLE_SECONDS - 31), (100, IDLE_SECONDS - 1)):
        with database.writing() as connection:
            connection.execute(text(f"UPDATE arcops_mcp_session SET until = {database.clock} + {left * 1000}"))  # noqa: S608  # SQL of ours
        assert kept.found("one", "ada") == "{1}"
        assert untils(database)["{1}"] > after * 1000
    with database.writing() as connection:
        connection.execute(text(f"UPDATE arcops_mcp_session SET until = {database.clock} - 1"))  # noqa: S608  # SQL of ours
    assert kept.found("one", "ada") is None
    kept.begin("two", "ada", "{2}", most=9)
    assert set(untils(database)) == {"{2}"}, "what is over is removed"


def test_a_caller_has_so_many_and_the_one_used_longest_ago_goes(database: Database, kept: McpSessions) -> None:
    for number in range(3):
        kept.begin(f"s{number}", "ada", f"{{{number}}}", most=3)
        with database.writing() as connection:
            connection.execute(text(f"UPDATE arcops_mcp_session SET until = until - 60000 + {number}"))  # noqa: S608  # SQL of ours
    kept.begin("s0", "bob", "{bob}", most=3)
    kept.found("s1", "ada")
    kept.begin("s3", "ada", "{3}", most=3)
    assert set(untils(database)) == {"{bob}", "{1}", "{2}", "{3}"}


def test_a_client_that_says_too_much_is_refused(kept: McpSessions) -> None:
    with pytest.raises(Refused, match="are kept"):
        kept.begin("one", "ada", "x" * (MOST_OPENING + 1), most=9)


class TestLate:
    def test_nothing_is_made_to_look(self, tmp_path: Path) -> None:
        settings = read_settings({"ARCOPS_HOME": str(tmp_path)})
        late = Late(settings=settings, made=McpSessions)
        assert late.there() is None
        assert not any(tmp_path.rglob("*.sqlite"))
        late.opened().begin("one", "ada", "{}", most=9)
        other = Late(settings=settings, made=McpSessions)
        found = other.there()
        assert found is not None
        assert found.found("one", "ada") == "{}"
        assert other.opened() is found
        late.close()
        other.close()
        assert other.opened() is not found
        other.close()

    def test_an_error_is_not_remembered(self, tmp_path: Path) -> None:
        settings = read_settings({"ARCOPS_HOME": str(tmp_path)})
        broken = True

        def made(database: Database) -> McpSessions:
            if broken:
                raise Unavailable("not now")
            return McpSessions(database)

        late = Late(settings=settings, made=made)
        with pytest.raises(Unavailable, match="not now"):
            late.opened()
        broken = False
        assert late.opened().found("one", "ada") is None
        late.close()
