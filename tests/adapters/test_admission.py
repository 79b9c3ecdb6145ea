"""The admission webhook, asked over TLS as an API server asks: by its service's name, with AdmissionReviews good and bad."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from starlette.applications import Starlette

from adapters.admission import app as admission_app
from adapters.admission.app import MOST_BYTES, routes
from arcops.errors import Unavailable
from artifacts.index import Filter
from artifacts.store import Store
from flows.place import Place
from tests.adapters.test_admit import deployment
from tests.certificates import Authority
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement("ARC-D2/the-webhook-is-narrow", "ARC-D2/admission-needs-a-green-artifact")

NAME = "arcops-admission.arcops-system.svc"


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


@dataclass(frozen=True, kw_only=True)
class Webhook:
    """``authority`` is what an API server was told to trust in ``caBundle``."""

    port: int
    authority: Authority

    def connect(self) -> HTTPConnection:
        context = ssl.create_default_context(cadata=self.authority.pem.decode())
        connection = HTTPConnection("127.0.0.1", self.port, timeout=600)
        connection.sock = context.wrap_socket(
            socket.create_connection(("127.0.0.1", self.port), timeout=600), server_hostname=NAME
        )
        return connection

    def post(
        self, body: bytes, kind: str = "application/json", path: str = "/admit", method: str = "POST"
    ) -> tuple[int, bytes]:
        connection = self.connect()
        try:
            headers = {"Host": f"{NAME}:443", **({"Content-Type": kind} if kind else {})}
            connection.request(method, path, body, headers)
            response: HTTPResponse = connection.getresponse()
            return response.status, response.read()
        finally:
            connection.close()

    def ask(self, review: object) -> dict[str, Any]:
        status, said = self.post(review if isinstance(review, bytes) else json.dumps(review).encode())
        assert status == 200, said
        document = json.loads(said)
        assert (document["apiVersion"], document["kind"]) == ("admission.k8s.io/v1", "AdmissionReview")
        response: dict[str, Any] = document["response"]
        return response


def review(*models: str, **request: object) -> dict[str, Any]:
    return {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": "705ab4f5-6393-11e8-b7cc-42010a800002",
            "kind": {"group": "apps", "version": "v1", "kind": "Deployment"},
            "operation": "CREATE",
            "namespace": "shop",
            "name": "search",
            "object": json.loads(deployment(*models)),
            **request,
        },
    }


@contextmanager
def serving(place: Callable[[], Place], folder: Path, *, deadline: float = 8.0, policy: str = "admission") -> Iterator[Webhook]:
    authority = Authority.new()
    certificate, key = authority.issue(NAME, folder)
    config = uvicorn.Config(
        Starlette(routes=routes(place, policy=policy, deadline=deadline)),
        host="127.0.0.1", port=0, http="h11", log_config=None,
        ssl_certfile=str(certificate), ssl_keyfile=str(key), lifespan="off",
    )  # fmt: skip
    listening = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
    thread.start()
    try:
        yield Webhook(port=listening.getsockname()[1], authority=authority)
    finally:
        server.should_exit = True
        thread.join(timeout=20)
        listening.close()
        assert not thread.is_alive()


@pytest.fixture(scope="module")
def cleared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Bench, str]:
    """A bench whose store clears one model, and the model's digest."""
    here = bench(tmp_path_factory.mktemp("bench"))
    model = good_model(here, now=now())
    return here, str(here.check(model, now=now()).report.subject.digests[0])


