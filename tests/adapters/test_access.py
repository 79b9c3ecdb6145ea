"""Tokens at the door: whose are believed, for what, and what is said to the others."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from adapters.http.bound import bind
from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from capabilities.contract import Scope
from foundation.settings import read_settings
from foundation.tokens import Issuer as Believed
from foundation.tokens import NotAccepted, Tokens, fetched, read_issuers
from tests.adapters.serving import Served, served
from tests.models import bench
from tests.simulators.issuer import Issuer, issuing, new_key

pytestmark = [pytest.mark.requirement("ARC-3/callers-are-identified"), pytest.mark.xdist_group("access")]

AUDIENCE = "https://arcops.example/mcp"
NOW = 1_800_000_000.0


@dataclass
class Clock:
    at: float = NOW

    def __call__(self) -> float:
        return self.at


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing() as one:
        yield one


def tokens(issuer: Issuer, clock: Clock, keys: str = "") -> Tokens:
    believed = Believed(name=issuer.url, audience=AUDIENCE, keys=keys, tier=Tier.AIR_GAPPED)
    return Tokens(issuer=believed, now=clock, fetch=fetched)


def good(**more: object) -> dict[str, object]:
    return {"aud": AUDIENCE, "sub": "ada", "exp": NOW + 600, "scope": "openid arcops:read arcops:check", **more}


def _by_public_key(issuer: Issuer, claims: Mapping[str, object]) -> str:
    """A token signed with the issuer's public key as if it were a shared secret."""
    parts = (json.dumps({"alg": "HS256", "kid": "first"}).encode(), json.dumps(claims).encode())
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = hmac.digest(issuer.key.as_pem(private=False), signed, "sha256")
    return f"{signed.decode()}.{base64.urlsafe_b64encode(signature).rstrip(b'=').decode()}"


class TestTokens:
    def test_a_good_one_names_its_bearer_and_what_it_may(self, issuer: Issuer) -> None:
        checks = tokens(issuer, Clock())
        caller = checks.caller(issuer.token(**good()))
        assert (caller.name, caller.scopes) == ("ada", {"read", "check"})
        assert checks.caller(issuer.token(**good(aud=["other", AUDIENCE]))).name == "ada"
        for claim, value in (("scp", "arcops:waive"), ("roles", ["arcops:waive", 5]), ("scope", "arcops:waive")):
            claims = {**good(), "scope": "", claim: value}
            assert checks.caller(issuer.token(**claims)).scopes == {"waive"}
        assert issuer.asked == ["/.well-known/openid-configuration", "/keys"], "the keys are asked for once"

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"exp": NOW - 31}, "expired"),
            ({"exp": None}, "exp"),
            ({"exp": "tomorrow"}, "exp"),
            ({"nbf": NOW + 60}, "not yet"),
            ({"aud": "https://other.example"}, "aud"),
            ({"aud": None}, "aud"),
            ({"aud": [AUDIENCE + "/"]}, "aud"),
            ({"iss": "https://evil.example"}, "iss"),
            ({"sub": None}, "sub"),
        ],
    )
    def test_one_that_is_not_for_here_or_now(self, issuer: Issuer, change: dict[str, object], said: str) -> None:
        claims = {name: value for name, value in {**good(), **change}.items() if value is not None}
        with pytest.raises(NotAccepted, match=said):
            tokens(issuer, Clock()).caller(issuer.token(**claims))

    def test_one_that_the_issuer_did_not_sign(self, issuer: Issuer) -> None:
        checks = tokens(issuer, Clock())
        claims = {"iss": issuer.url, **good()}
        genuine = issuer.token(**good())
        head, body, signature = genuine.split(".")
        rsa = RSAKey.generate_key(2048, {"kid": "first"})
        for forged in (
            _by_public_key(issuer, claims),
            jwt.encode({"alg": "RS256", "kid": "first"}, claims, rsa),
            issuer.token(key=new_key("first"), **good()),
            issuer.token(key=new_key("outsider"), **good()),
            f"{head}.{body}.",
            f"{head}.{body}.{signature[:-4]}AAAA",
            "eyJhbGciOiJub25lIn0." + body + ".",
            "", "a.b.c", "a" * 20_000, ".".join(["e30"] * 5), "\x00.\x00.\x00",
        ):  # fmt: skip
            with pytest.raises(NotAccepted):
                checks.caller(forged)

    def test_new_keys_are_looked_for_but_not_at_every_wrong_token(self, issuer: Issuer) -> None:
        clock = Clock()
        checks = tokens(issuer, clock)
        checks.caller(issuer.token(**good()))
        issuer.key = new_key("second")
        with pytest.raises(NotAccepted):
            checks.caller(issuer.token(**good()))
        clock.at += 31
        assert checks.caller(issuer.token(**good())).name == "ada"
        asked = len(issuer.asked)
        for _ in range(20):
            with pytest.raises(NotAccepted):
                checks.caller(issuer.token(key=new_key("outsider"), **good()))
        assert len(issuer.asked) == asked

    def test_keys_from_a_file_need_no_issuer_in_reach(self, issuer: Issuer, tmp_path: Path) -> None:
        (tmp_path / "keys.json").write_bytes(issuer.key_set)
        issuer.down = True
        assert tokens(issuer, Clock(), str(tmp_path / "keys.json")).caller(issuer.token(**good())).name == "ada"
        assert not issuer.asked

    @pytest.mark.parametrize("what", ["down", "another", "secret", "nothing"])
    def test_keys_that_cannot_be_had_are_no_reason_to_believe(self, issuer: Issuer, tmp_path: Path, what: str) -> None:
        keys = tmp_path / "keys.json"
        issuer.down, issuer.claimed = what == "down", "https://other.example" if what == "another" else ""
        oct_key = {"kty": "oct", "k": "c2VjcmV0", "kid": "first"}
        keys.write_text(json.dumps({"keys": [oct_key]} if what == "secret" else {"keys": []}))
        where = str(keys) if what in ("secret", "nothing") else ""
        with pytest.raises(Unavailable):
            tokens(issuer, Clock(), where).caller(issuer.token(**good()))


