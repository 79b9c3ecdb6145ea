"""What only a PostgreSQL server does: it goes away and comes back, it ends sessions, and its roles have few rights."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Connection, func, select

from arcops.errors import Refused, Unavailable
from arcops.identity import Identity
from arcops.tier import Tier
from foundation.database.address import read_address
from foundation.database.engine import connected
from foundation.database.lease import Leases
from foundation.database.migrating import ready
from foundation.database.tables import LEASES
from foundation.login.id_token import LoggedIn
from foundation.login.sessions import Sessions
from tests.foundation.database.open_here import Server, at_server
from tests.foundation.login.signed import Signing
from tests.postgres import postgres
from tests.simulators.vault import vault
from tests.waiting import until

pytestmark = pytest.mark.site


def test_a_role_with_only_the_rights_it_needs(server: Server, tmp_path: Path) -> None:
    address = server.new()
    name = address.rpartition("/")[2]
    server.do("DROP ROLE IF EXISTS worker", "CREATE ROLE worker LOGIN")
    as_worker = address.replace("//arcops@", "//worker@")
    with (
        at_server(as_worker) as database,
        pytest.raises(Refused, match="let the role that owns it run 'arcops database migrate'"),
    ):
        ready(database)
    ready(at_server(address)).close()
    with at_server(as_worker) as database, pytest.raises(Refused, match="grant the rights in"):
        ready(database)
    server.do(
        "GRANT SELECT, INSERT, UPDATE ON arcops_lease, arcops_api_key, arcops_revocation TO worker",
        "GRANT SELECT, INSERT, UPDATE, DELETE ON arcops_session TO worker",
        "GRANT SELECT, INSERT ON arcops_login_key TO worker",
        "GRANT SELECT ON arcops_version TO worker",
        name=name,
    )
    with at_server(as_worker) as database:
        leases = Leases(ready(database), "worker")
        lease = leases.take("work", 60)
        assert lease is not None
        with leases.writing(lease):
            pass
        assert leases.give(lease)
        sessions = Sessions(database, Signing(folder=tmp_path).settings())
        token = sessions.begin(LoggedIn(identity=Identity(issuer="i", tenant="", id="ada"), name="Ada"), datetime.now(UTC))
        assert sessions.find(token, datetime.now(UTC)) is not None
        assert sessions.end(token)
        assert len(sessions.key()) == 32


_END = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = 'app'"


def _refused(address: str) -> bool:
    try:
        with at_server(address) as database, database.reading():
            return False
    except Unavailable:
        return True


@pytest.mark.requirement("BASE-5/secrets-by-reference")
def test_a_password_that_was_replaced_in_vault_is_used_by_the_next_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    with postgres() as url, vault() as store:
        server = Server(url.replace("asyncpg", "psycopg").removesuffix("/prefect"))
        address = server.new().replace("//arcops@", "//app@")
        server.do("CREATE ROLE app LOGIN SUPERUSER PASSWORD 'the-first'")
        rules = Path(server.do("SHOW hba_file")[0][0])
        rules.write_text(f"host all app 127.0.0.1/32 scram-sha-256\n{rules.read_text()}")
        server.do("SELECT pg_reload_conf()")
        until(lambda: _refused(address), "the server asks for a password")
        for name, value in {"VAULT_ADDR": store.url, "VAULT_TOKEN": "root-token"}.items():
            monkeypatch.setenv(name, value)
        store.put("kv", "db", password="the-first")
        with connected(read_address(address), Tier.AIR_GAPPED, "vault:kv/db#password") as database:
            ready(database)
            asked = store.reads
            server.do("ALTER ROLE app PASSWORD 'the-second'", _END)
            store.put("kv", "db", password="the-second")
            assert [one.holder for one in Leases(database, "one").held()] == []
            assert store.reads == asked + 1
            server.do("ALTER ROLE app PASSWORD 'the-third'", _END)
            with pytest.raises(Unavailable) as raised:
                Leases(database, "one").held()
            assert "the-second" not in str(raised.value)
            assert store.reads == asked + 2


def test_a_session_that_the_server_ended_is_replaced(server: Server) -> None:
    address = server.new()
    with at_server(address) as database:
        leases = Leases(ready(database), "one")
        assert leases.take("work", 60) is not None
        name = address.rpartition("/")[2]
        server.do(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608  # a name of ours
        assert [one.holder for one in leases.held()] == ["one"]


def test_a_server_that_is_lost_is_said_so() -> None:
    with postgres() as url:
        database = at_server(url.replace("asyncpg", "psycopg"))
        leases = Leases(ready(database), "one")
        lease = leases.take("work", 600)
        assert lease is not None
        database.close()  # the server's ordinary end waits for its sessions
    with database:
        for use in (leases.held, lambda: leases.take("work", 60), lambda: leases.renew(lease, 60), lambda: leases.give(lease)):
            with pytest.raises(Unavailable, match="does not answer"):
                use()
        with pytest.raises(Unavailable, match="does not answer"), leases.writing(lease):
            pytest.fail("no write without the database")


def test_two_roles_never_have_two_sets_of_tables(server: Server) -> None:
    """Mutation: a role whose search path begins with a schema of its own would make the tables there again."""
    address = server.new()
    name = address.rpartition("/")[2]
    ready(at_server(address)).close()
    server.do("DROP ROLE IF EXISTS own", "CREATE ROLE own LOGIN")
    server.do("CREATE SCHEMA own AUTHORIZATION own", "GRANT ALL ON ALL TABLES IN SCHEMA public TO own", name=name)
    own = address.replace("//arcops@", "//own@")
    with (
        at_server(own) as database,
        pytest.raises(Refused, match="are in the schema public, but this role makes tables in own"),
    ):
        ready(database)
    server.do(f"ALTER ROLE own IN DATABASE {name} SET search_path = public")
    with at_server(own) as database:
        assert Leases(ready(database), "own").take("work", 60) is not None
    server.do(f"ALTER ROLE own IN DATABASE {name} SET search_path = nothing")
    with at_server(own) as database, pytest.raises(Refused, match="makes tables in none"):
        ready(database)


def test_a_listing_sees_one_state(server: Server) -> None:
    address = server.new()
    with at_server(address) as first, at_server(address) as second:
        leases = Leases(ready(first), "one")
        with second.reading() as connection:
            assert counted(connection) == 0
            assert leases.take("work", 60) is not None
            assert counted(connection) == 0
        with second.reading() as connection:
            assert counted(connection) == 1


def counted(connection: Connection) -> int:
    return connection.execute(select(func.count()).select_from(LEASES)).scalar_one()
