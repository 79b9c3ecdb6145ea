"""Who a caller is: by what the issuer says, never by an e-mail, and by nothing that is missing or of another form."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey

from arcops.errors import Broken, Refused, Unavailable
from arcops.identity import Identity
from arcops.tier import Tier
from foundation.identity.accepting import Accepting, read_accepting
from foundation.identity.reading import identity_of
from foundation.tokens import KEYS_FRESH_SECONDS, Issuer, NotAccepted, Tokens, read_issuers
from tests.foundation.test_tokens import AUDIENCE, CLAIMS, HEADER, KEY, NAME, NOW, signed, without

pytestmark = pytest.mark.requirement("ARC-3/callers-are-identified", "BASE-2/tokens-are-bound-to-the-audience")

TENANT, OBJECT = "11111111-2222-4333-8444-555555555555", "99999999-8888-4777-8666-555555555555"
ENTRA: dict[str, Any] = {
    "iss": f"https://login.microsoftonline.com/{TENANT}/v2.0", "tid": TENANT, "oid": OBJECT, "ver": "2.0", "sub": "differs",
    "preferred_username": "ada@example.org", "scp": "arcops:read", "roles": ["arcops:check", "Auditor"],
}  # fmt: skip


def test_entra_is_the_object_in_its_tenant() -> None:
    found = identity_of(ENTRA)
    assert found == Identity(
        issuer=ENTRA["iss"], tenant=TENANT, id=OBJECT, scopes=frozenset({"read", "check"}),
        roles=frozenset({"arcops:check", "Auditor"}),
    )  # fmt: skip
    assert identity_of({**ENTRA, "sub": "another application", "email": "eve@example.org"}) == found


@pytest.mark.parametrize(
    ("issuer", "version"),
    [
        (f"https://login.microsoftonline.us/{TENANT}/v2.0", "2.0"),
        (f"https://login.partner.microsoftonline.cn/{TENANT}/v2.0", "2.0"),
        (f"https://{TENANT}.ciamlogin.com/{TENANT}/v2.0", "2.0"),
        (f"https://sts.windows.net/{TENANT}/", "1.0"),
    ],
)
def test_the_other_forms_of_entra(issuer: str, version: str) -> None:
    assert identity_of({**ENTRA, "iss": issuer, "ver": version}).tenant == TENANT
    for wrong in ("3.0", 2.0, None, "2.0" if version == "1.0" else "1.0"):
        with pytest.raises(NotAccepted, match="ver"):
            identity_of(without({**ENTRA, "iss": issuer, "ver": wrong}))


@pytest.mark.parametrize(
    "change",
    [
        {"oid": None}, {"oid": ""}, {"oid": "ada"}, {"oid": [OBJECT]}, {"oid": OBJECT + "0"}, {"oid": f" {OBJECT}"},
        {"tid": None}, {"tid": OBJECT}, {"tid": 5}, {"tid": "common"}, {"ver": None}, {"ver": "1.0"},
        {"iss": f"https://login.microsoftonline.com/{OBJECT}/v2.0"}, {"iss": "https://login.microsoftonline.com/common/v2.0"},
        {"iss": f"https://login.microsoftonline.com/{TENANT}/v2.0/"}, {"iss": f"https://login.microsoftonline.com/{TENANT}"},
        {"iss": f"http://login.microsoftonline.com/{TENANT}/v2.0"}, {"iss": f"https://LOGIN.microsoftonline.com/{TENANT}/v2.0"},
        {"iss": f"https://login.microsoftonline.com:443/{TENANT}/v2.0"}, {"iss": f"https://login.windows.net/{TENANT}/"},
        {"iss": f"https://login.microsoftonline.com./{TENANT}/v2.0"}, {"iss": "https://sts.windows.net/"},
        {"iss": f"https://sts.windows.net/{TENANT}/v2.0"},
    ],
)  # fmt: skip
def test_entra_without_what_names_the_caller(change: dict[str, Any]) -> None:
    """Mutation: falling back to sub, to an e-mail, or to another tenant."""
    with pytest.raises(NotAccepted):
        identity_of(without({**ENTRA, **change}))


def test_another_issuer_is_itself_and_sub() -> None:
    found = identity_of(
        {"iss": NAME, "sub": "ada", "tid": TENANT, "oid": OBJECT, "email": "x@y", "scope": "arcops:read openid"}
    )
    assert found == Identity(issuer=NAME, tenant="", id="ada", scopes=frozenset({"read"}))


@pytest.mark.parametrize("between", ["\u00a0", "\t", "\u2003", "\x1f"])
def test_only_a_space_parts_scopes(between: str) -> None:
    """RFC 6749, section 3.3. Mutation: whatever Python takes for a space, so that one odd scope would be two of ours."""
    claims = {"iss": NAME, "sub": "ada", "scope": f"arcops:read odd{between}arcops:admin"}
    assert identity_of(claims).scopes == frozenset({"read"})


@pytest.mark.parametrize("sub", [None, "", 5, ["ada"], "a\nb", "a" * 256, " ada", True])
def test_another_issuer_without_a_subject(sub: object) -> None:
    with pytest.raises(NotAccepted, match="sub"):
        identity_of(without({"iss": NAME, "sub": sub, "email": "ada@example.org", "oid": OBJECT}))
    with pytest.raises(NotAccepted, match="iss"):
        identity_of(without({"iss": sub, "sub": "ada"}))


JSON = st.none() | st.booleans() | st.integers() | st.text(max_size=20) | st.lists(st.text(max_size=9), max_size=3)


@given(
    claims=st.dictionaries(st.sampled_from([*ENTRA, "scope", "email"]), JSON | st.sampled_from(list(map(str, ENTRA.values()))))
)
def test_any_claims_name_a_caller_or_are_refused(claims: dict[str, Any]) -> None:
    try:
        found = identity_of(claims)
    except NotAccepted:
        return
    assert found.id == claims["oid" if found.tenant else "sub"]
    assert found.issuer == claims["iss"]


class Site:
    """Two issuers whose keys can change, and a clock."""

    def __init__(self, *names: str) -> None:
        self.now = NOW
        self.keys: dict[str, list[ECKey]] = {name: [KEY] for name in names}
        self.down = False
        self.checked = 0

    def fetch(self, url: str, _: Tier) -> bytes:
        if self.down:
            raise Unavailable("the issuer does not answer")
        return json.dumps({"keys": [one.as_dict(private=False) for one in self.keys[url]]}).encode()

    def accepting(self, **more: Any) -> Accepting:
        tokens = []
        for name in self.keys:
            issuer = Issuer(name=name, audience=AUDIENCE, keys=name, tier=Tier.RESTRICTED)
            tokens.append(Tokens(issuer=issuer, now=lambda: self.now, fetch=self.fetch))
        return Accepting(tokens=tokens, now=lambda: self.now, **more)


OTHER = "https://other.example"


def token(claims: Mapping[str, Any] = {}, key: ECKey = KEY) -> str:
    return signed({**HEADER, "kid": key.kid}, {**CLAIMS, **claims}, key)


@pytest.fixture
def counted(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The tokens whose signature was checked."""
    found: list[str] = []
    claims = Tokens.claims

    def counting(self: Tokens, text: str, also: str = "") -> dict[str, Any]:
        found.append(text)
        return claims(self, text, also)

    monkeypatch.setattr(Tokens, "claims", counting)
    return found


