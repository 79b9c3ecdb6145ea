"""How long an issuer's keys count after they were read: as long as it says, within bounds (RFC 9111)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.tier import Tier
from foundation.identity.issuers import Issuer
from foundation.issuing import Document, fetched, fresh_seconds
from foundation.tokens import KEYS_FRESH_SECONDS, Tokens
from tests.foundation.test_tokens import AUDIENCE, KEY, NAME, NOW, answering

pytestmark = pytest.mark.requirement("BASE-2/tokens-are-bound-to-the-audience")
KEYS = json.dumps({"keys": [KEY.as_dict(private=False)]}).encode()


@pytest.mark.parametrize(
    ("control", "age", "seconds"),
    [
        ("max-age=300", "", 300), ("public, Max-Age=300, must-revalidate", "", 300), ('max-age="300"', "", 300),
        ("max-age=300", "120", 180), ("max-age=300", "900", 0), ("max-age=300", "-5", 300), ("no-store", "", 0),
        ("no-cache, max-age=300", "", 0), ("", "", None), ("private", "", None), ("max-age=", "", None),
        ("max-age=-1", "", None), ("max-age=1, max-age=2", "", None), ("max-age=1e9", "", None), ("max-age=²", "", None),
        ("s-maxage=300", "", None),
    ],
)  # fmt: skip
def test_what_the_fields_say(control: str, age: str, seconds: float | None) -> None:
    assert fresh_seconds(control, age) == seconds


@given(control=st.text(max_size=80), age=st.text(max_size=20))
def test_any_text_is_read(control: str, age: str) -> None:
    found = fresh_seconds(control, age)
    assert found is None or found >= 0


@pytest.mark.parametrize(
    ("said", "counts"), [(None, KEYS_FRESH_SECONDS), (120.0, 120), (0.0, 30), (86_400.0, KEYS_FRESH_SECONDS)]
)
def test_keys_count_as_long_as_their_server_says_within_bounds(said: float | None, counts: float) -> None:
    """Mutation: what the server says is not asked for, or is followed for a day."""
    now, asked = float(NOW), []

    def fetch(url: str, _: Tier) -> bytes:
        asked.append(url)
        found = Document(KEYS)
        found.seconds = said
        return found

    issuer = Issuer(name=NAME, audience=AUDIENCE, keys=f"{NAME}/keys", tier=Tier.RESTRICTED)
    keys = Tokens(issuer=issuer, now=lambda: now, fetch=fetch)
    version = keys.key_version()
    now = NOW + counts
    assert keys.fresh_version() == keys.key_version() == version
    assert len(asked) == 1
    now += 1
    assert keys.fresh_version() is None
    assert keys.key_version() == version
    assert len(asked) == 2


def test_it_is_read_from_the_answer() -> None:
    head = b"HTTP/1.1 200 OK\r\nCache-Control: max-age=90\r\nAge: 30\r\nContent-Length: 2\r\nConnection: close\r\n\r\n{}"
    with answering(lambda _: head, []) as url:
        found = fetched(url)
    assert found == b"{}"
    assert isinstance(found, Document)
    assert found.seconds == 60
