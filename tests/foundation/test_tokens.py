"""Tokens that an issuer signed and that still say nothing here: of another kind, bound to a key, said twice, or without end."""

from __future__ import annotations

import base64
import gzip
import json
import socket
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from joserfc import jws
from joserfc.jwk import ECKey, KeySet, OctKey, OKPKey, RSAKey

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.issuing import MOST_KEYS, fetched, key_set, keys_of
from foundation.tokens import ALGORITHMS, Issuer, NotAccepted, Tokens, read_issuers

pytestmark = pytest.mark.requirement("ARC-3/callers-are-identified", "BASE-2/tokens-are-bound-to-the-audience")

NOW = 1_800_000_000.0
NAME, AUDIENCE = "https://login.example", "https://arcops.example/mcp"
KEY = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
HEADER: dict[str, Any] = {"alg": "ES256", "kid": "one", "typ": "at+jwt"}
CLAIMS: dict[str, Any] = {
    "iss": NAME, "aud": AUDIENCE, "sub": "ada", "iat": NOW - 5, "exp": NOW + 600, "scope": "arcops:read", "client_id": "c",
}  # fmt: skip


def tokens(*keys: Any, kind: str = "at+jwt", hours: float = 30.0) -> Tokens:
    text = json.dumps({"keys": [one.as_dict(private=False) for one in keys or (KEY,)]}).encode()
    issuer = Issuer(
        name=NAME, audience=AUDIENCE, keys="https://login.example/keys", tier=Tier.RESTRICTED, type=kind, longest=hours * 3600
    )
    return Tokens(issuer=issuer, now=lambda: NOW, fetch=lambda _url, _tier: text)


def signed(header: Mapping[str, Any] | bytes, claims: Mapping[str, Any] | bytes, key: Any = KEY) -> str:
    """A token with exactly these bytes, soundly signed."""
    first, second = (part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, claims))
    text = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in (first, second))
    alg = jws.JWSRegistry.algorithms[json.loads(first)["alg"]]
    return (text + b"." + base64.urlsafe_b64encode(alg.sign(text, key)).rstrip(b"=")).decode()


def without(changed: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in changed.items() if value is not None}


def test_a_good_one() -> None:
    caller = tokens().caller(signed(HEADER, CLAIMS))
    assert (caller.name, caller.issuer, caller.scopes) == ("ada", NAME, frozenset({"read"}))
    assert caller.id == "ada@https://login.example"
    for kind in ("application/at+jwt", "AT+JWT", "Application/AT+JWT"):
        assert tokens().caller(signed({**HEADER, "typ": kind}, CLAIMS)).name == "ada"
    assert tokens(kind="jwt").caller(signed({**HEADER, "typ": "JWT"}, {**CLAIMS, "typ": "Bearer"})).name == "ada"


@pytest.mark.parametrize(
    "kind", [None, "JWT", "id_token", "logout+jwt", "dpop+jwt", "secevent+jwt", "at+jwt2", "", 5, ["at+jwt"]]
)
def test_the_typ_is_an_access_tokens(kind: object) -> None:
    with pytest.raises(NotAccepted, match="typ"):
        tokens().caller(signed(without({**HEADER, "typ": kind}), CLAIMS))


@pytest.mark.parametrize("kind", ["at+jwt", "jwt"])
@pytest.mark.parametrize(
    "more",
    [
        {"nonce": "n"}, {"at_hash": "h"}, {"c_hash": "h"}, {"s_hash": "h"}, {"events": {}}, {"typ": "ID"}, {"typ": "Logout"},
        {"typ": "Refresh"}, {"typ": 5}, {"htm": "GET"}, {"toe": 1}, {"token_use": "id"}, {"token_use": "refresh"},
        {"token_use": None}, {"token_use": ["access"]}, {"token_type": "Refresh"}, {"token_type": "N_A"}, {"token_type": 1},
    ],
)  # fmt: skip
def test_another_kind_of_token_never_passes_whatever_typ_is_asked_for(kind: str, more: dict[str, Any]) -> None:
    with pytest.raises(NotAccepted, match=r"so it is|not? a? ?bearer access token"):
        tokens(kind=kind).caller(signed({**HEADER, "typ": kind}, {**CLAIMS, **more}))


@pytest.mark.parametrize("cnf", [{"jkt": "x"}, {"x5t#S256": "x"}, {"jwk": {}}, {"kid": "one"}, {}, "x", []])
def test_one_that_is_bound_to_a_key_is_no_bearers(cnf: object) -> None:
    with pytest.raises(NotAccepted, match="bound to a key"):
        tokens().caller(signed(HEADER, {**CLAIMS, "cnf": cnf}))


