"""The one way out: which tier reaches which address, and that each client asks before it opens anything."""

from __future__ import annotations

import asyncio
import socket
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.egress import cluster, spans, stream, tls, web
from foundation.egress.behind import Behind, NoAnswer
from foundation.egress.destination import Destination, NotPlain, read_destination
from foundation.egress.loopback import is_loopback
from foundation.egress.permission import Purpose, may_reach, permit_unread, permitted

pytestmark = pytest.mark.requirement("ARC-2/air-gapped-opens-no-connection", "ARC-2/only-named-hosts-are-reached")

HERE = ("localhost", "LOCALHOST", "127.0.0.1", "127.8.9.10", "[::1]", "[0:0:0:0:0:0:0:1]")
ELSEWHERE = (
    "10.0.0.7", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "8.8.8.8", "[2001:db8::1]", "[fe80::1]",
    "[fd00::1]", "example.org", "models.site", "xn--bcher-kva.example", "metadata", "[::]", "255.255.255.255",
    "0.0.0.0",  # noqa: S104  # the unspecified address, which some systems take for their own
    # What a system may take for this machine, and we do not: another reader may take it for another.
    "localhost.", "127.0.0.1.", "127.1", "2130706433", "0x7f.0.0.1", "0177.0.0.1", "127.0.0.01", "[::ffff:127.0.0.1]",
    "[::127.0.0.1]", "localhost.example.org", "127.0.0.1.example.org", "localhost-", "ip6-localhost", "localhost.localdomain",
)  # fmt: skip
MALFORMED = (
    "", "x", "localhost", "127.0.0.1:80", "//127.0.0.1", "http:127.0.0.1", "http:/127.0.0.1", "http://", "http:///x", "http://:80",
    "ftp://127.0.0.1", "file:///etc/passwd", "unix:///run/x.sock", "http+unix://%2Frun%2Fx.sock/", "unix:/run/x", "ws://127.0.0.1",
    "http://me@127.0.0.1", "http://me:secret@127.0.0.1", "http://127.0.0.1@evil.example", "http://127.0.0.1:80@evil.example",
    "http://127.0.0.1\\@evil.example", "http://evil.example\\@127.0.0.1", "http://127.0.0.1#@evil.example", "http://127.0.0.1/#a",
    "http://127.0.0.1 .evil.example", " http://127.0.0.1", "http://127.0.0.1 ", "http://127.0.0.1\n.evil.example", "\thttp://127.0.0.1",
    "http://127.0.0.1/a\tb", "http://127.0.0.1/a\rb",
    "http://127.0.0.1/a\x7fb", "http://127.0.0.1\r\nHost: evil",
    "http://127.0.0.1\0.evil.example", "http://127.0.0.1%2eevil.example", "http://%6cocalhost",
    "http://[::1", "http://::1", "http://[::1]evil.example", "http://[::1]evil.example:80/", "http://[::1%25eth0]", "http://[::1%1]",
    "http://[127.0.0.1]", "http://[localhost]", "http://[]", "http://[::g]", "http://[v1.x]", "http://127.0.0.1:", "http://127.0.0.1:0",
    "http://127.0.0.1:65536", "http://127.0.0.1:-1", "http://127.0.0.1:8 0", "http://127.0.0.1:+80", "http://127.0.0.1:80:90",
    "http://127.0.0.1:\u0661", "http://\uff11\uff12\uff17.0.0.1", "http://localh\u00f6st", "http://localhost\u3002", "http://127.0.0.1\u200b",
    "http://.localhost", "http://a,b", "http://a;b", "http://a&b", "http://a'b", 'http://a"b', "http://a<b", "http://$(x)", "http://a|b",
    f"http://127.0.0.1/{'a' * 3000}", f"http://{'a' * 300}",
)  # fmt: skip

PURPOSE = Purpose(what="ARCOPS_THING", form="use one like https://thing.example.org", instead="leave it out")


@pytest.mark.parametrize("scheme", ["http", "https", "HTTP"])
@pytest.mark.parametrize("rest", ["", ":8420", "/", "/a/b?c=d", ":1/x"])
@pytest.mark.parametrize("host", HERE)
def test_this_machine_is_reached_in_every_tier(host: str, rest: str, scheme: str) -> None:
    url = f"{scheme}://{host}{rest}"
    for tier in Tier:
        to = permitted(tier, url, PURPOSE)
        assert to.here
        assert not to.in_the_clear
        assert all(is_loopback(one) for one in to.addresses)