class TestSettings:
    @pytest.mark.parametrize(
        ("environment", "said"),
        [
            ({"ARCOPS_OIDC_JWKS": "keys.json"}, "without ARCOPS_OIDC_ISSUER"),
            ({"ARCOPS_OIDC_ISSUER": "https://login.example"}, "does not reach"),
            ({"ARCOPS_OIDC_ISSUER": "http://login.example"}, "without TLS"),
            ({"ARCOPS_OIDC_ISSUER": "corp"}, "not a URL"),
            ({"ARCOPS_OIDC_ISSUER": "corp", "ARCOPS_OIDC_JWKS": "https://keys.example"}, "does not reach"),
        ],
    )
    def test_half_an_issuer_is_none(self, environment: dict[str, str], said: str) -> None:
        with pytest.raises(Refused, match=said):
            read_issuers(environment, Tier.AIR_GAPPED, AUDIENCE)

    def test_an_audience_is_never_left_out(self) -> None:
        with pytest.raises(Refused, match="without an audience"):
            read_issuers({"ARCOPS_OIDC_ISSUER": "corp", "ARCOPS_OIDC_JWKS": "keys.json"}, Tier.AIR_GAPPED, "")

    @pytest.mark.parametrize(
        ("host", "environment", "proxy", "said"),
        [
            ("0.0.0.0", {}, True, "ARCOPS_PUBLIC_URL"),  # noqa: S104  # what is refused
            ("192.0.2.1", {"ARCOPS_PUBLIC_URL": "https://arcops.example"}, False, "without TLS"),
        ],
    )
    def test_other_machines_are_not_served_unencrypted(
        self, host: str, environment: dict[str, str], proxy: bool, said: str
    ) -> None:
        with pytest.raises(Refused, match=said):
            bind(host, 8420, read_settings(environment), certificate=None, key=None, behind_proxy=proxy)

    def test_more_hosts_are_answered_to_if_they_are_named(self) -> None:
        named = {
            "ARCOPS_PUBLIC_URL": "https://arcops.example",
            "ARCOPS_ALSO_HOSTS": "Front.arcops.svc, 10.0.0.7:8420,fd00::7:8420",
        }
        bound = bind("0.0.0.0", 8420, read_settings(named), certificate=None, key=None, behind_proxy=True)  # noqa: S104
        assert bound.hosts == {"arcops.example", "front.arcops.svc", "10.0.0.7:8420", "[fd00::7]:8420"}

    @pytest.mark.parametrize("said", ["https://front", "a b", "front/x", "*", "front:port"])
    def test_what_is_no_host_is_refused(self, said: str) -> None:
        with pytest.raises(Refused, match="ARCOPS_ALSO_HOSTS"):
            read_settings({"ARCOPS_ALSO_HOSTS": said})


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Served, Issuer]]:
    here = bench(tmp_path_factory.mktemp("access"))
    models = tmp_path_factory.mktemp("models")
    (here.home / "access").mkdir(mode=0o700)
    (here.home / "access" / "roles.yaml").write_text("roles: {careful: {allows: ['explain_rule:call'], acr: ['urn:mfa']}}")
    with issuing() as issuer:
        more = {
            "ARCOPS_OIDC_ISSUER": issuer.url,
            "ARCOPS_OIDC_AUDIENCE": AUDIENCE,
            "ARCOPS_ROOTS": str(models),
        }
        with served("mcp", "--http", env={**here.environment, **more}) as server:
            yield server, issuer