@pytest.mark.parametrize(
    "more",
    [
        {"crit": ["exp"], "exp": 1}, {"crit": []}, {"crit": ["b64"], "b64": False}, {"b64": True}, {"b64": False},
        {"cty": "JWT"},
        {"jku": "https://login.example/keys"}, {"jwk": KEY.as_dict(private=False)}, {"x5u": "https://login.example/c"},
        {"zip": "DEF"},
        {"nonce": "n"}, {"url": "https://x"}, {"ppt": "x"},
    ],
)  # fmt: skip
def test_a_header_that_asks_for_what_is_not_understood(more: dict[str, Any]) -> None:
    with pytest.raises(NotAccepted, match="not allowed here"):
        tokens().caller(signed({**HEADER, **more}, CLAIMS))


@pytest.mark.parametrize(
    ("header", "claims"),
    [
        (b'{"alg":"ES256","kid":"one","typ":"JWT","typ":"at+jwt"}', json.dumps(CLAIMS).encode()),
        (b'{"alg":"none","alg":"ES256","kid":"one","typ":"at+jwt"}', json.dumps(CLAIMS).encode()),
        (json.dumps(HEADER).encode(), json.dumps(CLAIMS).encode()[:-1] + b', "sub": "eve"}'),
        (json.dumps(HEADER).encode(), json.dumps(CLAIMS).encode()[:-1] + b', "\\u0073cope": "arcops:publish"}'),
        (json.dumps(HEADER).encode(), json.dumps(CLAIMS).encode().replace(b"1800000600.0", b"NaN")),
        (json.dumps(HEADER).encode(), json.dumps(CLAIMS).encode().replace(b"1800000600.0", b"Infinity")),
        (json.dumps(HEADER).encode(), b"[1]"),
        (json.dumps(HEADER).encode(), json.dumps(CLAIMS).encode("utf-16")),
        (json.dumps(HEADER).encode(), b"[" * 5000),
    ],
)  # fmt: skip
def test_two_readers_see_one_token(header: bytes, claims: bytes) -> None:
    with pytest.raises(NotAccepted):
        tokens().caller(signed(header, claims))


@pytest.mark.parametrize(
    "change",
    [
        {"exp": NOW + 31 * 3600}, {"exp": 1e300}, {"exp": 10**400}, {"exp": True}, {"exp": NOW + 31 * 3600, "iat": None},
        {"exp": NOW + 600, "iat": NOW - 40 * 3600}, {"iat": NOW + 60}, {"nbf": NOW + 60}, {"iat": "x"}, {"iat": True},
        {"sub": "a" * 256}, {"sub": "a\x00"}, {"sub": "a\n"}, {"sub": "\ud800"}, {"sub": ""}, {"sub": 5}, {"sub": ["ada"]},
        {"aud": {AUDIENCE: 1}}, {"iss": [NAME]}, {"iss": NAME + "/"},
    ],
)  # fmt: skip
def test_the_claims_are_for_here_and_now(change: dict[str, Any]) -> None:
    with pytest.raises(NotAccepted):
        tokens().caller(signed(HEADER, without({**CLAIMS, **change})))


def test_the_longest_life_is_the_operators_to_say() -> None:
    long = signed(HEADER, {**CLAIMS, "exp": NOW + 100 * 3600})
    with pytest.raises(NotAccepted, match="more than 30 hours"):
        tokens().caller(long)
    assert tokens(hours=101).caller(long).name == "ada"


RSA = RSAKey.generate_key(2048, {"kid": "rsa"})
P384, ED = ECKey.generate_key("P-384", {"kid": "p384"}), OKPKey.generate_key("Ed25519", {"kid": "ed"})


@pytest.mark.parametrize(
    ("alg", "key", "listed"),
    [
        ("ES256", KEY, RSAKey.generate_key(2048, {"kid": "one"})),
        ("ES384", P384, ECKey.generate_key("P-256", {"kid": "p384"})),
        ("RS256", RSA, ECKey.generate_key("P-256", {"kid": "rsa"})),
        ("RS256", RSA, RSAKey.import_key({**RSA.as_dict(private=False), "alg": "PS256"})),
        ("RS256", RSA, RSAKey.import_key({**RSA.as_dict(private=False), "use": "enc"})),
        ("RS256", RSA, RSAKey.import_key({**RSA.as_dict(private=False), "key_ops": ["encrypt"]})),
        ("EdDSA", ED, OKPKey.generate_key("X25519", {"kid": "ed"})),
    ],
)  # fmt: skip
def test_a_key_is_used_for_what_it_is(alg: str, key: Any, listed: Any) -> None:
    kid = listed.as_dict(private=False)["kid"]
    with pytest.raises((NotAccepted, Unavailable)):
        tokens(listed).caller(signed({"alg": alg, "kid": kid, "typ": "at+jwt"}, CLAIMS, key))


