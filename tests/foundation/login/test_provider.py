"""The provider's document: what of it is believed, and how often it is asked for."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.tier import Tier
from foundation.login.provider import AGAIN_SECONDS, FRESH_SECONDS, Discovery, read_provider
from tests.foundation.login.signed import Signing
from tests.simulators.provider import Provider

pytestmark = pytest.mark.requirement("BASE-2/people-log-in")


def document(**more: object) -> bytes:
    return json.dumps(Provider(url="https://login.example", document=more).known()).encode()


def test_what_it_says_is_used(tmp_path: Path) -> None:
    settings = Signing(folder=tmp_path).settings()
    found = read_provider(document(), settings)
    assert found.authorize == "https://login.example/authorize"
    assert (found.leave, found.names_itself, found.basic) == ("https://login.example/end", True, True)
    plain = read_provider(
        document(
            end_session_endpoint=None,
            authorization_response_iss_parameter_supported=None,
            code_challenge_methods_supported=None,  # Microsoft Entra ID takes PKCE, and does not say so
            token_endpoint_auth_methods_supported=["client_secret_post", "private_key_jwt"],
        ),
        settings,
    )
    assert (plain.leave, plain.names_itself, plain.basic) == ("", False, False)
    assert read_provider(document(authorization_endpoint="https://other.example/a"), settings).authorize


@pytest.mark.parametrize(
    ("more", "kind", "said"),
    [
        ({"issuer": "https://evil.example"}, Unavailable, "another issuer"),
        ({"issuer": "https://login.example/"}, Unavailable, "another issuer"),
        ({"issuer": None}, Unavailable, "another issuer"),
        ({"code_challenge_methods_supported": ["plain"]}, Refused, "S256"),
        ({"code_challenge_methods_supported": []}, Refused, "S256"),
        ({"code_challenge_methods_supported": "S256"}, Refused, "S256"),
        ({"authorization_endpoint": None}, Unavailable, "authorization_endpoint"),
        ({"authorization_endpoint": "http://login.example/a"}, Unavailable, "authorization_endpoint"),
        ({"authorization_endpoint": "javascript:alert(1)"}, Unavailable, "authorization_endpoint"),
        ({"authorization_endpoint": "https://a@evil.example"}, Unavailable, "authorization_endpoint"),
        ({"authorization_endpoint": "https://login.example/a#b"}, Unavailable, "authorization_endpoint"),
        ({"token_endpoint": None}, Unavailable, "token_endpoint"),
        ({"token_endpoint": 5}, Unavailable, "token_endpoint"),
        ({"token_endpoint": "http://login.example/token"}, Unavailable, "token_endpoint"),
        ({"token_endpoint": "https://evil.example/token"}, Refused, "ARCOPS_LOGIN_TOKEN_URL"),
        ({"token_endpoint": "https://login.example:444/token"}, Refused, "ARCOPS_LOGIN_TOKEN_URL"),
        ({"token_endpoint": "https://login.example.evil.example/"}, Refused, "ARCOPS_LOGIN_TOKEN_URL"),
        ({"end_session_endpoint": "http://login.example/end"}, Unavailable, "end_session_endpoint"),
        ({"end_session_endpoint": 5}, Unavailable, "end_session_endpoint"),
    ],
)
def test_what_is_not_safe_is_not(tmp_path: Path, more: dict[str, Any], kind: type[ArcOpsError], said: str) -> None:
    with pytest.raises(kind, match=said):
        read_provider(document(**more), Signing(folder=tmp_path).settings())


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b"null", b'{"issuer": 1, "issuer": 2}', b"\xff"])
def test_what_is_no_document_is_not(tmp_path: Path, text: bytes) -> None:
    with pytest.raises(Unavailable):
        read_provider(text, Signing(folder=tmp_path).settings())


def test_a_token_endpoint_elsewhere_counts_if_the_operator_named_it(tmp_path: Path) -> None:
    settings = Signing(folder=tmp_path).settings(token_url="https://oauth.example/token")
    assert read_provider(document(token_endpoint="https://evil.example"), settings).token == "https://oauth.example/token"


def test_a_client_that_is_a_document_needs_a_provider_that_reads_them(tmp_path: Path) -> None:
    settings = Signing(folder=tmp_path).settings(document=True)
    for said in (None, False, "true"):
        with pytest.raises(Refused, match="register this server"):
            read_provider(document(client_id_metadata_document_supported=said), settings)
    assert read_provider(document(client_id_metadata_document_supported=True), settings)


def test_it_is_read_again_when_it_is_old_and_not_for_each_who_comes(tmp_path: Path) -> None:
    now, asked, answers = [0.0], [], [b"{", document()]

    def fetch(url: str, tier: Tier) -> bytes:
        asked.append(url)
        return answers.pop(0) if len(answers) > 1 else answers[0]

    found = Discovery(settings=Signing(folder=tmp_path).settings(), now=lambda: now[0], fetch=fetch)
    for _ in range(3):
        with pytest.raises(Unavailable):
            found.provider()
    assert asked == ["https://login.example/.well-known/openid-configuration"]
    now[0] += AGAIN_SECONDS
    for _ in range(3):
        found.provider()
    assert len(asked) == 2
    now[0] += FRESH_SECONDS
    answers[0] = b"{"
    with pytest.raises(Unavailable):
        found.provider()
