"""TLS to an inference endpoint: a server that it does not trust gets no data and never the key, and the reason is kept."""

from __future__ import annotations

import socket
import threading
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from arcops.endpoint import Endpoint, Load
from arcops.errors import Refused
from arcops.evidence import Seen
from arcops.roots import Roots
from arcops.seen.inference import Fault, Inference, Listing
from tasks.inference.inference import inference
from tests.certificates import Authority
from tests.evidence import NOW
from tests.simulators.openai_api import Plan, serving
from tests.tasks.test_inference import request

pytestmark = pytest.mark.requirement("ARC-C3/the-connection-is-private")

PLAN = Plan(first=0.005, gap=0.001)
KEY = "very-secret"


@dataclass(frozen=True)
class Site:
    """Our authority, another one, and the files of both, as an operator would keep them."""

    folder: Path
    ours: Authority
    other: Authority

    def file(self, authority: Authority) -> str:
        path = self.folder / ("ours.pem" if authority is self.ours else "other.pem")
        path.write_bytes(authority.pem)
        return str(path)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv("MODEL_KEY", KEY)
    return Site(folder=tmp_path, ours=Authority.new(), other=Authority.new())


def asked(url: str, authorities: str, patience: int = 5_000_000, within: Roots = None) -> Inference:
    load = Load(url=url, models=("a",), each=2, concurrencies=(1,), rates=(), tokens=4, patience=patience)
    endpoint = Endpoint(load=load, key="env:MODEL_KEY", authorities=authorities)
    return inference.look(replace(request(load, endpoint=endpoint), within=within), Seen({}, at=NOW, subject_name="")).body


def faults(body: Inference) -> set[Fault | None]:
    return {shot.fault for run in body.runs for shot in run.shots}


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_a_certificate_of_the_site_s_authority_is_trusted_and_only_then_the_key_is_sent(site: Site, host: str) -> None:
    with serving(tls=site.ours.issue(host, site.folder), a=PLAN) as api:
        body = asked(api.url.replace("127.0.0.1", host), site.file(site.ours))
    assert faults(body) == {None}
    assert body.listed == ("a",)
    assert {one["Authorization"] for one in api.headers} == {f"Bearer {KEY}"}


@pytest.mark.parametrize(
    ("authority", "host", "ended", "said"),
    [
        ("other", "127.0.0.1", False, "certificate"),
        ("system", "127.0.0.1", False, "certificate"),
        ("ours", "127.0.0.1", True, "certificate has expired"),
        ("ours", "elsewhere.example", False, "mismatch"),
    ],
    ids=["another authority", "the system's authorities", "expired", "another name"],
)
def test_a_certificate_that_is_not_trusted_ends_it_before_the_key_is_sent(
    site: Site, authority: str, host: str, ended: bool, said: str
) -> None:
    authorities = {"ours": site.file(site.ours), "other": site.file(site.other), "system": ""}[authority]
    with serving(tls=site.ours.issue(host, site.folder, ended=ended), a=PLAN) as api:
        body = asked(api.url, authorities)
    assert faults(body) == {Fault.UNTRUSTED}
    assert body.listing is Listing.NONE
    assert all(said in shot.said for run in body.runs for shot in run.shots)
    assert said in body.listing_said
    assert not api.headers
    assert not api.seen


def test_a_server_without_tls_gets_no_word_of_the_key(site: Site) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:
        done = threading.Event()

        def hear() -> None:
            while not done.is_set():
                connection, _ = listener.accept()
                with connection:
                    heard.append(connection.recv(65536))
                    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=hear, daemon=True)
        thread.start()
        port = listener.getsockname()[1]
        body = asked(f"https://127.0.0.1:{port}", site.file(site.ours))
        done.set()
        socket.create_connection(("127.0.0.1", port)).close()
        thread.join(timeout=10)
    assert faults(body) == {Fault.CONNECT}
    assert len(heard) > 3
    assert not any(KEY.encode() in one or b"HTTP" in one for one in heard)


def test_authorities_that_are_none_are_refused(site: Site) -> None:
    broken = site.folder / "broken.pem"
    broken.write_text("no certificate")
    for path in (broken, site.folder / "absent.pem"):
        with pytest.raises(Refused, match=r"authorities (holds no readable certificates|does not exist)"):
            asked("https://127.0.0.1:1", str(path))
