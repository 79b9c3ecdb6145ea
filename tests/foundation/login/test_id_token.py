"""The ID token of a login counts only if each claim and each part of its header is right."""

from __future__ import annotations

import base64
import hmac
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import RSAKey

from arcops.errors import ArcOpsError
from foundation.claims import NotAccepted
from foundation.login.id_token import logged_in, logged_out
from foundation.login.started import Failed
from foundation.tokens import Issuer, Tokens
from tests.foundation.login.signed import CLIENT, NOW, Signing
from tests.simulators.issuer import new_key

pytestmark = pytest.mark.requirement("BASE-2/people-log-in")

TENANT, OTHER = "11111111-2222-3333-4444-555555555555", "99999999-2222-3333-4444-555555555555"
OID = "aaaaaaaa-bbbb-cccc-dddd-eeeeeeeeeeee"


@pytest.fixture
def signing(tmp_path: Path) -> Signing:
    return Signing(folder=tmp_path)


def refused(signing: Signing, token: str, **more: Any) -> Failed:
    settings = signing.settings(**more)
    with pytest.raises(Failed) as error:
        logged_in(signing.tokens(settings), token, signing.started, settings)
    return error.value


def test_a_good_one_says_who_it_is(signing: Signing) -> None:
    settings = signing.settings(roles=("groups",))
    token = signing.token(
        name=" Ada ", sid="s", scope="openid arcops:check", roles=["arcops:read", "x"], groups=["gpu-team"], email="a@b.example"
    )
    found = logged_in(signing.tokens(settings), token, signing.started, settings)
    who = found.identity
    assert (who.issuer, who.tenant, who.id) == ("https://login.example", "", "ada")
    assert (who.scopes, who.roles) == ({"read", "check"}, {"arcops:read", "x", "gpu-team"})
    assert (found.name, found.sid) == ("Ada", "s")


@pytest.mark.parametrize(
    "claims",
    [
        {"nonce": "of another login"}, {"nonce": None}, {"nonce": 5}, {"nonce": "\u00e9"}, {"aud": "another"}, {"aud": []},
        {"aud": [CLIENT, "another"], "azp": CLIENT}, {"aud": None}, {"aud": [[CLIENT]]}, {"aud": {CLIENT: 1}},
        {"aud": "https://arcops.example/mcp"}, {"azp": "another"}, {"azp": [CLIENT]}, {"azp": ""},
        {"exp": NOW - 31}, {"exp": None}, {"exp": True}, {"exp": 1e300}, {"exp": "tomorrow"}, {"exp": -1},
        {"iat": None}, {"iat": NOW + 31}, {"iat": NOW - 31}, {"iat": "now"}, {"nbf": NOW + 31}, {"nbf": "later"},
        {"iss": "https://evil.example"}, {"iss": None}, {"iss": "https://login.example/"}, {"iss": ["https://login.example"]},
        {"sub": None}, {"sub": ""}, {"sub": 5}, {"sub": "x" * 256}, {"sub": "a\nb"}, {"sub": " ada"},
        {"typ": "Bearer"}, {"typ": "Logout"}, {"typ": 5}, {"events": {}}, {"events": None, "typ": ""},
    ],
)  # fmt: skip
def test_of_another_place_time_or_login_does_not_count(signing: Signing, claims: dict[str, Any]) -> None:
    assert refused(signing, signing.token(**claims)).reason == "token"


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "at+jwt"}, {"typ": "logout+jwt"}, {"typ": ""}, {"jwk": {}}, {"jku": "https://evil.example"},
        {"x5u": "https://evil.example"}, {"kid": "another"}, {"cty": "JWT"}, {"zip": "DEF"}, {"enc": "x"}, {"nonce": "x"},
    ],
)  # fmt: skip
def test_of_another_kind_does_not_count(signing: Signing, header: dict[str, Any]) -> None:
    assert refused(signing, signing.token(header=header)).reason == "token"


def _made(claims: dict[str, Any] | bytes, header: dict[str, Any] | bytes, key: bytes = b"x") -> str:
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in (header, claims)]
    parts = [base64.urlsafe_b64encode(one).rstrip(b"=") for one in texts]
    signature = base64.urlsafe_b64encode(hmac.digest(key, b".".join(parts), "sha256")).rstrip(b"=")
    return b".".join([*parts, signature]).decode()


