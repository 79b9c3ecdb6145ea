"""Answers about opaque tokens that the issuer signs (RFC 9701): one that is not signed for us, just now, counts for nothing."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.claims import NotAccepted
from foundation.identity.accepting import Accepting, read_accepting
from foundation.identity.introspecting import SIGNED, opened
from foundation.identity.issuers import read_issuers
from tests.foundation.test_introspection import ACTIVE, ASKS, ISSUER
from tests.foundation.test_tokens import AUDIENCE, HEADER, KEY, NAME, NOW, signed, without
from tests.simulators.introspecting import CLIENT

pytestmark = pytest.mark.requirement("BASE-2/tokens-are-bound-to-the-audience")

HEAD = {**HEADER, "typ": SIGNED}
CLAIMS: dict[str, Any] = {"iss": NAME, "aud": CLIENT, "iat": NOW, "token_introspection": ACTIVE}
SETTINGS = {"ARCOPS_OIDC_ISSUER": NAME, "ARCOPS_OIDC_JWKS": f"{NAME}/keys", **ASKS, "ARCOPS_OIDC_INTROSPECTION_SIGNED": "yes"}


@dataclass
class Site:
    answer: bytes = b""
    headers: list[Mapping[str, str]] = field(default_factory=list)

    def post(self, url: str, _: Tier, form: Mapping[str, str], headers: Mapping[str, str], /) -> bytes:
        self.headers.append(headers)
        return self.answer

    def fetch(self, url: str, _: Tier) -> bytes:
        return json.dumps({"keys": [KEY.as_dict(private=False)]}).encode()

    def door(self) -> Accepting:
        return read_accepting(SETTINGS, Tier.RESTRICTED, AUDIENCE, now=lambda: NOW, fetch=self.fetch, post=self.post)


@pytest.mark.parametrize("audience", [CLIENT, [CLIENT, "other"], AUDIENCE])
def test_a_signed_answer_names_its_caller(audience: object) -> None:
    site = Site(signed(HEAD, {**CLAIMS, "aud": audience}).encode())
    assert site.door().identity("opaque").id == "ada"
    assert [one["Accept"] for one in site.headers] == [f"application/{SIGNED}"]


def test_one_that_says_no_is_a_refusal() -> None:
    site = Site(signed(HEAD, {**CLAIMS, "token_introspection": {"active": False}}).encode())
    with pytest.raises(NotAccepted, match="is not active"):
        site.door().identity("opaque")


def tampered(text: str) -> str:
    head, _, rest = text.partition(".")
    _, _, signature = rest.partition(".")
    other = signed(HEAD, {**CLAIMS, "token_introspection": {**ACTIVE, "sub": "eve"}}).split(".")[1]
    return f"{head}.{other}.{signature}"


WRONG = {
    "not signed": json.dumps(ACTIVE),
    "changed": tampered(signed(HEAD, CLAIMS)),
    "an access token": signed({**HEADER, "typ": "at+jwt"}, CLAIMS),
    "no type": signed({name: value for name, value in HEADER.items() if name != "typ"}, CLAIMS),
    "another issuer": signed(HEAD, {**CLAIMS, "iss": "https://other.example"}),
    "another client": signed(HEAD, {**CLAIMS, "aud": "other"}),
    "no audience": signed(HEAD, without({**CLAIMS, "aud": None})),
    "old": signed(HEAD, {**CLAIMS, "iat": NOW - 121}),
    "to come": signed(HEAD, {**CLAIMS, "iat": NOW + 121}),
    "of any time": signed(HEAD, without({**CLAIMS, "iat": None})),
    "of nothing": signed(HEAD, without({**CLAIMS, "token_introspection": None})),
    "of a list": signed(HEAD, {**CLAIMS, "token_introspection": [ACTIVE]}),
    "empty": "",
}


@pytest.mark.parametrize("what", WRONG)
def test_another_answer_counts_for_nothing(what: str) -> None:
    """Mutation: one of the checks of a signed answer is left out."""
    with pytest.raises(Unavailable):
        Site(WRONG[what].encode()).door().identity("opaque")


@given(answer=st.binary(max_size=200))
def test_any_bytes_are_one_clear_refusal(answer: bytes) -> None:
    def checked(text: str) -> Mapping[str, Any]:
        raise NotAccepted("not signed")

    with pytest.raises(Unavailable):
        opened(answer, ISSUER, CLIENT, checked, NOW)


def test_another_word_is_refused() -> None:
    for word in ("true", "YES", "1"):
        with pytest.raises(Refused, match="use yes, or no"):
            read_issuers({**SETTINGS, "ARCOPS_OIDC_INTROSPECTION_SIGNED": word}, Tier.RESTRICTED, AUDIENCE)
    alone = {"ARCOPS_OIDC_ISSUER": NAME, "ARCOPS_OIDC_JWKS": f"{NAME}/keys", "ARCOPS_OIDC_INTROSPECTION_SIGNED": "yes"}
    with pytest.raises(Refused, match="is set without ARCOPS_OIDC_INTROSPECTION;"):
        read_issuers(alone, Tier.RESTRICTED, AUDIENCE)