@pytest.mark.parametrize(
    ("alg", "key"), [("RS256", RSA), ("PS256", RSA), ("ES384", P384), ("EdDSA", ED), ("Ed25519", ED), ("ES256", KEY)]
)
def test_each_kind_of_key_may_sign(alg: str, key: Any) -> None:
    assert alg in ALGORITHMS
    kid = key.as_dict(private=False)["kid"]
    assert tokens(key).caller(signed({"alg": alg, "kid": kid, "typ": "at+jwt"}, CLAIMS, key)).name == "ada"


def test_a_short_key_signs_nothing() -> None:
    numbers = rsa.generate_private_key(65537, 1024).public_key().public_numbers()  # noqa: S505  # refused
    n = base64.urlsafe_b64encode(numbers.n.to_bytes(128)).rstrip(b"=").decode()
    with pytest.raises(Unavailable, match="less than 2048 bits"):
        key_set(json.dumps({"keys": [{"kty": "RSA", "kid": "short", "n": n, "e": "AQAB"}]}).encode())


@pytest.mark.parametrize(
    "odd",
    [
        {"kty": "EC", "kid": "odd", "crv": "P-999", "x": "AA", "y": "AA"},
        {"kty": "OKP", "kid": "odd", "crv": "Ed999", "x": "AA"},
        {"kty": "AKP", "kid": "odd", "alg": "ML-DSA-44", "pub": "AA"},
        {"kty": "RSA", "kid": "odd", "n": "AQAB", "e": "AQAB"},
        {"kty": "EC", "kid": "odd"},
        {"kid": "odd"},
    ],
)
def test_a_key_that_cannot_be_used_is_ignored(odd: dict[str, str]) -> None:
    text = json.dumps({"keys": [odd, KEY.as_dict(private=False)]}).encode()
    found = key_set(text)
    assert [one.kid for one in found.keys] == ["one"]
    with pytest.raises(NotAccepted):
        tokens().caller(signed({**HEADER, "kid": "odd"}, CLAIMS))


@pytest.mark.parametrize("listed", ["EdDSA", "Ed25519", None])
@pytest.mark.parametrize("alg", ["EdDSA", "Ed25519"])
def test_eddsa_and_ed25519_are_one_algorithm(alg: str, listed: str | None) -> None:
    key = OKPKey.import_key(without({**ED.as_dict(private=False), "alg": listed}))
    assert tokens(key).caller(signed({"alg": alg, "kid": "ed", "typ": "at+jwt"}, CLAIMS, ED)).name == "ada"


@pytest.mark.parametrize("more", [{"ver": "2"}, {"client": "x"}, {"iat": 1}, {"https://x.example/h": {"a": 1}}])
def test_a_header_parameter_that_is_not_registered_is_ignored(more: dict[str, Any]) -> None:
    assert tokens().caller(signed({**HEADER, **more}, CLAIMS)).name == "ada"


def test_the_reasons_are_told_apart() -> None:
    other = ECKey.generate_key("P-256", {"kid": "one"})
    for token, why in (
        (signed(HEADER, CLAIMS, other), "signature is not by"),
        (signed({**HEADER, "alg": "HS256"}, CLAIMS, OctKey.generate_key(256)), "algorithm is not"),
        (signed({**HEADER, "kid": "unknown"}, CLAIMS), "not signed by a key of the issuer"),
        ("a.b.c", "cannot be read"),
    ):
        with pytest.raises(NotAccepted, match=why):
            tokens().caller(token)


def test_two_keys_of_one_name_are_none() -> None:
    other = ECKey.generate_key("P-256", {"kid": "one"})
    with pytest.raises(Unavailable, match="two keys with one id"):
        key_set(json.dumps(KeySet([KEY, other]).as_dict(private=False)).encode())


def test_a_token_that_names_no_key_is_of_the_only_one() -> None:
    nameless = signed(without({**HEADER, "kid": None}), CLAIMS)
    assert tokens().caller(nameless).name == "ada"
    with pytest.raises(NotAccepted):
        tokens(KEY, P384).caller(nameless)


@pytest.mark.parametrize("kind", ["id_token", "logout+jwt", "dpop+jwt", "a b", "x" * 100, "application/"])
def test_no_operator_asks_for_what_is_no_access_token(kind: str) -> None:
    environment = {"ARCOPS_OIDC_ISSUER": "corp", "ARCOPS_OIDC_JWKS": "keys.json", "ARCOPS_OIDC_TYP": kind}
    with pytest.raises(Refused, match="ARCOPS_OIDC_TYP"):
        read_issuers(environment, Tier.AIR_GAPPED, AUDIENCE)