@pytest.fixture(scope="module")
def webhook(cleared: tuple[Bench, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Webhook]:
    here = cleared[0]
    with serving(lambda: here.place(now=now()), tmp_path_factory.mktemp("tls"), policy=str(here.admission)) as found:
        yield found


class TestDecisions:
    def test_a_cleared_model_is_let_in(self, webhook: Webhook, cleared: tuple[Bench, str]) -> None:
        asked = review(cleared[1])
        assert webhook.ask(asked) == {"uid": asked["request"]["uid"], "allowed": True}

    @pytest.mark.parametrize("models", [(), ("latest",), (f"sha256:{'0' * 64}",)])
    def test_what_names_no_cleared_model_is_not(self, webhook: Webhook, models: tuple[str, ...]) -> None:
        said = webhook.ask(review(*models))
        assert said["allowed"] is False
        assert said["status"]["code"] == 403
        assert said["status"]["message"].startswith("arcops: ")
        assert "/tmp" not in said["status"]["message"]

    def test_the_decision_is_kept_under_the_workloads_name(self, webhook: Webhook, cleared: tuple[Bench, str]) -> None:
        webhook.ask(review(cleared[1], name="kept"))
        with Store(cleared[0].settings.store) as store:
            assert len(store.list(Filter(subject="Deployment.shop.kept"))) == 1

    @pytest.mark.parametrize("name", ["../../x", "a/b", "x\n", "", "\u202e", 7, None])
    def test_a_name_that_no_file_should_have_is_not_used(
        self, webhook: Webhook, cleared: tuple[Bench, str], name: object
    ) -> None:
        assert webhook.ask(review(cleared[1], name=name))["allowed"] is True

    def test_many_at_once_are_all_answered_with_their_own_uid(self, webhook: Webhook, cleared: tuple[Bench, str]) -> None:
        asked = [review(*((cleared[1],) if number % 2 else ()), uid=f"uid-{number}") for number in range(16)]
        with ThreadPoolExecutor(max_workers=16) as pool:
            said = list(pool.map(webhook.ask, asked))
        assert [(one["uid"], one["allowed"]) for one in said] == [(f"uid-{number}", number % 2 == 1) for number in range(16)]


class TestBadInput:
    @pytest.mark.parametrize(
        "kind", ["", "text/plain", "application/yaml", "application/x-www-form-urlencoded", "application/jsonx"]
    )
    def test_another_content_type(self, webhook: Webhook, cleared: tuple[Bench, str], kind: str) -> None:
        assert webhook.post(json.dumps(review(cleared[1])).encode(), kind)[0] == 415

    def test_the_content_type_may_have_parameters(self, webhook: Webhook, cleared: tuple[Bench, str]) -> None:
        assert webhook.post(json.dumps(review(cleared[1])).encode(), "Application/JSON; charset=utf-8")[0] == 200

    @pytest.mark.parametrize(
        "body",
        [
            b"", b"{", b"null", b"[]", b'"x"', b"\xff\xfe", b"kind: AdmissionReview", b"[" * 100_000, b'{"request": {}}',
            b'{"request": {"uid": 7}}', b'{"request": {"uid": ""}}', b'{"request": {"uid": "a\\u0000b"}}',
            b'{"request": {"uid": "a"}, "request": {"uid": "b"}}', b'{"request": {"uid": "' + b"x" * 1000 + b'"}}',
            b'{"request": {"uid": "a\\ud800"}}', b'{"request": {"uid": "a", "object": {"kind": "\\udfff"}}}', b'\xef\xbb\xbf{}',
        ],
    )  # fmt: skip
    def test_what_has_no_uid_is_no_review(self, webhook: Webhook, body: bytes) -> None:
        status, said = webhook.post(body)
        assert status == 400
        assert len(said) < 500
        assert b"Traceback" not in said

    @pytest.mark.parametrize(
        "change",
        [
            {"apiVersion": "admission.k8s.io/v1beta1"},
            {"kind": "ConversionReview"},
            {"kind": None},
            {"request": {"uid": "u"}},
            {"request": {"uid": "u", "object": None, "operation": "DELETE"}},
            {"request": {"uid": "u", "object": []}},
            {"request": {"uid": "u", "object": {}}},
            {"request": {"uid": "u", "object": {"kind": "ConfigMap"}}},
            {"request": {"uid": "u", "object": {"kind": "Pod", "metadata": {"annotations": 7}}}},
        ],
    )
    def test_what_has_one_is_answered_no(self, webhook: Webhook, cleared: tuple[Bench, str], change: dict[str, object]) -> None:
        said = webhook.ask({**review(cleared[1], uid="u"), **change})
        assert (said["uid"], said["allowed"]) == ("u", False)
        assert said["status"]["message"].startswith("arcops: ")

    def test_a_body_that_says_it_is_too_long_is_not_read(self, webhook: Webhook) -> None:
        connection = webhook.connect()
        connection.putrequest("POST", "/admit")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(MOST_BYTES + 1))
        connection.endheaders()
        assert connection.getresponse().status == 413
        connection.close()

    def test_a_body_that_turns_out_too_long_is_cut_short(self, webhook: Webhook) -> None:
        connection = webhook.connect()
        sent = (b" " * 65536 for _ in range(MOST_BYTES // 65536 + 1))
        connection.request("POST", "/admit", sent, {"Content-Type": "application/json"}, encode_chunked=True)
        assert connection.getresponse().status == 413
        connection.close()

    def test_the_longest_body_is_read(self, webhook: Webhook, cleared: tuple[Bench, str]) -> None:
        data = json.dumps(review(cleared[1])).encode()
        assert webhook.post(data + b" " * (MOST_BYTES - len(data)))[0] == 200

    def test_other_methods_and_paths(self, webhook: Webhook) -> None:
        assert webhook.post(b"", method="GET")[0] == 405
        assert webhook.post(b"{}", path="/admit/x")[0] == 404

    def test_a_caller_who_goes_away_disturbs_no_other(self, webhook: Webhook, cleared: tuple[Bench, str]) -> None:
        for _ in range(5):
            connection = webhook.connect()
            connection.putrequest("POST", "/admit")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", "1000")
            connection.endheaders(b"{")
            connection.close()
        assert webhook.ask(review(cleared[1]))["allowed"] is True


class TestWhatCannotBeDecided:
    @pytest.mark.parametrize(
        ("error", "shown"),
        [
            (Unavailable("the store {store} cannot be used"), "the store (store) cannot be used"),
            (RuntimeError("a secret in {store}"), "RuntimeError"),
            (OSError(28, "No space left on device", "{store}"), "OSError"),
            (MemoryError(), "MemoryError"),
        ],
    )
    def test_an_error_is_no(self, cleared: tuple[Bench, str], tmp_path: Path, error: Exception, shown: str) -> None:
        here = cleared[0]
        store = str(here.settings.store)

        def signer() -> Any:
            raise type(error)(*(arg.format(store=store) if isinstance(arg, str) else arg for arg in error.args))

        def place() -> Place:
            from dataclasses import replace

            return replace(here.place(now=now()), signer=signer)

        with serving(place, tmp_path) as webhook:
            said = webhook.ask(review(cleared[1]))
        assert said["allowed"] is False
        assert said["status"]["code"] == 500
        assert shown in said["status"]["message"]
        assert store not in said["status"]["message"]
        assert "secret" not in said["status"]["message"]

    def test_a_place_that_cannot_be_had_is_no(self, cleared: tuple[Bench, str], tmp_path: Path) -> None:
        def place() -> Place:
            raise Unavailable("no settings")

        with serving(place, tmp_path) as webhook:
            assert webhook.ask(review(cleared[1]))["allowed"] is False

    def test_no_decision_in_time_is_no_and_the_work_is_told_to_stop(self, cleared: tuple[Bench, str], tmp_path: Path) -> None:
        asked, go_on = threading.Event(), threading.Event()

        def place() -> Place:
            asked.set()
            assert go_on.wait(600)
            return cleared[0].place(now=now())

        with serving(place, tmp_path, deadline=0.5) as webhook:
            said = webhook.ask(review(cleared[1]))  # the place is not there yet, and it answers
            assert asked.is_set()
            assert (said["allowed"], said["status"]["code"]) == (False, 504)
            go_on.set()

    def test_a_body_that_never_ends_is_given_up(self, cleared: tuple[Bench, str], tmp_path: Path) -> None:
        with serving(lambda: cleared[0].place(now=now()), tmp_path, deadline=0.3) as webhook:
            connection = webhook.connect()
            connection.putrequest("POST", "/admit")
            connection.putheader("Content-Type", "application/json")
            connection.putheader("Content-Length", "1000")
            connection.endheaders(b"{")
            assert connection.getresponse().status == 408
            connection.close()

    def test_more_than_can_wait_are_sent_away(
        self, cleared: tuple[Bench, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(admission_app, "_MOST_WAITING", 1)
        begun, go_on = threading.Event(), threading.Event()

        def place() -> Place:
            begun.set()
            assert go_on.wait(600)
            return cleared[0].place(now=now())

        with serving(place, tmp_path, policy=str(cleared[0].admission)) as webhook, ThreadPoolExecutor(max_workers=1) as pool:
            first = pool.submit(webhook.ask, review(cleared[1]))
            assert begun.wait(600)
            status, _ = webhook.post(json.dumps(review(cleared[1])).encode())
            go_on.set()
            assert status == 503
            assert first.result()["allowed"] is True
            assert webhook.ask(review(cleared[1]))["allowed"] is True
