"""The keys of an issuer: which of them may check a token, and what happens when they change."""

from __future__ import annotations

import base64
import json
import threading
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, OKPKey

from arcops.errors import Unavailable
from arcops.tier import Tier
from foundation.issuing import key_set
from foundation.tokens import Issuer, NotAccepted, Tokens
from tests.foundation.test_tokens import AUDIENCE, CLAIMS, ED, HEADER, KEY, NAME, NOW, RSA, signed, tokens, without

pytestmark = pytest.mark.requirement("ARC-3/callers-are-identified", "BASE-2/tokens-are-bound-to-the-audience")


def number(value: int) -> str:
    return base64.urlsafe_b64encode(value.to_bytes((value.bit_length() + 7) // 8 or 1)).rstrip(b"=").decode()


def edwards(y: int, size: int = 32, curve: str = "Ed25519") -> dict[str, str]:
    x = base64.urlsafe_b64encode(y.to_bytes(size, "little")).rstrip(b"=").decode()
    return {"kty": "OKP", "crv": curve, "kid": "odd", "x": x}


P = 2**255 - 19
EIGHTH = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
P448 = 2**448 - 2**224 - 1
SMALL = [0, 1, P - 1, P, P + 1, EIGHTH, P - EIGHTH]
"""The y of every encoding of a point of small order, also of those that RFC 8032 does not let one decode."""


@pytest.mark.parametrize("sign", [0, 1])
@pytest.mark.parametrize("y", SMALL)
def test_a_key_under_which_anyone_can_sign_signs_nothing(y: int, sign: int) -> None:
    """Mutation: one signature of (1, 0) verifies for every message under the key y = 1, and for some under the others."""
    key = edwards(y | sign << 255)
    forged = base64.urlsafe_b64encode((1).to_bytes(32, "little") + bytes(32)).rstrip(b"=").decode()
    found = key_set(json.dumps({"keys": [key, KEY.as_dict(private=False)]}).encode())
    assert [one.kid for one in found.keys] == ["one"]
    checks = tokens(OKPKey.import_key(key), KEY)
    for nonce in range(8):
        parts = ({"alg": "Ed25519", "kid": "odd", "typ": "at+jwt"}, {**CLAIMS, "jti": str(nonce)})
        text = ".".join(base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in parts)
        with pytest.raises(NotAccepted):
            checks.caller(f"{text}.{forged}")
    with pytest.raises(Unavailable, match=r"small order|no point of its curve"):
        key_set(json.dumps({"keys": [key]}).encode())


ROCA = int(
    "72c183c4a470ae77ccba572e7cf4aff57394f788f3ba2c169d95fe0a543232ad77ad57bc24245d488efadf0828ff5e7d921eb8204258d6"
    "2fa211f1a2278546d3614b0395e989e2daef629d416c71dcace72228053ed408084b3f909260fb78c973f41f69ba6b05636fb579ed0a3c"
    "7e8acfe304a15410f0d49065905614c9f23a96957fabb7e036309916525b014917be8b093da9bf889c98c8028a94e68ead13abb42b5a31"
    "25cb730c79d41fe91df654844d003f14be3eee25992b2694a8ae13605314ff5b939f3bcbead1918a8a18922becdbac50dc95760fa79eac"
    "704d250e70002c18993fe62188d389d88c61b72a9973ab47a00611ba2368a37af5b8d9712f",
    16,
)
"""A modulus as the library with CVE-2017-15361 makes them."""
CLOSE = int(
    "dec98e19736dc5b26c9546bb4efbf1a49578716699acece09d5928965302d2650172f0b5dab8bf2716fa8fb10b8f09eb8e45624f3ecdaa"
    "c54a6fa3646ef4a8692db3ba81b3a9bfb84fe9ec82a08bc90cc10d0f1fc6cb841d05347aca766832575a70b44f95a84149b6e47077d837"
    "895cf5f30963f55fd6e91871739348bbcf9a1b8ccc42047075a06e66fe5516085b828d29db08f5de1bb10807a1b6d8bec5ff4466dcc04c"
    "1d0f7a083553d62024c91406cde92ad2766f4f262d4b3272d214c84693ae0fba69ab56448208fb931869679dbe2e35d55b46226fbe4f3d"
    "046076172c721ab1764ae694ae4c5a67af73a6e4a19d919ead5202b39389457415954685",
    16,
)
"""The product of two primes that follow each other."""
MERSENNE = 2**2203 - 1
"""A prime."""
N = int.from_bytes(base64.urlsafe_b64decode(RSA.as_dict(private=False)["n"] + "=="))


@pytest.mark.parametrize(
    ("odd", "why"),
    [
        (edwards(0, 57, "Ed448"), "small order"), (edwards(1, 57, "Ed448"), "small order"),
        (edwards(P448 - 1, 57, "Ed448"), "small order"), (edwards(P448, 57, "Ed448"), "no point"),
        (edwards(2**255 - 3), "no point"), (edwards(5, 31), "no point"), ({**edwards(5), "x": 5}, "no point"),
        (OKPKey.generate_key("X25519", {"kid": "odd"}).as_dict(private=False), "signs nothing"),
        (KEY.as_dict(private=True) | {"kid": "odd"}, "private part"),
        (RSA.as_dict(private=True) | {"kid": "odd"}, "private part"),
        (ED.as_dict(private=True) | {"kid": "odd"}, "private part"),
        ({"kty": "RSA", "kid": "odd", "n": number(2**20000 + 1), "e": "AQAB"}, "more than 16384"),
        ({"kty": "RSA", "kid": "odd", "n": number(N), "e": number(2**300 + 1)}, "exponent"),
        ({"kty": "RSA", "kid": "odd", "n": number(N), "e": number(1)}, "no such key"),
        ({"kty": "RSA", "kid": "odd", "n": number(N), "e": number(65536)}, "no such key"),
        ({"kty": "RSA", "kid": "odd", "n": number(N - 1), "e": "AQAB"}, "no such key"),
        *(
            ({"kty": "RSA", "kid": "odd", "n": number(one), "e": "AQAB"}, "factors anyone can find")
            for one in (ROCA, CLOSE, N * N, 3 * N, 1999 * N, MERSENNE)
        ),
        ({"kty": "RSA", "kid": "odd", "n": 5, "e": "AQAB"}, "less than 2048"), ({"kty": "RSA", "kid": "odd"}, "less than 2048"),
    ],
)  # fmt: skip
def test_a_weak_key_is_ignored_and_alone_it_is_said_why(odd: dict[str, Any], why: str) -> None:
    found = key_set(json.dumps({"keys": [odd, KEY.as_dict(private=False)]}).encode())
    assert [one.kid for one in found.keys] == ["one"]
    with pytest.raises(Unavailable, match=why):
        key_set(json.dumps({"keys": [odd]}).encode())


@pytest.mark.parametrize(
    "more",
    [
        {"use": "enc"}, {"use": "SIG"}, {"use": None}, {"use": ["sig"]}, {"use": "sig", "key_ops": ["encrypt"]},
        {"use": "enc", "key_ops": ["verify"]}, {"key_ops": []}, {"key_ops": "verify"}, {"key_ops": ["sign"]},
        {"key_ops": [["verify"]]},
        {"key_ops": ["verify", "verify"]}, {"key_ops": None, "use": "enc"}, {"kty": "oct"}, {"kty": None}, {"kty": ["EC"]},
    ],
)  # fmt: skip
def test_a_key_that_is_not_for_checking_signatures_checks_none(more: dict[str, Any]) -> None:
    text = json.dumps({"keys": [{**KEY.as_dict(private=False), **more}]}).encode()
    with pytest.raises(Unavailable, match="no public key for signatures"):
        key_set(text)


@pytest.mark.parametrize(
    "text",
    [
        b"", b"{", b"[]", b"null", b'{"keys": {}}', b'{"keys": [5, null, "x", []]}', b'{"keys": [], "keys": []}', b"\xff\xfe",
        b"[" * 9999,
        b"<html>Sign in</html>", json.dumps({"keys": [{"kty": "EC", "kid": str(one)} for one in range(101)]}).encode(),
    ],
)  # fmt: skip
def test_garbage_in_place_of_keys_accepts_no_one(text: bytes) -> None:
    with pytest.raises(Unavailable):
        key_set(text)


@given(
    st.lists(
        st.dictionaries(
            st.sampled_from(["kty", "crv", "kid", "use", "key_ops", "alg", "n", "e", "x", "y", "d"]),
            st.sampled_from(["RSA", "EC", "OKP", "P-256", "Ed25519", "sig", "AQAB", "AQ", "", None, 5]) | st.text(max_size=5),
        ),
        max_size=4,
    )
)  # fmt: skip
def test_any_keys_are_keys_that_verify_or_refused(keys: list[dict[str, Any]]) -> None:
    with suppress(Unavailable):
        assert all(not one.is_private for one in key_set(json.dumps({"keys": keys}).encode()).keys)


@pytest.mark.parametrize(
    "alg", ["none", "NONE", "", "HS256", "hs256", "RS1", "ES256K", "RSA-OAEP", "dir", 5, None, ["ES256"], {}, True]
)
def test_an_algorithm_that_is_not_the_keys_own(alg: Any) -> None:
    head, body = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({**HEADER, "alg": alg}, CLAIMS)
    )
    _, _, signature = signed(HEADER, CLAIMS).split(".")
    for last in (signature, "AA"):
        with pytest.raises(NotAccepted):
            tokens().caller(f"{head}.{body}.{last}")


class TestTheKeysOfTheIssuerChange:
    """A site whose issuer answers with other keys than before, and a clock."""

    def site(self) -> tuple[Tokens, list[Any], list[float], list[str]]:
        keys, now, asked = [KEY], [NOW], list[str]()

        def fetch(url: str, _: Tier) -> bytes:
            asked.append(url)
            return json.dumps({"keys": [one.as_dict(private=False) for one in keys]}).encode()

        issuer = Issuer(name=NAME, audience=AUDIENCE, keys="https://login.example/keys", tier=Tier.RESTRICTED)
        return Tokens(issuer=issuer, now=lambda: now[0], fetch=fetch), keys, now, asked

    def test_a_new_key_under_the_old_name_is_looked_for(self) -> None:
        """Mutation: only an unknown name is a reason to read the keys again."""
        checks, keys, now, asked = self.site()
        old = signed(HEADER, CLAIMS)
        checks.caller(old)
        new = ECKey.generate_key("P-256", {"kid": "one"})
        keys[:] = [new]
        now[0] += 31
        assert checks.caller(signed(HEADER, CLAIMS, new)).name == "ada"
        with pytest.raises(NotAccepted, match="signature"):
            checks.caller(old)
        assert len(asked) == 2

    def test_wrong_signatures_do_not_flood_the_issuer(self) -> None:
        checks, _, now, asked = self.site()
        forged = [signed(HEADER, CLAIMS, ECKey.generate_key("P-256", {"kid": "one"})) for _ in range(4)]
        checks.caller(signed(HEADER, CLAIMS))
        now[0] += 31
        start = threading.Barrier(len(forged))

        def show(token: str) -> None:
            start.wait()
            with pytest.raises(NotAccepted):
                checks.caller(token)

        threads = [threading.Thread(target=show, args=(one,)) for one in forged]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(asked) == 2

    def test_a_clock_that_was_set_back_does_not_keep_old_keys(self) -> None:
        checks, keys, now, _ = self.site()
        checks.caller(signed(HEADER, CLAIMS))
        keys[:] = [ECKey.generate_key("P-256", {"kid": "one"})]
        now[0] -= 3 * 3600
        with pytest.raises(NotAccepted):
            checks.caller(signed(HEADER, {**CLAIMS, "iat": now[0], "exp": now[0] + 60}))


def test_a_refusal_says_whose_token_it_is_only_if_the_issuer_signed_it() -> None:
    """For the record of who was not let in; not in the sentence."""
    for change in ({"exp": NOW - 60}, {"aud": "https://other.example"}, {"cnf": {"jkt": "x"}}, {"nbf": NOW + 600}):
        with pytest.raises(NotAccepted) as refused:
            tokens().claims(signed(HEADER, {**CLAIMS, **change}))
        assert refused.value.caller is not None
        assert (refused.value.caller.issuer, refused.value.caller.id) == (NAME, "ada")
        assert "ada" not in str(refused.value)
    other = ECKey.generate_key("P-256", {"kid": "one"})
    for token in (
        signed(HEADER, {**CLAIMS, "exp": NOW - 60}, other),
        signed({**HEADER, "typ": "JWT"}, CLAIMS),
        signed(HEADER, {**CLAIMS, "iss": "https://other.example"}),
        signed(HEADER, without({**CLAIMS, "sub": None})),
    ):
        with pytest.raises(NotAccepted) as refused:
            tokens().claims(token)
        assert refused.value.caller is None
