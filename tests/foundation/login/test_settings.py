"""What an operator can set for logging in, and what is refused before the server starts."""

from __future__ import annotations

import pytest

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.login.settings import LoginSettings, read_login
from foundation.tokens import read_issuers

pytestmark = pytest.mark.requirement("BASE-2/people-log-in")

URL = "https://arcops.example"
GOOD = {"ARCOPS_OIDC_ISSUER": "https://login.example", "ARCOPS_LOGIN_CLIENT": "arcops-pages"}


def read(url: str = URL, tier: Tier = Tier.RESTRICTED, **environment: str) -> LoginSettings | None:
    told = {name: value for name, value in {**GOOD, **environment}.items() if value}
    keys = {**told, "ARCOPS_OIDC_JWKS": " ".join(["/srv/keys.json"] * len(told.get("ARCOPS_OIDC_ISSUER", "").split()))}
    return read_login(told, read_issuers(keys, tier, f"{URL}/mcp"), url)


def test_without_a_client_no_one_logs_in() -> None:
    assert read(ARCOPS_LOGIN_CLIENT="") is None


def test_what_is_set_is_asked_for() -> None:
    found = read(
        ARCOPS_LOGIN_SCOPES="email openid",
        ARCOPS_LOGIN_MINUTES="5",
        ARCOPS_LOGIN_HOURS="1",
        ARCOPS_LOGIN_ACR="a b",
        ARCOPS_LOGIN_ROLES="groups https://acme.example/roles",
    )
    assert found is not None
    assert found.scopes == ("openid", "profile", "email")
    assert (found.idle, found.longest, found.acr) == (300.0, 3600.0, ("a", "b"))
    assert found.roles == ("groups", "https://acme.example/roles")
    assert found.redirect == f"{URL}/login/callback"


def test_the_provider_is_one_of_the_issuers() -> None:
    two = "https://one.example https://two.example"
    with pytest.raises(Refused, match="set ARCOPS_LOGIN_ISSUER"):
        read(ARCOPS_OIDC_ISSUER=two)
    found = read(ARCOPS_OIDC_ISSUER=two, ARCOPS_LOGIN_ISSUER="https://two.example")
    assert found is not None
    assert found.issuer.name == "https://two.example"
    with pytest.raises(Refused, match="does not name"):
        read(ARCOPS_LOGIN_ISSUER="https://three.example")


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ARCOPS_LOGIN_CLIENT": "", "ARCOPS_LOGIN_ACR": "a"}, "without ARCOPS_LOGIN_CLIENT"),
        ({"ARCOPS_LOGIN_CLIENT": "", "ARCOPS_LOGIN_SECRET": "env:A"}, "without ARCOPS_LOGIN_CLIENT"),
        ({"ARCOPS_OIDC_ISSUER": ""}, "without ARCOPS_OIDC_ISSUER"),
        ({"ARCOPS_OIDC_ISSUER": "only-a-name"}, "not a plain http URL"),
        ({"ARCOPS_OIDC_ISSUER": "http://login.example"}, "no TLS"),
        ({"ARCOPS_LOGIN_CLIENT": "a\nb"}, "not an id of a client"),
        ({"ARCOPS_LOGIN_CLIENT": " a"}, "not an id of a client"),
        ({"ARCOPS_LOGIN_CLIENT": "a" * 501}, "not an id of a client"),
        ({"ARCOPS_LOGIN_CLIENT": f"{URL}/other.json"}, "its document is at"),
        ({"ARCOPS_LOGIN_CLIENT": f"{URL}/login/client.json", "ARCOPS_LOGIN_SECRET": "env:A"}, "has no secret"),
        ({"ARCOPS_LOGIN_SECRET": "hunter2"}, "not a reference"),
        ({"ARCOPS_LOGIN_TOKEN_URL": "http://token.example"}, "no TLS"),
        ({"ARCOPS_LOGIN_TOKEN_URL": "token.example"}, "not a plain http URL"),
        ({"ARCOPS_LOGIN_MINUTES": "0"}, "ARCOPS_LOGIN_MINUTES"),
        ({"ARCOPS_LOGIN_MINUTES": "1441"}, "ARCOPS_LOGIN_MINUTES"),
        ({"ARCOPS_LOGIN_HOURS": "1.5"}, "ARCOPS_LOGIN_HOURS"),
        ({"ARCOPS_LOGIN_HOURS": "\u0661"}, "ARCOPS_LOGIN_HOURS"),
        ({"ARCOPS_LOGIN_ACR": 'a"b'}, "ARCOPS_LOGIN_ACR"),
        ({"ARCOPS_LOGIN_AMR": " ".join(map(str, range(21)))}, "ARCOPS_LOGIN_AMR"),
    ],
)
def test_what_cannot_be_meant_is_refused(environment: dict[str, str], said: str) -> None:
    with pytest.raises(Refused, match=said) as refused:
        read(**environment)
    assert "hunter2" not in str(refused.value)


@pytest.mark.parametrize("url", ["http://arcops.example", "http://10.0.0.1:8420", "ftp://x"])
def test_no_cookie_crosses_a_network_without_tls(url: str) -> None:
    with pytest.raises(Refused, match="cookies need TLS"):
        read(url)
    assert read("http://127.0.0.1:8420") is not None


def test_air_gapped_no_other_machine_is_asked_and_it_says_what_to_set() -> None:
    with pytest.raises(Refused, match=r"login\.example.*air-gapped does not reach.*ARCOPS_TIER to restricted"):
        read(tier=Tier.AIR_GAPPED)
    with pytest.raises(Refused, match="ARCOPS_TIER to restricted"):
        read(tier=Tier.AIR_GAPPED, ARCOPS_OIDC_ISSUER="http://127.0.0.1:9", ARCOPS_LOGIN_TOKEN_URL="https://token.example")
    assert read(tier=Tier.AIR_GAPPED, ARCOPS_OIDC_ISSUER="http://127.0.0.1:9") is not None


def test_other_rules_are_other_sessions() -> None:
    rules = [
        one.rules
        for one in (
            read(),
            read(ARCOPS_LOGIN_ACR="a"),
            read(ARCOPS_LOGIN_AMR="a"),
            read(ARCOPS_LOGIN_ROLES="a"),
            read(ARCOPS_LOGIN_CLIENT="other"),
            read(ARCOPS_OIDC_ISSUER="https://other.example"),
        )
        if one is not None
    ]
    assert len(set(rules)) == 6