def test_that_the_provider_did_not_sign_does_not_count(signing: Signing) -> None:
    genuine = signing.token()
    head, body, signature = genuine.split(".")
    claims = json.loads(base64.urlsafe_b64decode(body + "==="))
    rsa = RSAKey.generate_key(2048, {"kid": "first"})
    for forged in (
        _made(claims, {"alg": "none", "typ": "JWT"}),
        _made(claims, {"alg": "HS256", "kid": "first"}, signing.key.as_pem(private=False)),
        _made(claims, {"alg": "ES256", "kid": "first", "crit": ["exp"]}),
        _made(claims, {"alg": "ES256", "kid": "first", "b64": False}),
        _made(claims, {"alg": "ES256", "kid": "first", "typ": 5}),
        _made(claims, {"alg": "RS256", "kid": "first"}, rsa.as_pem(private=False)),
        signing.token(key=new_key("first")),
        signing.token(key=new_key("outsider")),
        f"{head}.{body}.",
        f"{head}.{body}.{signature[:-4]}AAAA",
        f"{head}.{body}.{signature}.{signature}",
        "", "a.b.c", "x" * 20_000, "\x00.\x00.\x00", "\u00e9.\u00e9.\u00e9",
    ):  # fmt: skip
        assert refused(signing, forged).reason == "token", forged[:100]
    twice = base64.urlsafe_b64decode(body + "===").replace(b'{"', b'{"nonce": "x", "', 1)
    assert refused(signing, _made(twice, {"alg": "ES256", "kid": "first"})).reason == "token"


def test_of_any_form_that_providers_write_counts(signing: Signing) -> None:
    settings = signing.settings()
    for header, claims in (
        ({"typ": None}, {}),
        ({"typ": "application/JWT"}, {}),
        ({}, {"aud": [CLIENT], "azp": CLIENT}),
        ({}, {"typ": "ID"}),
        ({"pi.atm": "x"}, {"exp": int(NOW) - 29}),
        ({}, {"iat": NOW + 29}),
    ):
        assert logged_in(signing.tokens(settings), signing.token(header=header, **claims), signing.started, settings)


def test_an_access_token_is_no_id_token_and_an_id_token_no_access_token(signing: Signing) -> None:
    settings = signing.settings()
    same = Issuer(name=signing.issuer, audience=CLIENT, keys=settings.issuer.keys, tier=settings.issuer.tier, type="jwt")
    with pytest.raises(NotAccepted, match="an ID token"):
        Tokens(issuer=same, now=lambda: NOW, fetch=lambda *_: b"").claims(signing.token())
    assert refused(signing, signing.token(nonce=None, scope="arcops:read")).reason == "token"


class TestEntra:
    """Microsoft identity platform, "ID token claims reference": the tenant and the object, never the name or ``sub`` alone."""

    @pytest.fixture
    def entra(self, tmp_path: Path) -> Signing:
        return Signing(folder=tmp_path, issuer=f"https://login.microsoftonline.com/{TENANT}/v2.0")

    def test_one_is_their_object_in_their_tenant(self, entra: Signing) -> None:
        settings = entra.settings()
        token = entra.token(tid=TENANT, oid=OID, ver="2.0", roles=["arcops:read"], preferred_username="ada@corp.example")
        who = logged_in(entra.tokens(settings), token, entra.started, settings).identity
        assert (who.tenant, who.id, who.scopes) == (TENANT, OID, {"read"})

    @pytest.mark.parametrize(
        "claims",
        [
            {"tid": OTHER}, {"tid": None}, {"oid": None}, {"oid": "ada"}, {"ver": "1.0"}, {"ver": None},
            {"iss": f"https://login.microsoftonline.com/{OTHER}/v2.0", "tid": OTHER},
            {"iss": f"https://sts.windows.net/{TENANT}/", "ver": "1.0"},
            {"iss": "https://login.microsoftonline.com/common/v2.0"},
        ],
    )  # fmt: skip
    def test_of_another_tenant_or_without_an_object_no_one_logs_in(self, entra: Signing, claims: dict[str, Any]) -> None:
        token = entra.token(**{"tid": TENANT, "oid": OID, "ver": "2.0", **claims})
        assert refused(entra, token).reason == "token"


