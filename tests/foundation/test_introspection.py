"""Opaque tokens: their issuer is asked whose they are (RFC 7662); what it does not say counts for nothing."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.identity import Identity
from arcops.tier import Tier
from foundation.claims import NotAccepted
from foundation.identity.accepting import Accepting, caller_of, read_accepting
from foundation.identity.asking import MOST_ASKED, MOST_WAITING, PAUSE_SECONDS, REFUSED_SECONDS, Asked
from foundation.identity.introspecting import judged
from foundation.identity.issuers import Introspected, Issuer, read_issuers
from foundation.issuing import MOST_ANSWER, NoAnswer, fetched, posted
from tests.foundation.test_tokens import AUDIENCE, CLAIMS, HEADER, KEY, NAME, NOW, answering, signed, without
from tests.simulators.introspecting import CLIENT, SECRET, Server, introspecting
from tests.waiting import until

pytestmark = pytest.mark.requirement("ARC-3/callers-are-identified", "BASE-2/tokens-are-bound-to-the-audience")

ACTIVE: dict[str, Any] = {
    "active": True, "iss": NAME, "aud": AUDIENCE, "sub": "ada", "client_id": "laptop", "scope": "openid arcops:read",
    "exp": NOW + 600, "iat": NOW - 5, "token_type": "Bearer", "username": "eve@example.org",
}  # fmt: skip
OTHER = "https://other.example"
ASKS = {
    "ARCOPS_OIDC_INTROSPECTION": f"{NAME}/introspect", "ARCOPS_OIDC_INTROSPECTION_CLIENT": CLIENT,
    "ARCOPS_OIDC_INTROSPECTION_SECRET": "env:SECRET", "SECRET": SECRET,
}  # fmt: skip


@dataclass
class Site:
    """An issuer that is asked, without a connection, and a clock. ``hold`` stops each question until it is set."""

    now: float = NOW
    known: dict[str, object] = field(default_factory=lambda: {"opaque": ACTIVE})
    asked: list[str] = field(default_factory=list)
    down: bool = False
    hold: threading.Event | None = None

    def post(self, url: str, _: Tier, form: Mapping[str, str], headers: Mapping[str, str], /) -> bytes:
        self.asked.append(form["token"])
        if self.hold is not None:
            self.hold.wait(600)
        if self.down:
            raise NoAnswer("the issuer does not answer")
        said = self.known.get(form["token"], {"active": False})
        return said if isinstance(said, bytes) else json.dumps(said).encode()

    def fetch(self, url: str, _: Tier) -> bytes:
        return json.dumps({"keys": [KEY.as_dict(private=False)]}).encode()

    def door(self, **more: str) -> Accepting:
        own = {"ARCOPS_OIDC_ISSUER": NAME, "ARCOPS_OIDC_JWKS": f"{NAME}/keys", **ASKS, **more}
        return read_accepting(own, Tier.RESTRICTED, AUDIENCE, now=lambda: self.now, fetch=self.fetch, post=self.post)


def said(change: Mapping[str, Any] = {}) -> bytes:
    return json.dumps(without({**ACTIVE, **change})).encode()


ISSUER = Issuer(
    name=NAME,
    audience=AUDIENCE,
    keys="",
    tier=Tier.RESTRICTED,
    introspected=Introspected(endpoint="", client="c", secret="env:S"),
)


class TestTheAnswer:
    def test_it_names_its_caller(self) -> None:
        found = judged(said(), ISSUER, NOW)
        assert found.identity == Identity(issuer=NAME, tenant="", id="ada", scopes=frozenset({"read"}))
        assert found.until == NOW + 60
        assert judged(said({"exp": NOW + 7}), ISSUER, NOW).until == NOW + 7
        assert judged(said({"iss": None, "token_type": None, "scope": None}), ISSUER, NOW).identity.issuer == NAME
        assert judged(said({"aud": ["x", AUDIENCE], "token_use": "access_token"}), ISSUER, NOW).identity.id == "ada"

    @pytest.mark.parametrize(
        "change",
        [
            {"iss": OTHER}, {"iss": f"{NAME}/"}, {"iss": [NAME]}, {"iss": 5},
            {"aud": None}, {"aud": OTHER}, {"aud": []}, {"aud": {AUDIENCE: 1}}, {"aud": f"{AUDIENCE}/"}, {"aud": [5, AUDIENCE]},
            {"exp": None}, {"exp": NOW - 31}, {"exp": str(NOW + 9)}, {"exp": True}, {"exp": 1e300}, {"exp": NOW + 31 * 3600},
            {"nbf": NOW + 31}, {"nbf": "x"}, {"iat": NOW + 60}, {"iat": "x"},
            {"sub": ""}, {"sub": 5}, {"sub": ["ada"]}, {"sub": "a\nb"}, {"sub": "a" * 256}, {"sub": " ada"},
            {"sub": None, "client_id": None}, {"sub": None, "client_id": ""}, {"sub": None, "client_id": ["c"]},
            {"scope": ["arcops:read"]}, {"scope": 5}, {"scope": {"arcops:read": True}},
            {"token_type": "refresh_token"}, {"token_type": "DPoP"}, {"token_type": 5}, {"token_use": "refresh_token"},
            {"typ": "Refresh"}, {"typ": "ID"}, {"cnf": {"jkt": "x"}}, {"cnf": {"x5t#S256": "x"}}, {"nonce": "n"},
            {"events": {}},
        ],
    )  # fmt: skip
    def test_an_active_token_that_is_not_for_here_and_now(self, change: dict[str, Any]) -> None:
        """Mutation of each field: one that is missing, of another type, or of another token."""
        with pytest.raises(NotAccepted):
            judged(said(change), ISSUER, NOW)

    def test_null_is_not_the_same_as_missing(self) -> None:
        for name in ("sub", "iss", "aud", "exp", "scope", "token_type"):
            with pytest.raises(NotAccepted):
                judged(json.dumps({**ACTIVE, name: None}).encode(), ISSUER, NOW)

    @pytest.mark.parametrize(
        "answer",
        [
            b"", b"{}", b"[]", b"null", b"true", b"\xff", b"<html>", b'{"active": "true"}', b'{"active": 1}',
            b'{"active": null}',
            b'{"active": false, "active": true}', said()[:-1] + b', "sub": "eve"}', b"[" * 5000, b'{"active": NaN}',
        ],
    )  # fmt: skip
    def test_what_is_no_answer_accepts_no_one(self, answer: bytes) -> None:
        with pytest.raises(Unavailable):
            judged(answer, ISSUER, NOW)

    def test_only_true_is_active(self) -> None:
        with pytest.raises(NotAccepted, match="not active"):
            judged(said({"active": False}), ISSUER, NOW)

    def test_a_client_for_no_one_is_never_the_person_of_that_name(self) -> None:
        client = judged(said({"sub": None, "client_id": "ada"}), ISSUER, NOW).identity
        person = judged(said(), ISSUER, NOW).identity
        assert (client.tenant, client.id) == ("client", "ada")
        assert (client.issuer, client.tenant, client.id) != (person.issuer, person.tenant, person.id)
        assert caller_of(client).id != caller_of(person).id

    @given(
        change=st.dictionaries(
            st.sampled_from([*ACTIVE, "nbf", "cnf", "roles", "token_use"]),
            st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9) | st.lists(st.text(max_size=9)),
        )
    )
    def test_any_answer_names_this_caller_or_is_refused(self, change: dict[str, Any]) -> None:
        with suppress(ArcOpsError):
            found = judged(json.dumps({**ACTIVE, **change}).encode(), ISSUER, NOW)
            assert found.identity.issuer == NAME
            assert found.identity.id == change.get("sub", "ada")
            assert NOW - 30 <= found.until <= NOW + 60

    @given(st.binary(max_size=60))
    def test_any_bytes(self, answer: bytes) -> None:
        with pytest.raises(ArcOpsError):
            judged(answer, ISSUER, NOW)


class TestAtTheDoor:
    def test_an_opaque_token_names_its_caller_and_is_asked_about_once(self) -> None:
        site = Site()
        door = site.door()
        for _ in range(3):
            assert door.identity("opaque") == Identity(issuer=NAME, tenant="", id="ada", scopes=frozenset({"read"}))
        assert site.asked == ["opaque"]
        assert door.opaque is not None
        assert "'opaque'" not in repr(door.opaque._accepted)

    def test_until_the_answer_is_old(self) -> None:
        """Mutation: a token that its issuer withdrew."""
        site = Site()
        door = site.door(ARCOPS_OIDC_INTROSPECTION_SECONDS="20")
        door.identity("opaque")
        site.known, site.now = {}, NOW + 19.9
        door.identity("opaque")
        site.now = NOW + 20
        with pytest.raises(NotAccepted, match="not active"):
            door.identity("opaque")

    def test_until_the_token_ends(self) -> None:
        site = Site(known={"opaque": {**ACTIVE, "exp": NOW + 5}})
        door = site.door()
        door.identity("opaque")
        site.now = NOW + 5
        site.known = {}
        with pytest.raises(NotAccepted):
            door.identity("opaque")

    def test_until_the_clock_goes_back_or_it_is_forgotten(self) -> None:
        site = Site()
        door = site.door()
        ada = door.identity("opaque")
        site.now = NOW - 1
        door.identity("opaque")
        assert len(site.asked) == 2
        assert door.forget(Identity(issuer=NAME, tenant="", id="eve")) == 0
        assert door.forget(ada) == 1
        door.identity("opaque")
        assert len(site.asked) == 3

    def test_a_token_that_is_not_active_is_not_asked_about_again_for_a_while(self) -> None:
        site = Site()
        door = site.door()
        for _ in range(5):
            with pytest.raises(NotAccepted):
                door.identity("garbage")
        assert site.asked == ["garbage"]
        site.known["garbage"], site.now = ACTIVE, NOW + REFUSED_SECONDS
        assert door.identity("garbage").id == "ada"

    def test_a_flood_of_garbage_grows_nothing_and_pushes_no_one_out(self) -> None:
        site = Site()
        door = site.door()
        assert door.opaque is not None
        door.opaque.most = 5
        door.identity("opaque")
        for number in range(50):
            with pytest.raises(NotAccepted):
                door.identity(f"garbage{number}")
        assert len(door.opaque._refused) == 5
        assert not door.opaque._questions
        assert not door._remembered
        site.down = True
        assert door.identity("opaque").id == "ada"

    def test_a_token_that_names_its_issuer_is_never_shown_to_another(self) -> None:
        """Mutation: asking about whatever is not known."""
        site = Site()
        door = site.door()
        assert door.identity(signed(HEADER, CLAIMS)).id == "ada"
        good = signed(HEADER, CLAIMS)
        head, body, _ = good.split(".")
        for wrong in (
            signed(HEADER, {**CLAIMS, "iss": OTHER}),
            signed(HEADER, {**CLAIMS, "aud": OTHER}),
            f"{head}.{body}.",
            f"{head}..x",
            f"eyJ.{body}.x",
            good[:-4] + "AAAA",
        ):
            with pytest.raises(NotAccepted):
                door.identity(wrong)
        assert site.asked == []

    @pytest.mark.parametrize("token", ["", "a b", "a\nb", "a\x00", "=a", "a,b", 'a"', "ä", "a" * 20_000, "\x7f", "a=b"])
    def test_what_is_no_bearer_token_is_not_asked_about(self, token: str) -> None:
        site = Site()
        with pytest.raises(NotAccepted):
            site.door().identity(token)
        assert site.asked == []

    @pytest.mark.parametrize("token", ["a.b", "ya29.x", "a.b.c.d.e", "YWJj==", "~+/-._", "x.y.z"])
    def test_what_may_be_one_is(self, token: str) -> None:
        site = Site(known={token: ACTIVE})
        assert site.door().identity(token).id == "ada"

    def test_without_an_issuer_to_ask_it_is_no_token(self) -> None:
        own = {"ARCOPS_OIDC_ISSUER": NAME, "ARCOPS_OIDC_JWKS": f"{NAME}/keys"}
        door = read_accepting(own, Tier.RESTRICTED, AUDIENCE, now=lambda: NOW, fetch=Site().fetch)
        with pytest.raises(NotAccepted, match="not a signed token"):
            door.identity("opaque")


class TestAnIssuerThatDoesNotAnswer:
    def test_nothing_is_accepted_but_what_it_said_before(self) -> None:
        site = Site(known={"opaque": ACTIVE, "new": ACTIVE})
        door = site.door()
        door.identity("opaque")
        site.down = True
        assert door.identity("opaque").id == "ada"
        with pytest.raises(Unavailable):
            door.identity("new")
        site.now = NOW + 60
        with pytest.raises(Unavailable):
            door.identity("opaque")
        site.down, site.now = False, site.now + PAUSE_SECONDS
        assert door.identity("opaque").id == "ada"
        assert door.identity("new").id == "ada"

    def test_it_is_left_alone_for_a_moment(self) -> None:
        site = Site(down=True)
        door = site.door()
        for number in range(10):
            with pytest.raises(Unavailable):
                door.identity(f"token{number}")
            with pytest.raises(NotAccepted):
                door.identity("no token")
        assert len(site.asked) == 1

    def test_an_answer_with_a_fault_about_one_token_stops_no_other(self) -> None:
        site = Site(known={"opaque": ACTIVE, "odd": b"<html>"})
        door = site.door()
        with pytest.raises(Unavailable):
            door.identity("odd")
        assert door.identity("opaque").id == "ada"

    def test_its_refusal_of_us_names_what_to_check_and_no_secret(self, caplog: pytest.LogCaptureFixture) -> None:
        with introspecting() as server:
            door = real(server, SECRET="wrong")
            with pytest.raises(Unavailable, match="ARCOPS_OIDC_INTROSPECTION_CLIENT") as refused:
                door.identity("opaque-token")
        assert "opaque-token" not in str(refused.value) + caplog.text
        assert "wrong" not in str(refused.value) + caplog.text
        assert "cannot be checked" in caplog.text


class TestManyAtOnce:
    def test_one_token_is_asked_about_once_however_many_show_it(self) -> None:
        site = Site(hold=threading.Event())
        door = site.door()
        found = Together([lambda: door.identity("opaque").id] * 12)
        assert door.opaque is not None
        waiting = door.opaque
        until(lambda: waiting._waiting == 11, "all but one wait")
        assert site.hold is not None
        site.hold.set()
        assert found.end() == ["ada"] * 12
        assert site.asked == ["opaque"]
        assert (waiting._waiting, waiting._questions) == (0, {})

    def test_they_all_hear_a_refusal_or_that_nothing_came(self) -> None:
        for down, kind in ((False, NotAccepted), (True, Unavailable)):
            site = Site(known={}, down=down, hold=threading.Event())
            door = site.door()
            found = Together([lambda door=door: door.identity("opaque").id] * 4)  # type: ignore[misc]
            opaque = door.opaque
            assert opaque is not None
            until(lambda opaque=opaque: opaque._waiting == 3, "all but one wait")  # type: ignore[misc]
            assert site.hold is not None
            site.hold.set()
            errors = found.end()
            assert all(isinstance(one, kind) for one in errors)
            assert len(set(map(id, errors))) == 4, "each has its own"

    def test_questions_and_those_who_wait_are_bounded(self) -> None:
        site = Site(hold=threading.Event(), known={})
        door = site.door()
        opaque = door.opaque
        assert opaque is not None
        asking = Together([lambda number=number: door.identity(f"t{number}") for number in range(MOST_ASKED)])  # type: ignore[misc]
        until(lambda: len(opaque._questions) == MOST_ASKED, "the questions are put")
        with pytest.raises(Unavailable, match="too many tokens"):
            door.identity("onemore")
        waiting = Together([lambda: door.identity("t0")] * MOST_WAITING)
        until(lambda: opaque._waiting == MOST_WAITING, "they wait")
        with pytest.raises(Unavailable, match="too many callers"):
            door.identity("t1")
        assert site.hold is not None
        site.hold.set()
        assert all(isinstance(one, NotAccepted) for one in asking.end() + waiting.end())

    def test_a_fault_of_ours_leaves_no_one_waiting(self) -> None:
        def broken(token: str) -> Any:
            raise ZeroDivisionError(token)

        asked = Asked(issuer=ISSUER, ask=broken, now=lambda: NOW)
        for _ in range(2 * MOST_ASKED):
            with pytest.raises(ZeroDivisionError):
                asked.accepted("x", b"x")
        assert not asked._questions


class Together:
    """Calls in threads of their own; the results and the errors, in order."""

    def __init__(self, calls: list[Callable[[], Any]]) -> None:
        self.found: list[Any] = [None] * len(calls)

        def call(number: int, one: Callable[[], Any]) -> None:
            try:
                self.found[number] = one()
            except ArcOpsError as error:
                self.found[number] = error

        self.threads = [threading.Thread(target=call, args=pair, daemon=True) for pair in enumerate(calls)]
        for thread in self.threads:
            thread.start()

    def end(self) -> list[Any]:
        for thread in self.threads:
            thread.join()
        return self.found


def real(server: Server, **more: str) -> Accepting:
    own = {"ARCOPS_OIDC_ISSUER": server.url, **ASKS, "ARCOPS_OIDC_INTROSPECTION": "yes", **more}
    return read_accepting(own, Tier.AIR_GAPPED, AUDIENCE, now=lambda: NOW, fetch=fetched, post=posted)


class TestOverTheWire:
    @pytest.mark.parametrize("methods", [None, ["client_secret_basic", "client_secret_post"], ["client_secret_post"]])
    def test_a_server_that_knows_us(self, methods: list[str] | None) -> None:
        with introspecting() as server:
            server.methods, server.known = methods, {"an+odd/token=": {**ACTIVE, "iss": server.url}}
            door = real(server)
            assert door.identity("an+odd/token=").issuer == server.url
            with pytest.raises(NotAccepted):
                door.identity("other")
            server.status = 500
            with pytest.raises(Unavailable, match="answers 500"):
                door.identity("third")
            assert server.asked == ["an+odd/token=", "other", "third"]

    def test_a_server_that_takes_nothing_that_we_can_say(self) -> None:
        with introspecting() as server:
            server.methods = ["private_key_jwt"]
            with pytest.raises(Unavailable, match="neither client_secret_basic"):
                real(server).identity("opaque")

    def test_the_answer_is_bounded_and_nothing_is_followed(self) -> None:
        asked: list[bytes] = []
        large = b"HTTP/1.1 200 OK\r\n\r\n" + b" " * (MOST_ANSWER + 1)
        with answering(lambda _: large, asked) as url, pytest.raises(Unavailable, match="more than"):
            posted(url, Tier.AIR_GAPPED, {"token": "x"}, {})
        away = b"HTTP/1.1 307 Elsewhere\r\nLocation: /keys\r\nContent-Length: 0\r\n\r\n"
        with answering(lambda _: away, asked) as url, pytest.raises(Unavailable, match="307"):
            posted(url, Tier.AIR_GAPPED, {"token": "x"}, {})
        assert len(asked) == 2
        slow = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n{"
        with answering(lambda _: slow, [], hold=True) as url, pytest.raises(NoAnswer):
            posted(url, Tier.AIR_GAPPED, {"token": "x"}, {}, seconds=0.2)

    def test_credentials_are_encoded_as_the_protocol_says(self) -> None:
        found: list[str] = []

        def post(_url: str, _tier: Tier, form: Mapping[str, str], headers: Mapping[str, str], /) -> bytes:
            found.append(base64.b64decode(headers["Authorization"].removeprefix("Basic ")).decode())
            assert "client_secret" not in form
            return said()

        own = {"ARCOPS_OIDC_ISSUER": NAME, "ARCOPS_OIDC_JWKS": f"{NAME}/keys", **ASKS}
        read_accepting(own, Tier.RESTRICTED, AUDIENCE, now=lambda: NOW, fetch=Site().fetch, post=post).identity("opaque")
        assert found == ["arcops%3Aresource:s%25cret%2Bwith%2Fodd+chars"]


class TestSettings:
    def read(self, tier: Tier = Tier.RESTRICTED, **more: str) -> tuple[Issuer, ...]:
        return read_issuers({"ARCOPS_OIDC_ISSUER": NAME, **ASKS, **more}, tier, AUDIENCE)

    def test_one_of_several(self) -> None:
        one, two = self.read(
            ARCOPS_OIDC_ISSUER=f"{NAME} {OTHER}",
            ARCOPS_OIDC_INTROSPECTION="- yes",
            ARCOPS_OIDC_INTROSPECTION_SECONDS="30",
        )
        assert one.introspected is None
        assert two.introspected == Introspected(endpoint="", client=CLIENT, secret="env:SECRET", seconds=30)
        (alone,) = self.read()
        assert alone.introspected is not None
        assert alone.introspected.seconds == 60

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            ({"ARCOPS_OIDC_ISSUER": f"{NAME} {OTHER}", "ARCOPS_OIDC_INTROSPECTION": "yes yes"}, "does not say which of them"),
            ({"ARCOPS_OIDC_ISSUER": f"{NAME} {OTHER}", "ARCOPS_OIDC_INTROSPECTION": "yes"}, "1 values for 2 issuers"),
            ({"ARCOPS_OIDC_INTROSPECTION": ""}, "set without ARCOPS_OIDC_INTROSPECTION"),
            ({"ARCOPS_OIDC_INTROSPECTION": "perhaps"}, "use yes, no, or the address"),
            ({"ARCOPS_OIDC_INTROSPECTION": "http://login.example/introspect"}, "without TLS"),
            ({"ARCOPS_OIDC_INTROSPECTION": "https://a:b@login.example/introspect"}, "not a plain http URL"),
            ({"ARCOPS_OIDC_INTROSPECTION_CLIENT": ""}, "ARCOPS_OIDC_INTROSPECTION_CLIENT"),
            ({"ARCOPS_OIDC_INTROSPECTION_SECRET": ""}, "ARCOPS_OIDC_INTROSPECTION_SECRET"),
            ({"ARCOPS_OIDC_INTROSPECTION_SECONDS": "0"}, "from 1 to 600"),
            ({"ARCOPS_OIDC_INTROSPECTION_SECONDS": "601"}, "from 1 to 600"),
            ({"ARCOPS_OIDC_INTROSPECTION_SECONDS": "1.5"}, "from 1 to 600"),
            ({"ARCOPS_OIDC_ISSUER": ""}, "without ARCOPS_OIDC_ISSUER"),
            ({"ARCOPS_OIDC_ISSUER": "corp", "ARCOPS_OIDC_JWKS": "k.json", "ARCOPS_OIDC_INTROSPECTION": "yes"}, "not a URL"),
        ],
    )
    def test_what_is_not_clear_is_refused_at_the_start(self, change: dict[str, str], why: str) -> None:
        with pytest.raises(Refused, match=why) as refused:
            self.read(**change)
        assert SECRET not in str(refused.value)

    def test_what_the_tier_does_not_reach(self) -> None:
        with pytest.raises(Refused, match="does not reach"):
            self.read(Tier.AIR_GAPPED, ARCOPS_OIDC_JWKS="k.json")

    def test_a_secret_that_is_not_there_stops_the_start(self, tmp_path: Path) -> None:
        for reference in ("env:NOT_SET", f"file:{tmp_path}/none", "what"):
            with pytest.raises(Refused):
                Site().door(ARCOPS_OIDC_INTROSPECTION_SECRET=reference)

    def test_a_secret_that_was_replaced_counts_with_the_next_question(self, tmp_path: Path) -> None:
        file = tmp_path / "secret"
        file.write_text("old")
        file.chmod(0o600)
        with introspecting() as server:
            server.known = {"opaque": {**ACTIVE, "iss": server.url}}
            door = real(server, ARCOPS_OIDC_INTROSPECTION_SECRET=f"file:{file}")
            with pytest.raises(Unavailable):
                door.identity("opaque")
            file.write_text(SECRET)
            assert door.identity("opaque").id == "ada"
            file.unlink()
            with pytest.raises(Unavailable, match="cannot be read") as refused:
                door.identity("other")
            assert str(file) not in str(refused.value)
