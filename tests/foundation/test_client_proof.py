"""This server proves itself at an issuer by a private key (RFC 7523), which is never sent itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.identity.accepting import read_accepting
from foundation.identity.client_proof import KIND, METHOD, SECONDS, is_key, proof
from foundation.identity.introspecting import _method
from foundation.tokens import ANY_HEADER
from tests.foundation.test_introspection import ACTIVE, ASKS
from tests.foundation.test_tokens import AUDIENCE, NAME, NOW

pytestmark = pytest.mark.requirement("BASE-2/tokens-are-bound-to-the-audience")

RSA = rsa.generate_private_key(65537, 2048)
PKCS8 = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8)


def pem(key: Any, password: bytes | None = None) -> str:
    how = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return str(key.private_bytes(*PKCS8, how).decode())


EC = pem(ec.generate_private_key(ec.SECP256R1()))
KEYS = {
    "RS256": (pem(RSA), RSAKey),
    "ES256": (EC, ECKey),
    "ES384": (pem(ec.generate_private_key(ec.SECP384R1())), ECKey),
    "EdDSA": (pem(ed25519.Ed25519PrivateKey.generate()), OKPKey),
    "PS256": (json.dumps({**RSAKey.import_key(pem(RSA)).as_dict(private=True), "alg": "PS256", "kid": "mine"}), RSAKey),
}


def proved(secret: str, issuer: str = NAME) -> Mapping[str, str]:
    return proof("arcops", issuer, f"{NAME}/token", secret, NOW, "secret")


@pytest.mark.parametrize("algorithm", KEYS)
def test_the_statement_is_for_the_issuer_alone_and_for_a_minute(algorithm: str) -> None:
    secret, kind = KEYS[algorithm]
    assert is_key(secret)
    form = proved(secret)
    assert (form["client_id"], form["client_assertion_type"]) == ("arcops", KIND)
    key = kind.import_key(json.loads(secret) if secret.startswith("{") else secret)
    token = jwt.decode(form["client_assertion"], key, registry=ANY_HEADER)
    assert token.header["alg"] == algorithm
    assert token.header["kid"] == ("mine" if algorithm == "PS256" else key.thumbprint())
    claims = dict(token.claims)
    assert len(claims.pop("jti")) > 20
    assert claims == {"iss": "arcops", "sub": "arcops", "aud": NAME, "iat": NOW, "exp": NOW + SECONDS}
    assert proved(secret)["client_assertion"] != form["client_assertion"], "each question has its own"


def test_entra_wants_the_endpoint_named() -> None:
    form = proved(EC, "https://login.microsoftonline.com/11111111-1111-1111-1111-111111111111/v2.0")
    token = jwt.decode(form["client_assertion"], ECKey.import_key(EC), algorithms=["ES256"])
    assert token.claims["aud"] == f"{NAME}/token"


BAD = {
    "encrypted": pem(RSA, b"password"),
    "public": RSA.public_key().public_bytes(PKCS8[0], serialization.PublicFormat.SubjectPublicKeyInfo).decode() + "PRIVATE KEY",
    "short": pem(rsa.generate_private_key(65537, 1024)),  # noqa: S505  # it is the point
    "dsa": pem(dsa.generate_private_key(2048)),
    "k256": pem(ec.generate_private_key(ec.SECP256K1())),
    "cut": EC[: len(EC) // 2],
    "jwk without its private part": json.dumps(ECKey.import_key(EC).as_dict(private=False)),
    "shared secret": json.dumps({"kty": "oct", "k": "c2VjcmV0LXRoYXQtaXMtbG9uZy1lbm91Z2g"}),
    "another algorithm": json.dumps({**RSAKey.import_key(pem(RSA)).as_dict(private=True), "alg": "HS256"}),
    "no jwk": "{",
    "list": '{"kty": []}',
}


@pytest.mark.parametrize("what", BAD)
def test_what_is_no_key_is_refused_and_not_told(what: str) -> None:
    assert is_key(BAD[what])
    with pytest.raises(Refused, match="no private key that can be used here") as refused:
        proved(BAD[what])
    for line in BAD[what].splitlines():
        assert len(line) < 20 or line not in str(refused.value)
    assert refused.value.__cause__ is None


@given(text=st.text(max_size=200))
def test_any_text_is_a_word_or_is_refused(text: str) -> None:
    if is_key(text):
        with pytest.raises(Refused):
            proved(text)


def test_a_key_is_never_sent_as_if_it_were_a_word() -> None:
    """Mutation: the key goes into the form or the header."""
    assert _method((), by_key=True) == METHOD
    assert _method(("client_secret_post", METHOD), by_key=True) == METHOD
    assert _method(("client_secret_post", METHOD), by_key=False) == "client_secret_post"
    assert _method((), by_key=False) == "client_secret_basic"
    for listed, by_key in ((("client_secret_basic",), True), ((METHOD,), False), (("none",), True)):
        with pytest.raises(Unavailable, match="the issuer takes n"):
            _method(listed, by_key=by_key)
    sent: list[tuple[dict[str, str], dict[str, str]]] = []

    def post(url: str, _: Tier, form: Mapping[str, str], headers: Mapping[str, str], /) -> bytes:
        sent.append((dict(form), dict(headers)))
        return json.dumps(ACTIVE).encode()

    def fetch(url: str, tier: Tier) -> bytes:
        raise AssertionError(url)

    for secret in (EC, EC[: len(EC) // 2]):
        own = {"ARCOPS_OIDC_ISSUER": NAME, "ARCOPS_OIDC_JWKS": f"{NAME}/keys", **ASKS, "SECRET": secret}
        door = read_accepting(own, Tier.RESTRICTED, AUDIENCE, now=lambda: NOW, fetch=fetch, post=post)
        if secret == EC:
            assert door.identity("opaque").id == "ada"
        else:
            with pytest.raises(Unavailable, match="cannot be read; ask the operator"):
                door.identity("opaque")
    ((form, headers),) = sent
    assert headers == {}
    assert form["token"] == "opaque"
    token = jwt.decode(form["client_assertion"], ECKey.import_key(EC), algorithms=["ES256"])
    assert (token.claims["sub"], token.claims["aud"]) == (form["client_id"], NAME)
    assert "PRIVATE" not in json.dumps(form)
