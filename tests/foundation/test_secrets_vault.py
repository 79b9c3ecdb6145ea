"""Vault's KV version 2: what is read, with which login, and what is said if it is not to be had."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from adapters.http.serve import reserved_port
from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.tier import Tier
from foundation.secrets import newest, referred
from tests.certificates import Authority
from tests.simulators.vault import VaultServer, vault

pytestmark = pytest.mark.requirement("BASE-5/secrets-by-reference")

CANARY = "canary-7f3a9d"
REF = "vault:kv/app/prod#key"


@pytest.fixture
def server() -> Iterator[VaultServer]:
    with vault() as made:
        made.put("kv", "app/prod", key=CANARY, other="x", number=5, nothing=None)
        yield made


def at(server: VaultServer, **more: str) -> dict[str, str]:
    return {"VAULT_ADDR": server.url, "VAULT_TOKEN": "root-token", **more}


def test_the_field_of_the_newest_version_is_read(server: VaultServer) -> None:
    server.put("kv", "app/prod", key="newer")
    assert referred(at(server), REF, "API key") == "newer"
    (asked,) = server.asked
    assert (asked.method, asked.path) == ("GET", "/v1/kv/data/app/prod")
    assert asked.headers["X-Vault-Request"] == "true"


def test_a_nested_mount_a_namespace_and_odd_names_reach_the_right_path(server: VaultServer) -> None:
    server.namespace = "team/a"
    server.put("deep/kv", "it's;x:y", key=CANARY)
    assert referred(at(server, VAULT_NAMESPACE="team/a"), "vault:deep/kv//it's;x:y#key", "API key") == CANARY
    with pytest.raises(Refused, match="no such secret"):
        referred(at(server), "vault:deep/kv//it's;x:y#key", "API key")


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("vault:kv/app/none#key", "no such secret"),
        ("vault:kv/app/prod#none", "has no field none"),
        ("vault:kv/app/prod#nothing", "has no field nothing"),
        ("vault:kv/app/prod#number", "is not text"),
        ("vault:kv/gone#key", "was deleted"),
        ("vault:kv/empty#key", "is empty"),
        ("vault:kv/long#key", "more than 16,384 bytes"),
        ("vault:kv/binary#key", "is not text"),
    ],
)
def test_what_is_not_there_is_refused_with_its_reference(server: VaultServer, reference: str, said: str) -> None:
    server.put("kv", "gone", key=CANARY)
    server.kept["kv", "gone"].append(None)
    server.put("kv", "empty", key="\n")
    server.put("kv", "long", key="é" * 9000)
    server.put("kv", "binary", key=f"{CANARY}\ud800")
    with pytest.raises(Refused, match=said) as refused:
        referred(at(server), reference, "API key")
    assert f"the API key cannot be had from {reference}" in str(refused.value)
    assert CANARY not in str(refused.value)


def test_a_token_that_counts_no_more_is_refused_and_one_that_was_renewed_beside_us_counts(
    server: VaultServer, tmp_path: Path
) -> None:
    token = tmp_path / "token"
    token.touch(mode=0o600)
    token.write_text("old-token\n")
    told = at(server, ARCOPS_VAULT_TOKEN_REF=f"file:{token}")
    with pytest.raises(Refused, match="may not read it"):
        referred(told, REF, "API key")
    token.write_text("root-token\n")
    assert referred(told, REF, "API key") == CANARY


def test_an_app_role_logs_in_once_and_again_when_its_token_is_refused(
    server: VaultServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.secret_ids["the-role"] = "the-secret-id"
    server.put("kv", "second", key="two")
    for name, value in at(
        server, ARCOPS_VAULT_ROLE_ID="the-role", ARCOPS_VAULT_SECRET_ID_REF="env:ID", ID="the-secret-id"
    ).items():
        monkeypatch.setenv(name, value)
    import os

    assert referred(os.environ, REF, "API key") == CANARY
    assert referred(os.environ, "vault:kv/second#key", "API key") == "two"
    assert [one.path for one in server.asked].count("/v1/auth/approle/login") == 1
    server.tokens.clear()
    server.put("kv", "app/prod", key="three")
    assert newest(os.environ, REF, "API key") == "three"
    assert [one.path for one in server.asked].count("/v1/auth/approle/login") == 2
    monkeypatch.setenv("ID", "wrong-id")
    server.tokens.clear()
    with pytest.raises(Refused, match="login at auth/approle is refused") as refused:
        newest(os.environ, REF, "API key")
    assert "wrong-id" not in str(refused.value)


def test_a_pod_logs_in_by_its_account(server: VaultServer, tmp_path: Path) -> None:
    jwt = tmp_path / "jwt"
    jwt.touch(mode=0o600)
    jwt.write_text("e30.e30.sig")
    server.accounts["arcops"] = "e30.e30.sig"
    told = {
        "VAULT_ADDR": f"{server.url}/",
        "ARCOPS_VAULT_KUBERNETES_ROLE": "arcops",
        "ARCOPS_VAULT_JWT_REF": f"file:{jwt}",
        "ARCOPS_VAULT_AUTH_MOUNT": "k8s/edge",
    }
    assert referred(told, REF, "API key") == CANARY
    assert server.asked[0].path == "/v1/auth/k8s/edge/login"


@pytest.mark.parametrize("status", [500, 502, 503, 429, 412, 472])
def test_one_that_is_sealed_or_busy_is_unavailable(server: VaultServer, status: int) -> None:
    server.down = status
    with pytest.raises(Unavailable if status != 472 else Refused) as raised:
        referred(at(server), REF, "API key")
    assert REF in str(raised.value)
    assert "root-token" not in str(raised.value)


def test_nothing_there_is_unavailable_and_says_which_secret() -> None:
    with reserved_port() as port, pytest.raises(Unavailable, match=f"the API key cannot be had from {REF}: it does not answer"):
        referred({"VAULT_ADDR": f"http://127.0.0.1:{port}", "VAULT_TOKEN": "t"}, REF, "API key")


def test_a_redirect_is_not_followed(server: VaultServer) -> None:
    with vault() as other:
        server.down, server.location = 307, f"{other.url}/v1/kv/data/app/prod"
        with pytest.raises(Refused, match="a redirect, which is not followed"):
            referred(at(server), REF, "API key")
        assert not other.asked


@pytest.mark.parametrize(
    "answer", [b"", b"[]", b"{", b'{"data": NaN}', b"[" * 100_000, b'{"data": {"data": {"key": "x"}}}', b"{}"]
)
def test_an_answer_of_something_else_is_refused_and_not_quoted(server: VaultServer, answer: bytes) -> None:
    server.answer = lambda asked: (200, answer)  # type: ignore[method-assign]  # of this one server
    with pytest.raises(Refused) as refused:
        referred(at(server), REF, "API key")
    assert REF in str(refused.value)


def test_an_answer_without_end_is_refused(server: VaultServer) -> None:
    server.answer = lambda asked: (200, b" " * 300_000)  # type: ignore[method-assign]  # of this one server
    with pytest.raises(Refused, match="more than"):
        referred(at(server), REF, "API key")


class TestTheTier:
    """The reason is said, and no socket is made."""

    @pytest.mark.parametrize("tier", [None, Tier.AIR_GAPPED])
    @pytest.mark.parametrize(
        ("reference", "told"),
        [
            (REF, {"VAULT_ADDR": "https://vault.example:8200", "VAULT_TOKEN": "t"}),
            ("aws:eu-central-1/a", {"AWS_ACCESS_KEY_ID": "a", "AWS_SECRET_ACCESS_KEY": "b"}),
            ("azure:vault/a", {"AZURE_TENANT_ID": "t", "AZURE_CLIENT_ID": "c", "AZURE_CLIENT_SECRET": "s"}),
            (
                "kubernetes:ns/a#b",
                {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "ARCOPS_SECRETS_CLUSTER_TOKEN_REF": "env:T", "T": "t"},
            ),
        ],
        ids=["vault", "aws", "azure", "kubernetes"],
    )
    def test_air_gapped_asks_no_one(
        self, reference: str, told: dict[str, str], tier: Tier | None, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def none(*_: object, **__: object) -> None:
            raise AssertionError("a socket was made")

        monkeypatch.setattr(socket, "socket", none)
        monkeypatch.setattr(socket, "getaddrinfo", none)
        with pytest.raises(
            Refused, match="the tier air-gapped does not reach; use a file: reference, or set ARCOPS_TIER"
        ) as it:
            referred(told, reference, "API key", tier=tier)
        assert reference in str(it.value)

    def test_a_secret_never_travels_in_the_clear(self) -> None:
        told = {"VAULT_ADDR": "http://vault.example:8200", "VAULT_TOKEN": "t", "ARCOPS_TIER": "connected"}
        with pytest.raises(Refused, match="without encryption"):
            referred(told, REF, "API key")

    def test_a_certificate_must_come_from_the_authorities_that_were_named(self, tmp_path: Path) -> None:
        authority, other = Authority.new(), Authority.new()
        certificate, key = authority.issue("127.0.0.1", tmp_path)
        pair = tmp_path / "pair.pem"
        pair.write_bytes(certificate.read_bytes() + key.read_bytes())
        with vault(pair) as server:
            server.put("kv", "app/prod", key=CANARY)
            for who, good in ((authority, True), (other, False)):
                named = tmp_path / "authorities.pem"
                named.write_bytes(who.pem)
                if good:
                    assert referred(at(server, VAULT_CACERT=str(named)), REF, "API key") == CANARY
                else:
                    with pytest.raises(Refused, match="its certificate is refused"):
                        referred(at(server, VAULT_CACERT=str(named)), REF, "API key")
            with pytest.raises(Refused, match="its certificate is refused"):
                referred(at(server), REF, "API key")


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({}, "VAULT_ADDR is not set"),
        ({"VAULT_ADDR": "https://user:hunter2@vault.example"}, "not a plain http URL"),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "ARCOPS_VAULT_TOKEN_REF": "vault:a/b#c"}, "must be env:NAME or file:PATH"),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "ARCOPS_VAULT_TOKEN_REF": "hvs.pasted"}, "ARCOPS_VAULT_TOKEN_REF"),
        ({"VAULT_ADDR": "http://127.0.0.1:1"}, "VAULT_TOKEN, which is not set"),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_TOKEN": "two\nlines"}, "must not have"),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "ARCOPS_VAULT_ROLE_ID": "r"}, "ARCOPS_VAULT_SECRET_ID_REF is not set"),
        (
            {"VAULT_ADDR": "http://127.0.0.1:1", "ARCOPS_VAULT_ROLE_ID": "r", "ARCOPS_VAULT_KUBERNETES_ROLE": "k"},
            "set only one of",
        ),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_CACERT": "/nowhere/ca.pem"}, "VAULT_CACERT"),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "VAULT_NAMESPACE": "a\r\nX: y"}, "VAULT_NAMESPACE"),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "ARCOPS_VAULT_AUTH_MOUNT": "../sys"}, "ARCOPS_VAULT_AUTH_MOUNT"),
        ({"VAULT_ADDR": "http://127.0.0.1:1", "ARCOPS_SECRETS_SECONDS": "forever"}, "ARCOPS_SECRETS_SECONDS"),
    ],
)
def test_settings_that_are_wrong_are_named(told: dict[str, str], said: str) -> None:
    with pytest.raises(ArcOpsError, match=said) as refused:
        referred(told, REF, "API key", tier=Tier.RESTRICTED)
    assert not any(secret in str(refused.value) for secret in ("hunter2", "hvs.pasted", "two\nlines"))
