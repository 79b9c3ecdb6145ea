"""Secrets by reference from the outside: a check with a key from Vault, a signing key whose passphrase lies there, and what is
found of them afterwards: nothing.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.adapters.typed import Done, typed
from tests.models import PASSPHRASE, Bench, bench, good_model
from tests.simulators.openai_api import Api, Plan, serving
from tests.simulators.vault import VaultServer, vault

pytestmark = pytest.mark.requirement("BASE-5/secrets-by-reference")

OK, REFUSED, RED = 0, 2, 3
CANARY = "canary-of-the-api-4e1b7c"
TOKEN = "canary-of-the-vault-9d02aa"
SHORT = ("--requests", "4", "--concurrency", "1", "--rate", "20", "--tokens", "8")
QUICK = Plan(first=0.02, gap=0.002)


@pytest.fixture
def here(tmp_path: Path) -> Bench:
    return bench(tmp_path)


@pytest.fixture
def store() -> Iterator[VaultServer]:
    with vault() as server:
        server.tokens = {TOKEN}
        server.put("kv", "model", key=CANARY)
        server.put("kv", "signing", passphrase=PASSPHRASE)
        yield server


def ask(here: Bench, store: VaultServer, *words: str | Path, **more: str) -> Done:
    told = {**os.environ, **here.environment, "VAULT_ADDR": store.url, "VAULT_TOKEN": TOKEN, "COLUMNS": "400", **more}
    return typed(*words, environment={name: value for name, value in told.items() if value})


def check(here: Bench, store: VaultServer, api: Api, *more: str, **environment: str) -> Done:
    words = ("inference", "check", api.url, *SHORT, "--models", "a", "--api-key", "vault:kv/model#key", *more)
    return ask(here, store, *words, **environment)


def test_a_check_sends_the_key_that_vault_has(here: Bench, store: VaultServer) -> None:
    with serving(a=QUICK) as api:
        done = check(here, store, api)
    assert "artifact" in done.stdout, done.stderr
    assert {one["Authorization"] for one in api.headers} == {f"Bearer {CANARY}"}


def test_a_key_that_was_replaced_is_sent_by_the_next_check(here: Bench, store: VaultServer) -> None:
    with serving(a=QUICK) as api:
        check(here, store, api)
        store.put("kv", "model", key="the-second-key")
        check(here, store, api)
    assert {one["Authorization"] for one in api.headers} == {f"Bearer {CANARY}", "Bearer the-second-key"}


def test_without_its_key_a_check_is_red_and_says_which(here: Bench, store: VaultServer) -> None:
    store.down = 503
    with serving(a=QUICK) as api:
        done = check(here, store, api)
    assert done.returncode == RED, done.stdout + done.stderr
    assert "the API key cannot be had from vault:kv/model#key: it answers 503" in done.stdout
    assert not api.headers


def test_the_passphrase_of_the_signing_key_may_lie_in_vault(here: Bench, store: VaultServer) -> None:
    model = good_model(here)
    told = {"ARCOPS_PASSPHRASE": "", "ARCOPS_PASSPHRASE_REF": "vault:kv/signing#passphrase"}
    done = ask(here, store, "check", model, **told)
    assert done.returncode in (OK, RED, 4), done.stderr
    assert "artifact" in done.stdout
    store.put("kv", "signing", passphrase="another")
    done = ask(here, store, "check", model, **told)
    assert "artifact" in done.stdout, "what is kept still counts"


def test_a_passphrase_that_was_refused_is_asked_for_again_once(here: Bench, store: VaultServer) -> None:
    model = good_model(here)
    told = {"ARCOPS_PASSPHRASE": "", "ARCOPS_PASSPHRASE_REF": "vault:kv/signing#passphrase"}
    store.put("kv", "signing", passphrase="an old one")
    done = ask(here, store, "check", model, **told)
    assert done.returncode == REFUSED, done.stdout + done.stderr
    assert "cannot be decrypted" in done.stderr
    asked = store.reads
    assert asked == 2
    store.put("kv", "signing", passphrase=PASSPHRASE)
    done = ask(here, store, "check", model, **told)
    assert "artifact" in done.stdout, done.stderr
    assert store.reads == asked + 1


def test_the_signing_key_itself_may_lie_in_vault(here: Bench, store: VaultServer) -> None:
    store.put("kv", "pem", key=Path(here.settings.key).read_text())
    done = ask(here, store, "check", good_model(here), ARCOPS_KEY="vault:kv/pem#key")
    assert "artifact" in done.stdout, done.stderr


def test_a_key_that_is_none_is_refused_and_not_shown(here: Bench, store: VaultServer) -> None:
    store.put("kv", "pem", key=CANARY)
    done = ask(here, store, "check", good_model(here), ARCOPS_KEY="vault:kv/pem#key")
    assert done.returncode == REFUSED
    assert "vault:kv/pem#key is not a private key in PEM" in done.stderr
    assert CANARY not in done.stderr
