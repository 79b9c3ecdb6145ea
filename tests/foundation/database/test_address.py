"""Which database, and over which connection: read strictly, asked of the tier, and never with a password in the address."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.database.address import Address, PostgresServer, SqliteFile, read_address
from foundation.database.engine import connected
from foundation.database.opening import opened
from foundation.settings import read_settings, without_folders

BASE = "postgresql+psycopg://arcops@"


def test_the_usual_is_a_file_in_the_home(tmp_path: Path) -> None:
    settings = read_settings({"ARCOPS_HOME": str(tmp_path)})
    assert read_address(settings.database) == SqliteFile(path=tmp_path / "database" / "arcops.sqlite")
    assert without_folders(f"{tmp_path}/database/arcops.sqlite is damaged", settings) == "(database) is damaged"
    strange = tmp_path / "a b?c#d%20e@f"
    assert read_address(read_settings({"ARCOPS_HOME": str(strange)}).database).shown.startswith(str(strange))


@pytest.mark.parametrize(
    ("text", "shown", "tls"),
    [
        (f"{BASE}db.example.org/arcops", "arcops of arcops at db.example.org:5432", {"sslmode": "verify-full"}),
        ("postgresql://a@db.example.org:6432/b", "b of a at db.example.org:6432", {"sslmode": "verify-full"}),
        (f"{BASE}db.example.org:443/arcops", "arcops of arcops at db.example.org:443", {"sslmode": "verify-full"}),
        (f"{BASE}127.0.0.1/arcops", "arcops of arcops at 127.0.0.1:5432", {"sslmode": "prefer"}),
        (f"{BASE}[::1]:5433/arcops", "arcops of arcops at ::1:5433", {"sslmode": "prefer"}),
        (f"{BASE}localhost/arcops?sslmode=disable", "arcops of arcops at localhost:5432", {"sslmode": "disable"}),
        (f"{BASE}/arcops?host=/var/run/postgresql", "arcops of arcops at /var/run/postgresql", {}),
        ("postgresql://me%40tenant@h.example/b", "b of me@tenant at h.example:5432", {"sslmode": "verify-full"}),
        (
            f"{BASE}h.example/b?sslmode=verify-full&sslrootcert=/etc/ca.pem",
            "b of arcops at h.example:5432",
            {"sslmode": "verify-full", "sslrootcert": "/etc/ca.pem"},
        ),
    ],
)
def test_a_server(text: str, shown: str, tls: dict[str, str]) -> None:
    found = read_address(text)
    assert isinstance(found, PostgresServer)
    assert found.shown == shown
    assert found.tls == tls


@pytest.mark.parametrize(
    "text",
    [
        "", "arcops", "/srv/arcops.sqlite", "sqlite:", "sqlite://", "sqlite:///relative", "sqlite:////", "sqlite:////a\n",
        "mysql://a@h/b", "postgresql+asyncpg://a@h/b", "postgres://a@h/b", "postgresql://h/b", "postgresql://a@h", f"{BASE}h/",
        f"{BASE}h,i/b", f"{BASE}h:0/b", f"{BASE}h:65536/b", f"{BASE}h:x/b", f"{BASE}h/b/c", f"{BASE}h/b#c", f"{BASE}/b",
        f"{BASE}h h/b", f"{BASE}[::1/b", f"{BASE}h\\i/b", f"{BASE}h/b?host=/run", f"{BASE}/b?host=run", f"{BASE}h/%00",
        f"{BASE}h/%zz", f"{BASE}h/b?sslmode=verify-full&sslmode=disable", f"{BASE}h/b?service=x",
        f"{BASE}h/b?hostaddr=10.0.0.1",
        f"{BASE}h/b?options=-csearch_path%3Dx", f"{BASE}h/b?sslrootcert=ca.pem", f"{BASE}h/b?sslrootcert=",
        f"{BASE}b?host=/run",
        f"{BASE}/b?host=/run&sslmode=disable", "postgresql://%0a@h/b", f"{BASE}h/{'b' * 64}", BASE + "h" * 3000 + "/b",
    ],
)  # fmt: skip
def test_what_is_no_address(text: str) -> None:
    with pytest.raises(Refused, match="ARCOPS_DATABASE"):
        read_address(text)


@pytest.mark.parametrize("mode", ["disable", "allow", "prefer", "require", "verify-ca", "VERIFY-FULL"])
def test_another_machine_is_reached_by_verified_tls_alone(mode: str) -> None:
    with pytest.raises(Refused, match="others on the network could read or change"):
        read_address(f"{BASE}db.example.org/b?sslmode={mode}")


@pytest.mark.parametrize(
    "text", ["postgresql://a:geheim@h/b", f"{BASE[:-1]}:geheim@h:x/b?y", "postgresql://a:geheim@/b?host=/run", "x://a:geheim@h"]
)
def test_a_password_in_an_address_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(Refused) as refused:
        read_address(text)
    assert "geheim" not in str(refused.value)


@given(text=st.one_of(st.text(max_size=60), st.text("postgreql+cy:/@?=&%#[].0123 ahb", max_size=40).map(BASE.__add__)))
def test_any_text_is_an_address_or_refused(text: str) -> None:
    try:
        found: Address | None = read_address(text)
    except Refused:
        found = None
    assert found is None or found.shown


REMOTE = f"{BASE}db.example.org/arcops"


class TestReach:
    @pytest.fixture
    def asked(self, monkeypatch: pytest.MonkeyPatch) -> list[str]:
        """What psycopg was told to connect to; it never does."""
        told: list[str] = []

        def connect(conninfo: str, **_: Any) -> None:
            told.append(conninfo)
            raise psycopg.OperationalError("connection refused\nmore lines")

        monkeypatch.setattr(psycopg, "connect", connect)
        for name in ("PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE"):
            monkeypatch.delenv(name, raising=False)
        return told

    def test_air_gapped_reaches_no_other_machine(self, asked: list[str], tmp_path: Path) -> None:
        home = {"ARCOPS_HOME": str(tmp_path)}
        for address in (REMOTE, f"{BASE}10.0.0.1/b", f"{BASE}127.1/b", f"{BASE}localhost./b"):
            with pytest.raises(Refused, match=r"ARCOPS_DATABASE names the host .* the tier air-gapped does not reach"):
                opened(read_settings({**home, "ARCOPS_DATABASE": address}))
        assert asked == []
        with pytest.raises(Unavailable, match="does not answer: connection refused; check ARCOPS_DATABASE"):
            opened(read_settings({**home, "ARCOPS_DATABASE": REMOTE, "ARCOPS_TIER": "restricted"}))
        assert "host=db.example.org port=5432 sslmode=verify-full sslrootcert=" in asked[0]
        assert "hostaddr" not in asked[0]

    @pytest.mark.parametrize("name", ["PGHOSTADDR", "PGSERVICE", "PGSERVICEFILE"])
    def test_no_variable_leads_elsewhere(
        self, asked: list[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
    ) -> None:
        monkeypatch.setenv(name, "10.0.0.1")
        with pytest.raises(Refused, match=f"{name} is set"):
            opened(read_settings({"ARCOPS_HOME": str(tmp_path), "ARCOPS_DATABASE": f"{BASE}localhost/b"}))
        assert asked == []

    def test_localhost_is_this_machine_whatever_a_file_of_hosts_says(self, asked: list[str], tmp_path: Path) -> None:
        with pytest.raises(Unavailable):
            opened(read_settings({"ARCOPS_HOME": str(tmp_path), "ARCOPS_DATABASE": f"{BASE}localhost/b"}))
        assert "host=localhost,localhost port=5432,5432 hostaddr=127.0.0.1,::1" in asked[0]

    @pytest.mark.parametrize("place", ["file", "variable"])
    def test_the_password_is_read_for_each_connection(
        self, asked: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
    ) -> None:
        secret = tmp_path / "password"

        def put(word: str) -> None:
            secret.touch(mode=0o600)
            secret.write_text(f"{word}\n")
            monkeypatch.setenv("ARCOPS_DATABASE_PASSWORD", word)

        put("canary-one")
        name = "ARCOPS_DATABASE_PASSWORD" if place == "variable" else "ARCOPS_DATABASE_PASSWORD_FILE"
        value = "canary-one" if place == "variable" else str(secret)
        settings = read_settings({"ARCOPS_HOME": str(tmp_path), "ARCOPS_DATABASE": f"{BASE}127.0.0.1/b", name: value})
        assert "canary" not in repr(settings)
        for word in ("canary-one", "canary-two"):
            put(word)
            with pytest.raises(Unavailable) as said:
                opened(settings)
            assert f"password={word}" in asked[-1]
            assert "canary" not in str(said.value)
        secret.chmod(0o644)
        if place == "file":
            with pytest.raises(Refused, match="other users can read the password of the database file"):
                opened(settings)

    def test_without_its_driver_it_says_which_extra(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from arcops import extras

        monkeypatch.setattr(extras, "find_spec", lambda _: None)
        with pytest.raises(Refused, match=r"pip install 'arcops\[postgresql\]'"):
            connected(read_address(f"{BASE}127.0.0.1/b"), Tier.AIR_GAPPED)


def test_a_caller_is_not_told_where_a_server_is() -> None:
    """Mutation: a driver's own sentence, with the address that a name was resolved to, goes to a caller over the network."""
    settings = read_settings({"ARCOPS_HOME": "/x", "ARCOPS_DATABASE": "postgresql://arcops@db.internal:5432/arcops"})
    for said in (
        'the database arcops@db.internal:5432/arcops does not answer: connection to server at "10.1.2.3", port 5432 failed',
        'connection to server at "db.internal" (10.1.2.3), port 5432 failed: refused',
        "db.internal:5432 is busy",
    ):
        shown = without_folders(said, settings)
        assert not {"10.1.2.3", "5432", "db.internal"} & set(shown.replace(",", " ").replace(":", " ").split()), shown
        assert "internal" not in shown
