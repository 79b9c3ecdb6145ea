"""API keys: shown once, kept as a hash, for some scopes, until an end, and revoked at once."""

from __future__ import annotations

import hashlib
import hmac
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from arcops.errors import Refused, Unavailable
from foundation.database.engine import Database
from foundation.database.migrating import ready
from foundation.database.moving import move
from foundation.identity.accepting import Accepting
from foundation.identity.api_keys import ApiKeys
from foundation.tokens import NotAccepted
from tests.foundation.database.open_here import Open, at_server, hurried

# The fixture `address` has a second database on a whole site: mark.site.

pytestmark = pytest.mark.requirement("ARC-3/callers-are-identified")

NOW = datetime(2026, 11, 29, 12, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def database(open_: Open) -> Database:
    return ready(open_())


@pytest.fixture
def keys(database: Database) -> ApiKeys:
    return ApiKeys(database)


def test_a_key_names_its_caller(keys: ApiKeys) -> None:
    key, secret = keys.new("pipeline", ["read", "check"], 30 * DAY, NOW)
    found = keys.caller(secret, NOW)
    assert (found.issuer, found.tenant, found.id) == ("arcops", "", key.id)
    assert found.scopes == {"read", "check"}
    assert found.roles == frozenset()
    other, _ = keys.new("pipeline", ["trust"], DAY, NOW + DAY)
    assert keys.listed() == (other, key)
    door = Accepting(tokens=(), now=NOW.timestamp, keys=keys)
    assert door.identity(secret) == found
    assert door.caller(secret).id == f"{key.id}@arcops"
    assert secret.startswith("arcops_")
    assert len(secret.rpartition("_")[0]) >= 23


def test_it_ends(keys: ApiKeys) -> None:
    _, secret = keys.new("pipeline", ["read"], DAY, NOW)
    keys.caller(secret, NOW + DAY - timedelta(milliseconds=1))
    for later in (DAY, 400 * DAY):
        with pytest.raises(NotAccepted, match="ended at 2026-11-30 12:00 UTC"):
            keys.caller(secret, NOW + later)


def test_it_is_revoked_at_once_and_for_good(keys: ApiKeys) -> None:
    key, secret = keys.new("pipeline", ["read"], DAY, NOW)
    door = Accepting(tokens=(), now=NOW.timestamp, keys=keys)
    door.identity(secret)
    revoked = keys.revoke(key.id, NOW)
    assert revoked.revoked == NOW
    for use in (lambda: keys.caller(secret, NOW), lambda: keys.caller(secret, NOW - DAY), lambda: door.identity(secret)):
        with pytest.raises(NotAccepted, match="is revoked"):
            use()
    assert keys.revoke(key.id, NOW + DAY).revoked == NOW, "it keeps its moment"
    for unknown in ("", "x", key.id + "x", key.id.upper(), "' OR 1=1"):
        with pytest.raises(Refused, match="there is no API key"):
            keys.revoke(unknown, NOW)


def test_its_secret_is_nowhere(keys: ApiKeys, database: Database, address: str) -> None:
    _, secret = keys.new("pipeline", ["read"], DAY, NOW)
    random = secret[24:]
    with database.reading() as connection:
        (row,) = connection.execute(text("SELECT * FROM arcops_api_key")).all()
    assert hashlib.sha256(secret.encode()).digest() in [bytes(one) for one in row if isinstance(one, (bytes, memoryview))]
    assert random not in repr(row)
    if address.startswith("sqlite"):
        folder = Path(address.removeprefix("sqlite:///")).parent
        assert all(random.encode() not in path.read_bytes() for path in folder.iterdir())


def test_one_letter_less_more_or_other_is_unknown(keys: ApiKeys) -> None:
    """All of them hear the same, so no one learns which ids there are."""
    key, secret = keys.new("pipeline", ["read"], DAY, NOW)
    other, _ = keys.new("other", ["read"], DAY, NOW)
    wrong = [
        secret[:-1],
        f"{secret}A",
        f" {secret}",
        f"{secret}\n",
        secret.upper(),
        secret.replace(key.id, other.id),
        "arcops_",
        "",
    ]
    wrong += [secret[:at] + ("B" if secret[at] != "B" else "C") + secret[at + 1 :] for at in range(len(secret))]
    for one in wrong:
        with pytest.raises(NotAccepted, match=r"not known here") as refused:
            keys.caller(one, NOW)
        assert secret not in str(refused.value)


def test_the_comparison_takes_as_long_for_what_is_unknown(keys: ApiKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    _, secret = keys.new("pipeline", ["read"], DAY, NOW)
    compared, compare = [], hmac.compare_digest

    def counting(one: bytes, other: bytes) -> bool:
        compared.append((len(one), len(other)))
        return compare(one, other)

    monkeypatch.setattr(hmac, "compare_digest", counting)
    unknown = f"arcops_{'a' * 16}_{secret[24:]}"
    for one in (secret[:-1] + ("A" if secret[-1] != "A" else "B"), unknown):
        with pytest.raises(NotAccepted):
            keys.caller(one, NOW)
    assert compared == [(32, 32), (32, 32)]


def test_what_no_key_can_be(keys: ApiKeys) -> None:
    for name in ("", " a", "a\n", "x" * 201):
        with pytest.raises(Refused, match="no name of a key"):
            keys.new(name, ["read"], DAY, NOW)
    for scopes in ([], [""], ["read check"], ["Read"], ["read", "*"]):
        with pytest.raises(Refused, match="at least one scope"):
            keys.new("a", scopes, DAY, NOW)
    for life in (timedelta(0), -DAY, 367 * DAY, timedelta.max):
        with pytest.raises(Refused, match="1 to 366 days"):
            keys.new("a", ["read"], life, NOW)
    assert keys.listed() == ()


@pytest.mark.parametrize(
    "change",
    [
        "until = 9223372036854775807",
        "until = 'never'",
        "made = -9223372036854775807",
        "scopes = x'ff'",
        "scopes = 'read Trust'",
        "hash = 'text'",
        "hash = x''",
    ],
)
def test_a_damaged_row_lets_no_one_in(tmp_path: Path, change: str) -> None:
    with hurried(at_server(f"sqlite:///{tmp_path}/arcops.sqlite")) as database:
        keys = ApiKeys(ready(database))
        _, secret = keys.new("pipeline", ["read"], DAY, NOW)
        with database.writing() as connection:
            connection.execute(text(f"UPDATE arcops_api_key SET {change}"))  # noqa: S608  # texts of ours
        with pytest.raises(Refused):
            keys.caller(secret, NOW)


def test_without_the_database_no_one_is_let_in(tmp_path: Path) -> None:
    with hurried(at_server(f"sqlite:///{tmp_path}/d/arcops.sqlite")) as database:
        keys = ApiKeys(ready(database))
        _, secret = keys.new("pipeline", ["read"], DAY, NOW)
    (tmp_path / "d").rename(tmp_path / "gone")
    with pytest.raises(Unavailable, match="cannot be used"):
        keys.caller(secret, NOW)
    with pytest.raises(NotAccepted, match="no API key is accepted here"):
        Accepting(tokens=(), now=NOW.timestamp).identity(secret)


def test_a_file_that_was_replaced_counts_at_once(tmp_path: Path) -> None:
    """Mutation: an open connection goes on reading the file that is no longer there."""
    path, copy = tmp_path / "a b?c#d%41" / "arcops.sqlite", tmp_path / "copy"
    with hurried(at_server(f"sqlite:///{path}")) as database:
        keys = ApiKeys(ready(database))
        key, secret = keys.new("pipeline", ["read"], DAY, NOW)
        with hurried(at_server(f"sqlite:///{copy}")) as restored:
            move(database, restored)
            ApiKeys(restored).revoke(key.id, NOW)
        assert keys.caller(secret, NOW).id == key.id
        for beside in path.parent.iterdir():
            beside.unlink()
        with pytest.raises(Unavailable):
            keys.caller(secret, NOW)
        assert list(path.parent.iterdir()) == []
        copy.rename(path)
        with pytest.raises(NotAccepted, match="is revoked"):
            keys.caller(secret, NOW)


@given(secret=st.one_of(st.text(), st.from_regex(r"arcops_[a-z2-7]{16}_[A-Za-z0-9_-]{43}", fullmatch=True)))
def test_any_text_is_unknown(shared: ApiKeys, secret: str) -> None:
    with pytest.raises(NotAccepted, match="not known"):
        shared.caller(secret, NOW)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> ApiKeys:
    path = tmp_path_factory.mktemp("shared") / "arcops.sqlite"
    keys = ApiKeys(ready(hurried(at_server(f"sqlite:///{path}"))))
    keys.new("one", ["read"], DAY, NOW)
    return keys