@pytest.mark.parametrize("host", ELSEWHERE)
def test_another_is_reached_unless_air_gapped(host: str) -> None:
    for url in (f"http://{host}", f"https://{host}:6443/x?y=z"):
        to = read_destination(url)
        assert [tier for tier in Tier if may_reach(tier, to)] == [Tier.RESTRICTED, Tier.CONNECTED]
        assert to.in_the_clear is url.startswith("http:")
        with pytest.raises(Refused) as refused:
            permitted(Tier.AIR_GAPPED, url, PURPOSE)
        said = str(refused.value)
        assert said == f"ARCOPS_THING names the host {to.host}, which the tier air-gapped does not reach; leave it out"


@pytest.mark.parametrize("url", MALFORMED)
def test_what_is_malformed_is_reached_in_no_tier(url: str) -> None:
    for tier in Tier:
        with pytest.raises(Refused, match="not a plain http URL; use one like") as refused:
            permitted(tier, url, PURPOSE)
        assert "secret" not in str(refused.value)


def test_an_address_that_no_one_read_yet_may_be_anywhere() -> None:
    assert [tier for tier in Tier if may_reach(tier, None)] == [Tier.RESTRICTED, Tier.CONNECTED]
    with pytest.raises(Refused, match="reading opens a connection, which the tier air-gapped does not allow; do not"):
        permit_unread(Tier.AIR_GAPPED, "reading", "do not")


def test_ports_and_hosts_are_read_once() -> None:
    assert read_destination("https://A.Example") == Destination(scheme="https", host="a.example", port=443)
    assert read_destination("http://[2001:DB8:0::1]:81/x") == Destination(scheme="http", host="2001:db8::1", port=81)
    assert read_destination("http://localhost").addresses == ("127.0.0.1", "::1")
    assert read_destination("https://a.example").addresses == ("a.example",)


@pytest.mark.parametrize("host", [*HERE, *ELSEWHERE, "::1", "::ffff:127.0.0.1", "::1%eth0", "", "[", "a b", "127.0.0.1/8"])
def test_what_counts_as_this_machine_is_the_same_for_those_who_listen(host: str) -> None:
    assert is_loopback(host.lower()) is (host in HERE or host == "::1")


_SIGNS = "\\@#%[]:/? \t\r\n\0\u3002\uff0e\u00ad;,'\"<>{}|^`+*!$&()=~"
_ODD = st.sampled_from([*_SIGNS, "127.0.0.1", "localhost", "::1", "evil.example", "http://"])


@given(st.text() | st.lists(_ODD, max_size=12).map("".join).map(lambda rest: f"http://{rest}"))
def test_what_passes_is_read_alike_by_every_parser(url: str) -> None:
    """Nothing malformed passes. A URL that passes has the same host for every parser; air-gapped, that is this machine."""
    try:
        to = read_destination(url)
    except NotPlain:
        for tier in Tier:
            with pytest.raises(Refused):
                permitted(tier, url, PURPOSE)
        return
    from urllib.parse import urlsplit

    import httpx2
    from urllib3.util import parse_url

    theirs, others, more = urlsplit(url), httpx2.URL(url), parse_url(url)
    if ":" not in to.host:
        assert {theirs.hostname, others.host, (more.host or "").lower()} == {to.host}
    assert is_loopback(theirs.hostname or "") is is_loopback(others.host) is is_loopback((more.host or "").lower()) is to.here
    assert (theirs.username, others.userinfo, more.auth) == (None, b"", None)
    assert {theirs.port, others.port, more.port} <= {to.port, None}
    assert may_reach(Tier.AIR_GAPPED, to) is to.here


@given(st.sampled_from(["http://127.0.0.1:80/x", "https://a.example/x", "http://[::1]/"]), st.data())
def test_one_more_odd_character_before_the_path_never_passes(url: str, data: st.DataObject) -> None:
    end = url.index("/", 8)
    at = data.draw(st.integers(0, end - 1))
    odd = data.draw(st.sampled_from("\\@#%, \t\r\n\0\u200b\u3002\uff0f;|<>^`{}\"'"))
    with pytest.raises(NotPlain):
        read_destination(url[:at] + odd + url[at:])


