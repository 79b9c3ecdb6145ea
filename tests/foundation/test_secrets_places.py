"""The secrets of one process: every scheme by one function, kept once, and one more attempt with a secret that was replaced."""

from __future__ import annotations

import os
import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest

from arcops.endpoint import Endpoint, Load
from arcops.errors import Refused, Unavailable
from arcops.secret import Secret
from foundation.processes import environments, hiding
from foundation.secrets import newest, passphrase_source, referred, secret_files, with_passphrase, with_secret
from foundation.secrets.passphrase import key_path
from foundation.secrets.places import forget
from foundation.settings import read_settings
from tests.simulators.vault import VaultServer, vault

pytestmark = pytest.mark.requirement("BASE-5/secrets-by-reference")

REF = "vault:kv/a#key"


class NotLetIn(Exception):
    """What a service raises for a wrong password."""


@pytest.fixture
def store(monkeypatch: pytest.MonkeyPatch) -> Iterator[VaultServer]:
    with vault() as server:
        server.put("kv", "a", key="first")
        monkeypatch.setenv("VAULT_ADDR", server.url)
        monkeypatch.setenv("VAULT_TOKEN", "root-token")
        yield server


def test_a_secret_is_kept_for_the_whole_process_and_forgotten_when_told(store: VaultServer) -> None:
    for _ in range(3):
        assert referred(os.environ, REF, "key") == "first"
    assert store.reads == 1
    store.put("kv", "a", key="second")
    assert referred(os.environ, REF, "key") == "first"
    forget(os.environ, REF, "key")
    assert referred(os.environ, REF, "key") == "second"