class TestAccepting:
    def test_several_issuers_each_by_its_own_keys(self) -> None:
        site = Site(NAME, OTHER)
        second = ECKey.generate_key("P-256", {"kid": "one", "use": "sig", "alg": "ES256"})
        site.keys[OTHER] = [second]
        door = site.accepting()
        assert door.identity(token()).issuer == NAME
        found = door.identity(token({"iss": OTHER}, second))
        assert (found.issuer, found.id) == (OTHER, "ada")
        assert door.caller(token()).id == "ada@https://login.example"
        assert door.caller(token({"iss": OTHER}, second)).id == "ada@https://other.example"
        for wrong in (token({"iss": OTHER}), token(key=second)):
            with pytest.raises(NotAccepted, match="signature"):
                door.identity(wrong)
        for wrong in (token({"iss": "https://unknown.example"}), token({"iss": f"{NAME}/"})):
            with pytest.raises(NotAccepted, match="issuer that is not known here"):
                door.identity(wrong)

    @pytest.mark.parametrize(
        "text",
        ["", "x", "a.b.c", "a" * 20_000, "ä.b.c", "arcops_x", signed(HEADER, without({**CLAIMS, "iss": None}))],
        ids=["empty", "a letter", "not base64", "long", "not ASCII", "no API key", "no issuer"],
    )
    def test_what_is_no_token(self, text: str) -> None:
        with pytest.raises(NotAccepted):
            Site(NAME).accepting().identity(text)

    def test_one_that_was_accepted_is_not_checked_again(self, counted: list[str]) -> None:
        site = Site(NAME)
        door, text = site.accepting(), token()
        first = door.identity(text)
        for _ in range(5):
            assert door.identity(text) == first
        assert counted == [text]

    def test_until_it_ends(self, counted: list[str]) -> None:
        site = Site(NAME)
        door, text = site.accepting(), token({"exp": NOW + 60})
        door.identity(text)
        site.now = NOW + 89
        door.identity(text)
        assert len(counted) == 1
        site.now = NOW + 90.5
        with pytest.raises(NotAccepted, match="expired"):
            door.identity(text)

    def test_until_the_clock_goes_back(self, counted: list[str]) -> None:
        site = Site(NAME)
        door, text = site.accepting(), token()
        door.identity(text)
        site.now = NOW - 3600
        with pytest.raises(NotAccepted):
            door.identity(text)
        assert len(counted) == 2

    def test_until_the_keys_change(self, counted: list[str]) -> None:
        """Mutation: a remembered token whose key was withdrawn."""
        site = Site(NAME)
        door, text = site.accepting(), token({"exp": NOW + 36_000})
        door.identity(text)
        site.keys[NAME] = [ECKey.generate_key("P-256", {"kid": "two", "use": "sig", "alg": "ES256"})]
        door.identity(text)
        assert len(counted) == 1, "the keys are read again after a while"
        site.now = NOW + KEYS_FRESH_SECONDS + 1
        with pytest.raises(NotAccepted, match="not signed by a key of the issuer"):
            door.identity(text)

    def test_while_the_keys_cannot_be_read_nothing_is_accepted(self) -> None:
        site = Site(NAME)
        door, text = site.accepting(), token({"exp": NOW + 36_000})
        door.identity(text)
        site.down, site.now = True, NOW + KEYS_FRESH_SECONDS + 1
        with pytest.raises(Unavailable):
            door.identity(text)
        site.down, site.now = False, site.now + 60
        assert door.identity(text).id == "ada"

    def test_until_it_is_forgotten(self, counted: list[str]) -> None:
        door = Site(NAME).accepting()
        mine, theirs = token(), token({"sub": "eve"})
        eve = door.identity(theirs)
        door.identity(mine)
        assert door.forget(eve) == 1
        assert door.forget(eve) == 0
        door.identity(mine)
        assert len(counted) == 2
        door.identity(theirs)
        assert len(counted) == 3
        assert door.forget() == 2

    def test_what_is_remembered_is_bounded_and_the_oldest_goes_first(self, counted: list[str]) -> None:
        door = Site(NAME).accepting(most=3)
        texts = [token({"sub": f"caller {number}"}) for number in range(4)]
        for text in (*texts[:3], texts[0], texts[3]):
            door.identity(text)
        assert len(door._remembered) == 3
        counted.clear()
        door.identity(texts[0])
        assert counted == []
        door.identity(texts[1])
        assert counted == [texts[1]]

    def test_what_was_refused_is_not_remembered(self) -> None:
        door = Site(NAME).accepting()
        for number in range(20):
            with pytest.raises(NotAccepted):
                door.identity(token({"aud": f"https://other.example/{number}"}))
        assert len(door._remembered) == 0

    def test_a_secret_is_not_kept(self) -> None:
        door, text = Site(NAME).accepting(), token()
        door.identity(text)
        assert text not in repr(door)

    def test_as_the_environment_says(self) -> None:
        site = Site(NAME, OTHER)
        environment = {"ARCOPS_OIDC_ISSUER": f"{NAME} {OTHER}", "ARCOPS_OIDC_JWKS": f"{NAME} {OTHER}"}
        door = read_accepting(environment, Tier.RESTRICTED, AUDIENCE, now=lambda: NOW, fetch=site.fetch)
        assert door.caller(token({"iss": OTHER})).issuer == OTHER
        none = read_accepting({}, Tier.RESTRICTED, AUDIENCE, now=lambda: NOW, fetch=site.fetch)
        with pytest.raises(NotAccepted):
            none.identity(token({"iss": OTHER}))

    def test_no_issuer_twice(self) -> None:
        door = Site(NAME).accepting()
        with pytest.raises(Broken):
            Accepting(tokens=[*door.tokens, *door.tokens], now=door.now)