class TestEveryClientAsks:
    """Each of them refuses by itself, whatever its caller looked at before, and before a packet leaves."""

    @pytest.fixture(autouse=True)
    def silent(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def opened(*_: object, **__: object) -> object:
            raise AssertionError("a socket was asked for")

        monkeypatch.setattr(socket.socket, "connect", opened)
        monkeypatch.setattr(socket, "getaddrinfo", opened)

    URL = "https://far.example/x"
    OPENERS: ClassVar[dict[str, Callable[[str], object]]] = {
        "stream": lambda url: asyncio.run(stream.connected(Tier.AIR_GAPPED, read_destination(url), tls=None, limit=1024)),
        "web": lambda url: web.client(Tier.AIR_GAPPED, url, PURPOSE, seconds=1),
        "answers": lambda url: web.answers(Tier.AIR_GAPPED, url, PURPOSE, seconds=1),
        "behind": lambda url: Behind(url, seconds=1),
        "spans": lambda url: spans.exporter(Tier.AIR_GAPPED, url, PURPOSE, seconds=1),
        "cluster": lambda url: cluster.ApiServer(Tier.AIR_GAPPED, _way(url), authorization=""),
    }

    @pytest.mark.parametrize("opener", OPENERS)
    def test_another_machine_is_refused_air_gapped(self, opener: str) -> None:
        with pytest.raises(Refused, match=r"air-gapped|every tier"):
            self.OPENERS[opener](self.URL)

    @pytest.mark.parametrize("opener", OPENERS)
    def test_two_hosts_in_one_are_refused(self, opener: str) -> None:
        with pytest.raises((Refused, NotPlain)):
            self.OPENERS[opener]("https://127.0.0.1\\@far.example/x")

    def test_a_cluster_at_two_hosts_in_one_is_refused_in_every_tier(self) -> None:
        with pytest.raises(Refused, match="the server of the kubeconfig is"):
            cluster.ApiServer(Tier.CONNECTED, _way("https://127.0.0.1\\@far.example"), authorization="")

    def test_a_cluster_on_this_machine_is_one_too(self) -> None:
        with pytest.raises(Refused, match="does not allow; say --tier restricted"):
            cluster.ApiServer(Tier.AIR_GAPPED, _way("https://127.0.0.1:6443"), authorization="")


def _way(url: str) -> cluster.ClusterWay:
    return cluster.ClusterWay(server=url, tls=tls.context(""), verify=True, tls_name="", proxy="", direct=True)


class TestNoRedirect:
    """A server leads its caller nowhere: each answer is a redirect to another server, which must stay alone."""

    def test_of_http(self) -> None:
        with answering(b"") as (elsewhere, asked), answering(_to(elsewhere)) as (url, first):
            assert web.answers(Tier.AIR_GAPPED, url, PURPOSE, seconds=5) is False

            async def ask() -> int:
                async with web.client(Tier.AIR_GAPPED, url, PURPOSE, seconds=5) as client:
                    return (await client.get(url)).status_code

            assert asyncio.run(ask()) == 302
        assert (len(first), asked) == (2, [])

    def test_of_a_web_socket_behind(self) -> None:
        async def ask(url: str) -> None:
            async with Behind(url, seconds=5).socket("/x", (), [("authorization", "Basic eDp5")]):
                raise AssertionError("it was opened")

        with (
            answering(b"") as (elsewhere, asked),
            answering(_to(elsewhere)) as (url, first),
            pytest.raises(NoAnswer, match="InvalidStatus"),
        ):
            asyncio.run(ask(url))
        assert (len(first), asked) == (1, [])


def test_no_one_there_is_said_without_words_of_others() -> None:
    with socket.socket() as silent:  # its port is taken, and it does not listen
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        to = read_destination(f"http://localhost:{port}")
        with pytest.raises(stream.NoConnection, match=f"no connection to .* port {port}"):
            asyncio.run(stream.connected(Tier.AIR_GAPPED, to, tls=None, limit=1024))
        assert web.answers(Tier.AIR_GAPPED, f"http://127.0.0.1:{port}", PURPOSE, seconds=5) is False


def test_certificates_that_are_none_are_refused_without_being_shown() -> None:
    for more in ({"authorities": "secret"}, {"authorities": "", "certificate": "secret", "key": "secret"}):
        with pytest.raises(tls.NotUsable) as refused:
            tls.context(more.pop("authorities"), **more)
        assert "secret" not in str(refused.value)
    assert tls.context("").verify_mode is ssl.CERT_REQUIRED
    assert tls.context("").check_hostname


def test_importing_it_imports_no_client() -> None:
    clients = [
        "httpx2",
        "requests",
        "kubernetes",
        "mcp",
        "websockets",
        "opentelemetry",
        "urllib3",
        "ssl",
        "http.client",
        "urllib.request",
    ]
    modules = ("behind", "cluster", "destination", "loopback", "permission", "spans", "tls", "web")
    lines = [f"import foundation.egress.{one}" for one in modules]
    lines += ["import sys", f"print([one for one in {clients!r} if one in sys.modules])"]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def _to(elsewhere: str) -> bytes:
    return f"HTTP/1.1 302 Found\r\nLocation: {elsewhere}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()


@contextmanager
def answering(answer: bytes) -> Iterator[tuple[str, list[bytes]]]:
    """A server on loopback that gives *answer* to every request, and the requests that came."""
    asked: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            while True:
                try:
                    connection, _ = listening.accept()
                except OSError:
                    return
                with connection:
                    asked.append(connection.recv(65536))
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}", asked
        finally:
            listening.shutdown(socket.SHUT_RDWR)
            thread.join(5)