def test_an_operator_says_what_access_tokens_call_themselves() -> None:
    environment = {"ARCOPS_OIDC_ISSUER": "corp", "ARCOPS_OIDC_JWKS": "keys.json"}
    (found,) = read_issuers(environment, Tier.AIR_GAPPED, AUDIENCE)
    assert (found.type, found.longest) == ("at+jwt", 30 * 3600)
    (found,) = read_issuers({**environment, "ARCOPS_OIDC_TYP": "JWT", "ARCOPS_OIDC_HOURS": "2"}, Tier.AIR_GAPPED, AUDIENCE)
    assert (found.type, found.longest) == ("jwt", 2 * 3600)
    for hours in ("0", "-1", "1.5", "x", "99999"):
        with pytest.raises(Refused, match="ARCOPS_OIDC_HOURS"):
            read_issuers({**environment, "ARCOPS_OIDC_HOURS": hours}, Tier.AIR_GAPPED, AUDIENCE)


class TestWhereKeysComeFrom:
    @pytest.mark.parametrize("keys", [f"{NAME}/keys", f"{NAME}:443/deep/keys?a=b"])
    def test_from_the_issuer_itself(self, keys: str) -> None:
        assert keys_of(NAME, json.dumps({"issuer": NAME, "jwks_uri": keys}).encode(), Tier.RESTRICTED) == keys

    @pytest.mark.parametrize(
        "keys",
        [
            "https://evil.example/keys", "https://login.example.evil.example/keys", "https://login.example:444/keys",
            "http://login.example/keys", "http://127.0.0.1/keys", "https://login.example@evil.example/keys",
            "https://evil.example\\@login.example/keys", "https://a@login.example/keys", "//login.example/keys", "/keys", "",
            "file:///etc/keys", "https://login.example/keys#a", "https://login.example:x/keys", None, 5, ["https://login.example/keys"],
            "https://xn--login.example/keys", "https:///keys", "https://[::1/keys",
        ],
    )  # fmt: skip
    def test_and_from_no_one_else(self, keys: object) -> None:
        with pytest.raises((Refused, Unavailable)):
            keys_of(NAME, json.dumps({"issuer": NAME, "jwks_uri": keys}).encode(), Tier.RESTRICTED)

    def test_the_document_is_read_strictly(self) -> None:
        for text in (
            b'{"issuer":"https://evil","issuer":"https://login.example","jwks_uri":"https://login.example/k"}',
            b"[]",
            b"\xff",
        ):
            with pytest.raises(Unavailable):
                keys_of(NAME, text, Tier.RESTRICTED)

    def test_no_redirect_is_followed_and_nothing_is_unpacked(self) -> None:
        asked: list[bytes] = []
        away = b"HTTP/1.1 302 Found\r\nLocation: /keys\r\nContent-Length: 0\r\n\r\n"
        with answering(lambda _: away, asked) as url, pytest.raises(Unavailable, match="302"):
            fetched(url)
        assert len(asked) == 1
        body = gzip.compress(b" " * 10)
        head = f"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        with answering(lambda _: head + body, asked) as url, pytest.raises(Unavailable, match="compressed"):
            fetched(url)
        assert b"accept-encoding: identity" in asked[-1].lower()

    def test_it_is_bounded_in_size_and_time(self) -> None:
        large = b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (MOST_KEYS + 1)
        with answering(lambda _: large, []) as url, pytest.raises(Unavailable, match="more than"):
            fetched(url)
        slow = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"
        with answering(lambda _: slow, [], hold=True) as url, pytest.raises(Unavailable, match="within"):
            fetched(url, seconds=0.2)
        with answering(lambda _: b"HTTP/1.1 200 OK\r\nX-", [], hold=True) as url, pytest.raises(Unavailable):
            fetched(url, seconds=0.2)


@contextmanager
def answering(answer: Callable[[bytes], bytes], asked: list[bytes], *, hold: bool = False) -> Iterator[str]:
    """A server that answers each connection with *answer*; with *hold* it leaves the connection open after it."""
    held: list[socket.socket] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ends = threading.Event()

        def serve() -> None:
            while True:
                connection, _ = listening.accept()
                if ends.is_set():
                    connection.close()
                    return
                asked.append(connection.recv(65536))
                with suppress(ConnectionError):
                    connection.sendall(answer(asked[-1]))
                if hold:
                    held.append(connection)
                else:
                    connection.close()

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}/keys"
        finally:
            ends.set()
            socket.create_connection(listening.getsockname()).close()
            thread.join()
            for one in held:
                one.close()