class TestIssuers:
    def read(self, **environment: str) -> tuple[Issuer, ...]:
        return read_issuers({f"ARCOPS_OIDC_{name}": value for name, value in environment.items()}, Tier.RESTRICTED, AUDIENCE)

    def test_the_old_form_is_one(self, tmp_path: Path) -> None:
        old = {"ISSUER": NAME, "JWKS": str(tmp_path / "a file with spaces"), "HOURS": "2"}
        (one,) = self.read(**old)
        assert (one.name, one.keys, one.longest) == (NAME, str(tmp_path / "a file with spaces"), 7200.0)
        assert self.read() == ()

    def test_several_with_values_for_all_or_for_each(self) -> None:
        both = f"{NAME} {OTHER}"
        one, two = self.read(ISSUER=both, HOURS="2", JWKS="- /etc/other.json", TYP="at+jwt jwt")
        assert (one.name, one.keys, one.audience, one.type, one.longest) == (NAME, "", AUDIENCE, "at+jwt", 7200.0)
        assert (two.name, two.keys, two.audience, two.type, two.longest) == (OTHER, "/etc/other.json", AUDIENCE, "jwt", 7200.0)
        one, two = self.read(ISSUER=both, AUDIENCE="a b")
        assert (one.audience, two.audience) == ("a", "b")

    @pytest.mark.parametrize(
        ("environment", "said"),
        [
            ({"ISSUER": f"{NAME} {NAME}"}, "twice"),
            ({"ISSUER": " ".join(f"https://i{number}.example" for number in range(21))}, "more than 20"),
            ({"ISSUER": f"{NAME} {OTHER}", "JWKS": "/etc/one.json"}, "1 values for 2 issuers"),
            ({"ISSUER": f"{NAME} {OTHER}", "HOURS": "1 2 3"}, "3 values for 2 issuers"),
            ({"ISSUER": f"{NAME} other"}, "not a URL"),
            ({"ISSUER": f"{NAME} http://other.example"}, "without TLS"),
            ({"ISSUER": "arcops", "JWKS": "/etc/one.json"}, "own API keys"),
            ({"ISSUER": f"{NAME} arcops", "JWKS": "- /etc/one.json"}, "own API keys"),
        ],
    )
    def test_what_is_not_clear_is_refused(self, environment: dict[str, str], said: str) -> None:
        with pytest.raises(Refused, match=said):
            self.read(**environment)