def post(site: tuple[Served, Issuer], name: str, arguments: dict[str, object], token: str = "") -> Any:
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": name, "arguments": arguments, "_meta": meta}}
    headers = {
        "accept": "application/json, text/event-stream",
        "mcp-protocol-version": "2026-07-28",
        "mcp-method": "tools/call",
        "mcp-name": name,
    }
    if token:
        headers["authorization"] = f"Bearer {token}"
    return httpx2.post(site[0].mcp, json=body, headers=headers, timeout=600)


class TestTheDoor:
    def test_without_a_token_it_says_where_one_is_to_be_had(self, site: tuple[Served, Issuer]) -> None:
        answer = post(site, "explain_rule", {})
        assert answer.status_code == 401
        challenge = answer.headers["www-authenticate"]
        url = challenge.partition('resource_metadata="')[2].rstrip('"')
        found = httpx2.get(url).json()
        assert found["resource"] == site[0].mcp
        assert found["authorization_servers"] == [site[1].url]
        assert set(found["scopes_supported"]) == {f"arcops:{one.value}" for one in Scope}

    def test_each_tool_takes_its_scope(self, site: tuple[Served, Issuer]) -> None:
        def token(*scopes: str) -> str:
            claims = {**good(), "exp": time.time() + 600, "scope": " ".join(f"arcops:{one}" for one in scopes)}
            return site[1].token(**claims)

        assert post(site, "explain_rule", {}, token("read")).status_code == 200
        for scopes in ((), ("read",), ("read", "publish", "waive")):
            answer = post(site, "check_model", {"target": "x"}, token(*scopes))
            assert answer.status_code == 403
            assert 'error="insufficient_scope", scope="arcops:check"' in answer.headers["www-authenticate"]
        assert post(site, "new_key", {}, token("read", "check", "publish", "waive")).status_code == 403
        refused = post(site, "check_model", {"target": "/etc"}, token("read", "check"))
        assert refused.status_code == 200
        assert refused.json()["result"]["isError"]
        assert "outside the folders" in refused.text

    @pytest.mark.requirement("BASE-10/second-factors-and-saml")
    def test_a_tool_that_takes_a_further_proof_says_which(self, site: tuple[Served, Issuer]) -> None:
        def token(**claims: object) -> str:
            return site[1].token(**{**good(), "exp": time.time() + 600, "scope": "", "roles": ["careful"], **claims})

        answer = post(site, "explain_rule", {}, token())
        assert answer.status_code == 401
        challenge = answer.headers["www-authenticate"]
        assert 'error="insufficient_user_authentication"' in challenge
        assert 'acr_values="urn:mfa"' in challenge
        assert post(site, "explain_rule", {}, token(acr="urn:mfa")).status_code == 200
        other = post(site, "new_key", {}, token())
        assert (other.status_code, "insufficient_scope" in other.headers["www-authenticate"]) == (403, True)

    @pytest.mark.parametrize("wrong", ["expired", "outsider", "other"])
    def test_a_token_that_is_not_believed(self, site: tuple[Served, Issuer], wrong: str) -> None:
        claims = {**good(), "exp": time.time() + (-60 if wrong == "expired" else 600)}
        if wrong == "other":
            claims["aud"] = "https://other.example"
        key = new_key("first") if wrong == "outsider" else None
        answer = post(site, "explain_rule", {}, site[1].token(key=key, **claims))
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["www-authenticate"]
        assert answer.json()["error"]["message"]
