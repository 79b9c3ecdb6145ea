"""Tokens of a cluster's service accounts: its API server says whose they are, for this audience, until they are old."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.identity import Identity
from arcops.tier import Tier
from foundation.claims import NotAccepted
from foundation.egress.cluster import NotGiven
from foundation.identity.accepting import Accepting, read_accepting
from foundation.identity.issuers import Issuer, Reviewed, read_issuers
from foundation.identity.reviewing import judged, poster
from foundation.issuing import MOST_ANSWER, NoAnswer
from tests.foundation.test_introspection import Together
from tests.foundation.test_tokens import AUDIENCE, KEY, NOW, signed, without
from tests.simulators.token_reviews import Cluster, reviewing

pytestmark = pytest.mark.requirement("ARC-3/callers-are-identified", "BASE-2/tokens-are-bound-to-the-audience")

CLUSTER = "https://kubernetes.default.svc.cluster.local"
UID, ACCOUNT = "8d1bd4c1-2b3f-4c5e-9a7d-0f1e2d3c4b5a", "system:serviceaccount:team:runner"
USER: dict[str, Any] = {
    "username": ACCOUNT, "uid": UID,
    "groups": ["system:serviceaccounts", "system:serviceaccounts:team", "system:authenticated"],
    "extra": {"authentication.kubernetes.io/pod-name": ["runner-0"]},
}  # fmt: skip
CLAIMS: dict[str, Any] = {
    "iss": CLUSTER, "sub": ACCOUNT, "aud": [AUDIENCE], "iat": NOW - 5, "nbf": NOW - 5, "exp": NOW + 3600, "jti": "t7",
    "kubernetes.io": {"namespace": "team", "serviceaccount": {"name": "runner", "uid": UID}},
}  # fmt: skip
ISSUER = Issuer(
    name=CLUSTER, audience=AUDIENCE, keys="", tier=Tier.RESTRICTED, reviewed=Reviewed(server="https://api.example:6443")
)


def token(change: Mapping[str, Any] = {}) -> str:
    return signed({"alg": "ES256", "kid": "one"}, without({**CLAIMS, **change}), KEY)


def review(change: Mapping[str, Any] = {}, user: Mapping[str, Any] = {}, **whole: Any) -> bytes:
    status = without({"authenticated": True, "user": without({**USER, **user}), "audiences": [AUDIENCE], **change})
    return json.dumps({"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "status": status, **whole}).encode()


class Site:
    """A cluster that is asked without a connection, and a clock."""

    def __init__(self) -> None:
        self.now = NOW
        self.asked: list[dict[str, Any]] = []
        self.says: bytes | Exception = review()

    def post(self, reviewed: Reviewed, tier: Tier, body: Mapping[str, object], /) -> bytes:
        self.asked.append(dict(body))
        if isinstance(self.says, Exception):
            raise self.says
        return self.says

    def door(self) -> Accepting:
        own = {
            "ARCOPS_OIDC_ISSUER": CLUSTER, "ARCOPS_OIDC_REVIEW": "https://api.example:6443",
            "ARCOPS_OIDC_REVIEW_TOKEN": "env:T", "ARCOPS_OIDC_REVIEW_AUTHORITY": "/ca.crt",
        }  # fmt: skip
        return read_accepting(own, Tier.RESTRICTED, AUDIENCE, now=lambda: self.now, fetch=_nothing, review=self.post)


def _nothing(url: str, tier: Tier) -> bytes:
    raise AssertionError(url)


class TestTheAnswer:
    def test_the_caller_is_the_accounts_uid_and_its_groups_are_roles(self) -> None:
        found = judged(review(), CLAIMS, ISSUER, NOW)
        assert found.identity == Identity(issuer=CLUSTER, tenant="", id=UID, roles=frozenset(USER["groups"]))
        assert (found.until, found.issued, found.id) == (NOW + 60, NOW - 5, "t7")
        assert judged(review(), {**CLAIMS, "exp": NOW + 7}, ISSUER, NOW).until == NOW + 7
        assert judged(review(user={"groups": None}), CLAIMS, ISSUER, NOW).identity.roles == frozenset()

    @pytest.mark.parametrize(
        ("change", "user"),
        [
            ({"authenticated": False}, {}), ({"authenticated": None}, {}), ({"error": "expired"}, {}),
            ({"audiences": None}, {}), ({"audiences": []}, {}), ({"audiences": ["https://kubernetes.default.svc"]}, {}),
            ({"audiences": AUDIENCE}, {}), ({"audiences": {AUDIENCE: 1}}, {}), ({"audiences": [f"{AUDIENCE}/"]}, {}),
            ({"user": None}, {}), ({"user": [USER]}, {}),
            ({}, {"username": None}), ({}, {"username": "admin"}), ({}, {"username": "system:serviceaccount:team:other"}),
            ({}, {"username": "system:serviceaccount:team"}), ({}, {"username": 5}), ({}, {"username": f"{ACCOUNT}\n"}),
            ({}, {"uid": None}), ({}, {"uid": ""}), ({}, {"uid": 5}), ({}, {"uid": "a\n"}), ({}, {"uid": "a" * 256}),
        ],
    )  # fmt: skip
    def test_a_review_that_does_not_say_so(self, change: dict[str, Any], user: dict[str, Any]) -> None:
        """Mutation of each field: one that is missing, of another type, or of another account."""
        with pytest.raises(NotAccepted):
            judged(review(change, user), CLAIMS, ISSUER, NOW)

    @pytest.mark.parametrize(
        "answer",
        [
            b"", b"{}", b"[]", b"\xff", review(kind="Status"), review(apiVersion="authentication.k8s.io/v1beta1"),
            review(status=None), review(status=[]), review({"authenticated": "true"}), review({"authenticated": 1}),
            review()[:-1] + b', "status": {}}',
        ],
    )  # fmt: skip
    def test_what_is_no_review_accepts_no_one(self, answer: bytes) -> None:
        with pytest.raises(Unavailable):
            judged(answer, CLAIMS, ISSUER, NOW)

    @given(
        change=st.dictionaries(
            st.sampled_from(["authenticated", "user", "audiences", "error"]),
            st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.lists(st.text(max_size=5)) | st.just(USER),
        )
    )
    def test_any_review_names_this_account_or_is_refused(self, change: dict[str, Any]) -> None:
        with suppress(ArcOpsError):
            assert judged(review(change), CLAIMS, ISSUER, NOW).identity.id == UID


class TestAtTheDoor:
    def test_it_is_asked_once_for_this_audience(self) -> None:
        site = Site()
        door = site.door()
        for _ in range(3):
            assert door.identity(TOKEN).id == UID
        (asked,) = site.asked
        assert asked["spec"] == {"token": TOKEN, "audiences": [AUDIENCE]}
        site.now = NOW + 60
        site.says = review({"authenticated": False})
        with pytest.raises(NotAccepted):
            door.identity(TOKEN)

    @pytest.mark.parametrize(
        "change",
        [
            {"aud": ["https://kubernetes.default.svc"]}, {"aud": None}, {"exp": NOW - 31}, {"exp": None}, {"sub": None},
            {"nbf": NOW + 60}, {"exp": NOW + 31 * 3600}, {"iss": f"{CLUSTER}/"}, {"cnf": {"jkt": "x"}},
        ],
    )  # fmt: skip
    def test_what_cannot_count_is_not_asked_about(self, change: dict[str, Any]) -> None:
        site = Site()
        with pytest.raises(NotAccepted):
            site.door().identity(token(change))
        assert site.asked == []

    def test_a_server_that_does_not_answer_or_does_not_let_us_ask(self, caplog: pytest.LogCaptureFixture) -> None:
        for error, said in (
            (NoAnswer("no answer"), "no answer"),
            (NotGiven(403, "Forbidden"), "system:auth-delegator"),
            (NotGiven(500, "Internal"), "answers 500"),
        ):
            site = Site()
            site.says = error
            with pytest.raises(Unavailable, match=said):
                site.door().identity(token())
        assert token() not in caplog.text
        assert "cannot be checked" in caplog.text

    def test_it_is_forgotten_and_asked_about_once_at_a_time(self) -> None:
        site = Site()
        door = site.door()
        text = token()
        found = Together([lambda: door.identity(text)] * 4).end()
        assert len(set(found)) == 1
        assert len(site.asked) == 1
        assert door.forget(found[0]) == 1
        door.identity(text)
        assert len(site.asked) == 2


class TestOverTheWire:
    @pytest.fixture
    def cluster(self, tmp_path: Path) -> Any:
        with reviewing(tmp_path) as cluster:
            cluster.accounts[TOKEN] = USER
            yield cluster

    def door(self, cluster: Cluster, **more: str) -> Accepting:
        own = {
            "ARCOPS_OIDC_ISSUER": CLUSTER, "ARCOPS_OIDC_REVIEW": cluster.url, "ARCOPS_OIDC_REVIEW_TOKEN": "env:ASKS",
            "ARCOPS_OIDC_REVIEW_AUTHORITY": str(cluster.authority), "ASKS": cluster.asks, **more,
        }  # fmt: skip
        return read_accepting(own, Tier.RESTRICTED, AUDIENCE, now=lambda: NOW, fetch=_nothing)

    def test_a_cluster_says_whose_it_is(self, cluster: Cluster) -> None:
        door = self.door(cluster)
        assert door.identity(TOKEN).id == UID
        with pytest.raises(NotAccepted, match="not authentic"):
            door.identity(token({"jti": "another"}))
        assert [one["apiVersion"] for one in cluster.reviews] == ["authentication.k8s.io/v1"] * 2

    def test_a_server_that_knows_no_audiences_checked_none(self, cluster: Cluster) -> None:
        cluster.audiences = []
        with pytest.raises(NotAccepted, match="did not check"):
            self.door(cluster).identity(TOKEN)

    def test_it_must_let_us_ask_and_leads_nowhere(self, cluster: Cluster) -> None:
        with pytest.raises(Unavailable, match="answers 403"):
            self.door(cluster, ASKS="wrong").identity(TOKEN)
        cluster.location = f"{cluster.url}/elsewhere"
        with pytest.raises(Unavailable):
            self.door(cluster).identity(TOKEN)
        assert cluster.reviews == []

    def test_its_answer_is_bounded(self, cluster: Cluster) -> None:
        cluster.answer = b" " * (MOST_ANSWER + 1)
        with pytest.raises(Unavailable, match="more than"):
            self.door(cluster).identity(TOKEN)

    def test_it_must_be_the_cluster(self, cluster: Cluster, tmp_path: Path) -> None:
        other = tmp_path / "other"
        other.mkdir()
        with reviewing(other) as another, pytest.raises(Unavailable, match="does not answer"):
            self.door(another, ARCOPS_OIDC_REVIEW_AUTHORITY=str(cluster.authority)).identity(TOKEN)

    def test_from_a_pod_with_a_token_that_is_replaced(self, cluster: Cluster, tmp_path: Path) -> None:
        pod = tmp_path / "pod"
        pod.mkdir()
        (pod / "ca.crt").write_bytes(cluster.authority.read_bytes())
        (pod / "token").write_text("old\n")
        host, _, port = cluster.url.removeprefix("https://").partition(":")
        post = poster({"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": port}, pod)
        own = {"ARCOPS_OIDC_ISSUER": CLUSTER, "ARCOPS_OIDC_REVIEW": "in-cluster"}
        door = read_accepting(own, Tier.RESTRICTED, AUDIENCE, now=lambda: NOW, fetch=_nothing, review=post)
        with pytest.raises(Unavailable):
            door.identity(TOKEN)
        (pod / "token").write_text(f"{cluster.asks}\n")
        assert door.identity(TOKEN).id == UID


TOKEN = token()


class TestSettings:
    def read(self, tier: Tier = Tier.RESTRICTED, **more: str) -> tuple[Issuer, ...]:
        own = {f"ARCOPS_OIDC_{name}": value for name, value in {"ISSUER": CLUSTER, **more}.items()}
        return read_issuers(own, tier, AUDIENCE)

    def test_beside_other_issuers(self) -> None:
        one, two = self.read(ISSUER=f"https://login.example {CLUSTER}", REVIEW="- in-cluster")
        assert one.reviewed is None
        assert two.reviewed == Reviewed(server="")
        (alone,) = self.read(REVIEW="https://api.example:6443/", REVIEW_TOKEN="file:/t", REVIEW_AUTHORITY="/ca.crt")
        assert alone.reviewed == Reviewed(server="https://api.example:6443", token="file:/t", authority="/ca.crt")

    @pytest.mark.parametrize(
        ("more", "why"),
        [
            ({"REVIEW": "https://api.example"}, "how to ask"),
            ({"REVIEW": "https://api.example", "REVIEW_TOKEN": "env:T", "REVIEW_AUTHORITY": "ca.crt"}, "absolute path"),
            ({"REVIEW": "http://api.example", "REVIEW_TOKEN": "env:T", "REVIEW_AUTHORITY": "/ca.crt"}, "use in-cluster"),
            ({"REVIEW": "https://a:b@api.example", "REVIEW_TOKEN": "env:T", "REVIEW_AUTHORITY": "/ca.crt"}, "plain http URL"),
            ({"REVIEW": "yes"}, "use in-cluster"),
            ({"REVIEW": "in-cluster", "JWKS": "/k.json"}, "one of them says how"),
            ({"REVIEW_TOKEN": "env:T"}, "without ARCOPS_OIDC_REVIEW"),
            ({"ISSUER": "", "REVIEW": "in-cluster"}, "without ARCOPS_OIDC_ISSUER"),
        ],
    )
    def test_what_is_not_clear_is_refused_at_the_start(self, more: dict[str, str], why: str) -> None:
        with pytest.raises(Refused, match=why):
            self.read(**more)

    def test_an_air_gapped_place_asks_no_cluster(self) -> None:
        with pytest.raises(Refused, match="air-gapped"):
            self.read(Tier.AIR_GAPPED, REVIEW="in-cluster")

    def test_what_is_not_there_stops_the_start(self, tmp_path: Path) -> None:
        (tmp_path / "empty").write_text("")
        for more in (
            {"ARCOPS_OIDC_REVIEW": "in-cluster"},
            {"ARCOPS_OIDC_REVIEW_AUTHORITY": str(tmp_path / "none")},
            {"ARCOPS_OIDC_REVIEW_AUTHORITY": str(tmp_path / "empty")},
            {"ARCOPS_OIDC_REVIEW_TOKEN": "env:NONE"},
        ):
            own = {
                "ARCOPS_OIDC_ISSUER": CLUSTER, "ARCOPS_OIDC_REVIEW": "https://127.0.0.1:1", "T": "t",
                "ARCOPS_OIDC_REVIEW_TOKEN": "env:T", "ARCOPS_OIDC_REVIEW_AUTHORITY": str(tmp_path / "empty"), **more,
            }  # fmt: skip
            with pytest.raises(Refused):
                read_accepting(own, Tier.RESTRICTED, AUDIENCE, now=lambda: NOW, fetch=_nothing)
