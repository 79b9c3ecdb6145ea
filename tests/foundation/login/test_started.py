"""A login that has begun: its cookie, the path that one comes back to, and the answer of the provider."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, urljoin, urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from foundation.login.provider import Provider
from foundation.login.started import Failed, Started, answer_to, authorize_url, code_in, local_path, opened, sealed
from tests.foundation.login.signed import NOW, Signing

pytestmark = pytest.mark.requirement("BASE-2/people-log-in")

KEY, OTHER = bytes(32), bytes(31) + b"\x01"
AT = "https://arcops.example"


@given(text=st.text(alphabet=st.sampled_from("/\\:@.?#%&=;evil.example\t\n\r\x00é ")) | st.text())
@example("https://evil.example")
@example("//evil.example")
@example("///evil.example")
@example("/\\evil.example")
@example("/\t/evil.example")
@example("/\n/evil.example")
@example("\\\\evil.example")
@example("javascript:alert(1)")
@example("/a\r\nset-cookie: a=b")
@example("@evil.example")
@example(".evil.example")
@example("https:/evil.example")
@example("/login/callback?code=x")
@example("/logout")
def test_one_never_comes_back_to_another_place(text: str) -> None:
    path = local_path(text)
    assert path.startswith("/")
    assert path.isascii()
    assert path.isprintable()
    assert urlsplit(urljoin(f"{AT}/", path)).netloc == "arcops.example", "as a path"
    assert urlsplit(f"{AT}{path}").netloc == "arcops.example", "behind our own address"
    assert "\\" not in path
    assert not path.startswith(("/login", "/logout"))


def test_one_comes_back_to_the_page_that_they_wanted() -> None:
    for path in ("/", "/artifacts?q=a%20b&verdict=RED", "/subject?name=https://x", "/figures"):
        assert local_path(path) == path
    assert local_path("/" + "a" * 1000) == "/"


def test_only_the_one_that_was_made_is_opened_and_for_ten_minutes(tmp_path: Path) -> None:
    settings = Signing(folder=tmp_path).settings()
    started = Started(to="/figures", at=NOW)
    value = sealed(started, KEY, settings)
    assert opened(value, KEY, settings, NOW + 600) == started
    assert opened(value, KEY, settings, NOW + 601) is None
    assert opened(value, KEY, settings, NOW - 61) is None
    assert opened(value, OTHER, settings, NOW) is None
    assert opened(value, KEY, Signing(folder=tmp_path).settings(amr=("mfa",)), NOW) is None
    for at in range(0, len(value), 7):
        letter = "A" if value[at] != "A" else "B"
        assert opened(value[:at] + letter + value[at + 1 :], KEY, settings, NOW) is None
    assert started.verifier not in value
    assert len(started.verifier) >= 43
    assert len({Started(to="/", at=NOW).state for _ in range(100)}) == 100


@given(value=st.text(max_size=80))
def test_what_is_no_such_cookie_is_none(tmp_path_factory: pytest.TempPathFactory, value: str) -> None:
    settings = Signing(folder=tmp_path_factory.getbasetemp()).settings()
    assert opened(value, KEY, settings, NOW) is None


def test_the_address_to_go_to_asks_for_all_that_is_checked_later(tmp_path: Path) -> None:
    settings = Signing(folder=tmp_path).settings(acr=("a", "b"))
    started = Started(to="/", at=NOW)
    provider = Provider(authorize="https://login.example/a?tenant=x", token="https://login.example/t")
    asked = parse_qs(urlsplit(authorize_url(provider, settings, started)).query)
    assert asked["tenant"] == ["x"]
    assert asked["response_type"] == ["code"]
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["acr_values"] == ["a b"]
    assert (asked["state"], asked["nonce"]) == ([started.state], [started.nonce])
    assert started.verifier not in str(asked)


class TestTheAnswer:
    PROVIDER = Provider(authorize="https://login.example/a", token="https://login.example/t", names_itself=True)

    @pytest.mark.parametrize(
        ("instead", "reason"),
        [
            ({"state": None}, "state"), ({"state": ""}, "state"), ({"state": "x"}, "state"), ({"state": "\u00e9"}, "state"),
            ({"iss": None}, "iss"), ({"iss": "https://evil.example"}, "iss"), ({"iss": ""}, "iss"),
            ({"iss": "https://login.example/"}, "iss"), ({"code": None}, "provider"), ({"code": ""}, "provider"),
            ({"error": "access_denied"}, "provider"), ({"error": "<b>", "error_description": "owned"}, "provider"),
            ({"iss": "https://evil.example", "error": "access_denied"}, "iss"), ({"error": ""}, "provider"),
        ],
    )  # fmt: skip
    def test_that_does_not_fit_is_refused(self, tmp_path: Path, instead: dict[str, str | None], reason: str) -> None:
        settings, started = Signing(folder=tmp_path).settings(), Started(to="/", at=NOW)
        said = {"code": "c", "state": started.state, "iss": "https://login.example", **instead}
        answer = {name: [value] for name, value in said.items() if value is not None}
        with pytest.raises(Failed) as error:
            code_in(answer_to(started, answer)[1], self.PROVIDER, settings)
        assert error.value.reason == reason
        assert "owned" not in str(error.value)
        assert "<b>" not in str(error.value)

    def test_without_a_login_that_began_it_is_refused(self) -> None:
        for said in ({}, {"state": [""]}, {"state": ["None"], "code": ["c"]}):
            with pytest.raises(Failed, match="not begun in this browser"):
                answer_to(None, said)

    def test_a_part_that_is_there_twice_does_not_count(self) -> None:
        started = Started(to="/", at=NOW)
        for twice in ("code", "iss", "error", "x", "state"):
            said = {"code": ["c"], "state": [started.state], twice: [started.state, "x"]}
            with pytest.raises(Failed):
                answer_to(started, said)

    def test_a_provider_that_does_not_name_itself_need_not_but_may_name_no_other(self, tmp_path: Path) -> None:
        settings = Signing(folder=tmp_path).settings()
        silent = Provider(authorize="https://login.example/a", token="https://login.example/t")
        assert code_in({"code": "c"}, silent, settings) == "c"
        assert code_in({"code": "c", "iss": "https://login.example"}, silent, settings) == "c"
        with pytest.raises(Failed):
            code_in({"code": "c", "iss": "https://evil.example"}, silent, settings)