def test_other_settings_are_other_places(store: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
    referred(os.environ, REF, "key")
    store.namespace = "team"
    store.put("kv", "a", key="of the team")
    monkeypatch.setenv("VAULT_NAMESPACE", "team")
    assert referred(os.environ, REF, "key") == "of the team"


def test_a_variable_and_a_file_are_read_each_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "key"
    path.touch(mode=0o600)
    for word in ("one", "two"):
        path.write_text(word)
        monkeypatch.setenv("KEY", word)
        for reference in (f"file:{path}", "env:KEY"):
            assert referred(os.environ, reference, "key") == newest(os.environ, reference, "key") == word
            forget(os.environ, reference, "key")


class TestOnceMore:
    """Who was refused with a secret that is kept asks its place again, once."""

    def use(self, counts: str) -> tuple[list[str], object]:
        tried: list[str] = []

        def let_in(secret: str) -> str:
            tried.append(secret)
            if secret != counts:
                raise NotLetIn
            return f"in with {secret}"

        return tried, let_in

    def go(self, let_in: object, reference: str = REF) -> str:
        return with_secret(os.environ, reference, "key", let_in, refused=lambda error: isinstance(error, NotLetIn))  # type: ignore[arg-type]

    def test_with_the_one_that_was_replaced(self, store: VaultServer) -> None:
        referred(os.environ, REF, "key")
        store.put("kv", "a", key="second")
        tried, let_in = self.use("second")
        assert self.go(let_in) == "in with second"
        assert tried == ["first", "second"]
        assert self.go(let_in) == "in with second"
        assert store.reads == 2

    def test_not_with_the_same_one(self, store: VaultServer) -> None:
        tried, let_in = self.use("another")
        with pytest.raises(NotLetIn):
            self.go(let_in)
        assert tried == ["first"]
        assert store.reads == 2

    def test_not_a_third_time(self, store: VaultServer) -> None:
        referred(os.environ, REF, "key")
        store.put("kv", "a", key="second")
        tried, let_in = self.use("another")
        with pytest.raises(NotLetIn):
            self.go(let_in)
        assert tried == ["first", "second"]

    def test_not_for_another_error(self, store: VaultServer) -> None:
        def fails(secret: str) -> None:
            raise Unavailable("the network is down")

        with pytest.raises(Unavailable, match="network"):
            self.go(fails)
        assert store.reads == 1

    def test_not_if_its_place_is_down(self, store: VaultServer) -> None:
        tried, let_in = self.use("another")
        referred(os.environ, REF, "key")
        store.down = 503
        with pytest.raises(NotLetIn):
            self.go(let_in)
        assert tried == ["first"]

    def test_not_for_a_file(self, tmp_path: Path) -> None:
        path = tmp_path / "key"
        path.touch(mode=0o600)
        path.write_text("wrong")
        tried, let_in = self.use("another")
        with pytest.raises(NotLetIn):
            self.go(let_in, f"file:{path}")
        assert tried == ["wrong"]


class TestThePassphrase:
    def test_each_place_in_turn(self, store: VaultServer, tmp_path: Path) -> None:
        key = tmp_path / "a.key"
        beside, named = tmp_path / "a.key.passphrase", tmp_path / "named"
        for path, word in ((beside, "beside"), (named, "in a file")):
            path.touch(mode=0o600)
            path.write_text(word)
        told = {"VAULT_ADDR": store.url, "VAULT_TOKEN": "root-token"}
        assert passphrase_source(told, str(key))("passphrase") == "beside"
        told["ARCOPS_PASSPHRASE_REF"] = REF
        assert passphrase_source(told, str(key))("passphrase") == "first"
        told["ARCOPS_PASSPHRASE_FILE"] = str(named)
        assert passphrase_source(told, str(key))("passphrase") == "in a file"
        told["ARCOPS_PASSPHRASE"] = "at once"
        assert passphrase_source(told, str(key))("passphrase") == "at once"
        with pytest.raises(Refused, match="ARCOPS_PASSPHRASE_REF"):
            passphrase_source({}, str(tmp_path / "other"))("passphrase")

    def test_one_that_was_replaced_is_tried_once_more(self, store: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARCOPS_PASSPHRASE_REF", REF)
        referred(os.environ, REF, "passphrase")
        store.put("kv", "a", key="second")

        def load(passphrase: object) -> str:
            if passphrase("passphrase of a.key") != "second":  # type: ignore[operator]
                raise Refused("the passphrase is wrong")
            return "loaded"

        assert with_passphrase(os.environ, "a.key", None, load) == "loaded"
        store.put("kv", "a", key="third")
        assert with_passphrase(os.environ, "a.key", None, load) == "loaded", "what is kept still counts"

    def test_a_key_that_is_broken_costs_no_question(self, store: VaultServer, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARCOPS_PASSPHRASE_REF", REF)

        def load(passphrase: object) -> str:
            raise Refused("the key file does not exist")

        with pytest.raises(Refused, match="does not exist"):
            with_passphrase(os.environ, "a.key", None, load)
        assert store.reads == 0


def test_every_file_with_a_credential_is_one_that_programs_of_others_may_not_open(tmp_path: Path) -> None:
    names = (
        "ARCOPS_PASSPHRASE_REF", "ARCOPS_DATABASE_PASSWORD_REF", "ARCOPS_VAULT_TOKEN_REF", "ARCOPS_VAULT_SECRET_ID_REF",
        "ARCOPS_VAULT_JWT_REF", "ARCOPS_AWS_KEY_ID_REF", "ARCOPS_AWS_SECRET_KEY_REF", "ARCOPS_AWS_SESSION_TOKEN_REF",
        "ARCOPS_AZURE_SECRET_REF", "ARCOPS_SECRETS_CLUSTER_TOKEN_REF", "ARCOPS_REDIS_PASSWORD_REF",
        "ARCOPS_BACKUP_PASSPHRASE_REF", "ARCOPS_BACKUP_IDENTITY_REF", "ARCOPS_REGISTRY_PASSWORD_REF",
    )  # fmt: skip
    told = {name: f"file:{tmp_path / name}" for name in names}
    plain = (
        *("ARCOPS_PASSPHRASE", "ARCOPS_DATABASE_PASSWORD", "ARCOPS_REDIS_PASSWORD", "ARCOPS_BACKUP_PASSPHRASE"),
        *("ARCOPS_BACKUP_IDENTITY", "ARCOPS_REGISTRY_PASSWORD"),
    )
    told |= {f"{name}_FILE": str(tmp_path / f"{name}_FILE") for name in plain}
    told |= {"AZURE_FEDERATED_TOKEN_FILE": str(tmp_path / "AZURE_FEDERATED_TOKEN_FILE"), "ARCOPS_HOME": str(tmp_path / "home")}
    found = set(secret_files(told))
    assert found >= {tmp_path / name for name in told if name != "ARCOPS_HOME"}
    source = Path(__file__).parents[2] / "foundation"
    used = {
        word.strip("\"',()")
        for path in source.rglob("*.py")
        for word in path.read_text().split()
        if word.strip("\"',()").startswith("ARCOPS_") and word.strip("\"',()").endswith("_REF")
    }
    assert used <= set(names), "a new variable that may name a file"


def test_a_process_that_seals_gets_the_variables_that_references_name_and_no_other() -> None:
    told = {"ARCOPS_KEY": "env:PEM", "ARCOPS_PASSPHRASE_REF": "env:WORD", "ARCOPS_VAULT_TOKEN_REF": "env:TOKEN", "OTHER": "x"}
    told |= {"PEM": "a", "WORD": "b", "TOKEN": "c", "ARCOPS_AWS_KEY_ID_REF": "file:/OTHER", "NO_REF": "env:OTHER"}
    assert {"PEM", "WORD", "TOKEN"} <= set(environments.of_sealer(told))
    assert "OTHER" not in environments.of_sealer(told)
    for child in (environments.of_collector(told, "/"), environments.of_server(told), environments.of_program("/")):
        assert not {"PEM", "WORD", "TOKEN", "ARCOPS_PASSPHRASE_REF"} & set(child)


@pytest.mark.parametrize("key", ["env:PEM", "vault:kv/a#b", "azure:vault/a", "pkcs11:token=a", "awskms:arn", "hv:key"])
def test_a_key_that_lies_elsewhere_names_no_file_for_a_new_one(key: str) -> None:
    with pytest.raises(Refused, match="names no file"):
        key_path(key)


def test_a_key_in_a_file_names_it() -> None:
    assert key_path("file:/etc/a.key") == key_path("file:///etc/a.key") == key_path("/etc/a.key") == Path("/etc/a.key")


def test_the_password_of_the_database_may_be_any_reference(tmp_path: Path) -> None:
    told = {"ARCOPS_HOME": str(tmp_path), "ARCOPS_DATABASE_PASSWORD_REF": REF}
    assert read_settings(told).database_password == REF


def test_a_secret_on_its_way_is_shown_by_nothing_and_arrives_whole() -> None:
    secret = Secret("canary-on-its-way")
    load = Load(url="http://127.0.0.1:1", models=("a",))
    endpoint = Endpoint(load=load, key=REF, secret=secret)
    for one in (secret, endpoint, (secret,), {"a": endpoint}):
        assert "canary" not in f"{one} {one!r}"
    assert pickle.loads(pickle.dumps(endpoint)).secret.value == "canary-on-its-way"  # noqa: S301  # ours


@pytest.mark.parametrize("name", hiding.SECRETS)
def test_a_process_that_is_given_a_secret_or_its_place_hides_from_its_start(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    hidden: list[bool] = []
    monkeypatch.setattr("foundation.processes.kernel.hide_memory", lambda: hidden.append(True))
    for other in hiding.SECRETS:
        monkeypatch.delenv(other, raising=False)
    hiding.hide_secrets()
    assert not hidden
    monkeypatch.setenv(name, "x")
    hiding.hide_secrets()
    assert hidden