class TestHowOneLoggedIn:
    @pytest.mark.parametrize(
        ("claims", "reason"),
        [
            ({}, "acr"), ({"acr": "0"}, "acr"), ({"acr": ["urn:mfa"]}, "acr"), ({"acr": None, "amr": ["mfa", "otp"]}, "acr"),
            ({"acr": "urn:mfa"}, "amr"), ({"acr": "urn:mfa", "amr": ["mfa"]}, "amr"),
            ({"acr": "urn:mfa", "amr": "mfa otp"}, "amr"), ({"acr": "urn:mfa", "amr": [["mfa"], "otp"]}, "amr"),
            ({"acr": "urn:mfa", "amr": {"mfa": 1, "otp": 1}}, "amr"),
        ],
    )  # fmt: skip
    def test_without_what_is_asked_for_no_one_logs_in(self, signing: Signing, claims: dict[str, Any], reason: str) -> None:
        error = refused(signing, signing.token(**claims), acr=("urn:mfa", "urn:better"), amr=("mfa", "otp"))
        assert error.reason == reason
        assert "second factor" in str(error)

    def test_with_it_they_do(self, signing: Signing) -> None:
        settings = signing.settings(acr=("urn:mfa", "urn:better"), amr=("mfa", "otp"))
        token = signing.token(acr="urn:better", amr=["otp", "pwd", "mfa"])
        assert logged_in(signing.tokens(settings), token, signing.started, settings)


LOGOUT = {"http://schemas.openid.net/event/backchannel-logout": {}}


class TestTheProviderEndsIt:
    def said(self, signing: Signing, header: dict[str, Any] | None = None, **claims: object) -> str:
        told = {"nonce": None, "jti": "1", "events": LOGOUT, **claims}
        return signing.token(header={"typ": "logout+jwt"} if header is None else header, **told)

    def test_it_says_whose(self, signing: Signing) -> None:
        settings = signing.settings()
        found = logged_out(signing.tokens(settings), self.said(signing, sid="s"), settings)
        assert (found.sub, found.sid) == ("ada", "s")
        assert logged_out(signing.tokens(settings), self.said(signing, header={}, sub=None, sid="s"), settings).sub == ""

    @pytest.mark.parametrize(
        "claims",
        [
            {"iss": "https://evil.example"}, {"aud": "another"}, {"aud": None}, {"nonce": "x"}, {"events": None},
            {"events": {"http://schemas.openid.net/event/backchannel-logout": 1}}, {"events": list(LOGOUT)}, {"events": {}},
            {"sub": None}, {"sub": 5}, {"jti": None}, {"exp": NOW - 60}, {"exp": None}, {"iat": NOW - 700}, {"iat": None},
            {"iat": NOW + 60},
        ],
    )  # fmt: skip
    def test_what_is_no_such_word_ends_nothing(self, signing: Signing, claims: dict[str, object]) -> None:
        settings = signing.settings()
        with pytest.raises(NotAccepted):
            logged_out(signing.tokens(settings), self.said(signing, **claims), settings)

    def test_nor_does_another_kind_of_token(self, signing: Signing) -> None:
        settings = signing.settings()
        for token in (
            signing.token(), self.said(signing, header={"typ": "at+jwt"}), "", "a.b.c",
            signing.token(key=new_key("first"), nonce=None, jti="1", events=LOGOUT),
        ):  # fmt: skip
            with pytest.raises(NotAccepted):
                logged_out(signing.tokens(settings), token, settings)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
_NAMES = st.sampled_from(
    [
        "iss",
        "aud",
        "azp",
        "sub",
        "nonce",
        "exp",
        "iat",
        "nbf",
        "acr",
        "amr",
        "name",
        "sid",
        "roles",
        "scope",
        "typ",
        "events",
        "groups",
    ]
)


@given(claims=st.dictionaries(_NAMES, _JSON, max_size=4))
def test_whatever_a_provider_signs_is_a_person_or_a_refusal(tmp_path_factory: pytest.TempPathFactory, claims: Any) -> None:
    signing = _one(tmp_path_factory)
    settings = signing.settings(roles=("groups",))
    for judged in (
        lambda token: logged_in(signing.tokens(settings), token, signing.started, settings),
        lambda token: logged_out(signing.tokens(settings), token, settings),
    ):
        try:
            judged(signing.token(**claims))
        except ArcOpsError:
            continue


_SIGNING: list[Signing] = []


def _one(factory: pytest.TempPathFactory) -> Signing:
    """One for all examples."""
    if not _SIGNING:
        _SIGNING.append(Signing(folder=factory.mktemp("signing")))
    return _SIGNING[0]
