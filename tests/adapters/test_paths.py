"""Paths that could mean another: refused at the front, and what is handed on to Prefect is what was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AsyncExitStack, asynccontextmanager

import pytest
from starlette.routing import Mount

from adapters.http.app import DoorPart, front
from adapters.http.bound import Bound
from adapters.http.paths import NotPlainPath, encoded, plain
from adapters.http.prefect import PATH, _behind
from adapters.http.protocol import protocol
from adapters.http.proxied import Proxied
from tests.adapters.loopback import exchanged, loopback, statuses
from tests.adapters.test_framing import Echo

pytestmark = pytest.mark.requirement("ARC-3/messages-have-one-meaning")

PLAIN = {
    b"/": "/",
    b"/livez": "/livez",
    b"/artifacts/sha256:00ff": "/artifacts/sha256:00ff",
    b"/prefect/api/flows/name/caf%C3%A9%20au%20lait": "/prefect/api/flows/name/café au lait",
    b"/prefect/api/flows/name/caf%c3%a9": "/prefect/api/flows/name/café",
    b"/prefect/%61pi/health": "/prefect/api/health",
    b"/prefect/v2/a.b..c/...": "/prefect/v2/a.b..c/...",
    b"/prefect/": "/prefect/",
    b"/a/b@c!$&'()*+,=-._~": "/a/b@c!$&'()*+,=-._~",
}

NOT_PLAIN = (
    b"/prefect/../docs", b"/prefect/%2e%2e/docs", b"/prefect/.%2e/docs", b"/prefect/%2E./docs", b"/prefect/x/..",
    b"/prefect/..",
    b"/prefect/./api/health", b"/prefect/%2e/api", b"/prefect/%252e%252e/docs", b"/prefect/%25252e%25252e/docs",
    b"/prefect/%252fdocs", b"/prefect%2f..%2fdocs", b"/prefect/..%2fdocs", b"/prefect%2fdocs", b"/prefect/..%5cdocs",
    b"/prefect/..\\docs", b"/prefect\\docs", b"/prefect/%5c..", b"//prefect/docs", b"/prefect//docs", b"/prefect/%2f/docs",
    b"/prefect/..;/docs", b"/prefect;a=b/docs", b"/prefect%3bdocs", b"/prefect/docs%00", b"/prefect/%00/x", b"/prefect/%3fa=b",
    b"/prefect/%23a", b"/prefect/#a", b"/prefect/%", b"/prefect/%2", b"/prefect/%zz", b"/prefect/%u002e%u002e/docs",
    b"/prefect/%c0%ae%c0%ae/docs", b"/prefect/%ed%a0%80", b"/prefect/%ff", b"/prefect/%0d%0aX:y", b"/prefect/%e2%80%ae",
    b"http://evil/prefect/docs", b"*", b"prefect", b"/%e2%80%8b/",
)  # fmt: skip

QUERIES = (
    b"/prefect/api/health?a=%00",
    b"/prefect/api/health?a=%ed%a0%80",
    b"/?q=%00",
    b"/?q=%ff",
    b"/?q=%ed%b0%80",
    b"/?%zz",
    b"/?a%",
)


@pytest.mark.parametrize("raw", PLAIN)
def test_a_plain_path_has_one_spelling(raw: bytes) -> None:
    path = plain(raw)
    assert path == PLAIN[raw]
    assert plain(encoded(path)) == path
    assert encoded(plain(encoded(path))) == encoded(path)


@pytest.mark.parametrize("raw", NOT_PLAIN)
def test_one_that_could_mean_another_is_none(raw: bytes) -> None:
    with pytest.raises(NotPlainPath):
        plain(raw)


def _bound() -> Bound:
    return Bound(host="127.0.0.1", port=1, url="http://127.0.0.1:1", hosts=frozenset(("x",)))


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[int, Echo]]:
    """The front, with a server behind it that stands for Prefect's."""
    echo = Echo()
    with loopback(echo) as behind:
        pages = Proxied(f"http://127.0.0.1:{behind}", _behind)

        @asynccontextmanager
        async def running():  # type: ignore[no-untyped-def]  # a context manager of this test
            async with AsyncExitStack() as stack:
                await stack.enter_async_context(pages.running())
                yield

        app = front([DoorPart(routes=[Mount(PATH, app=pages)], running=running())], _bound())
        with loopback(app, protocol(), lifespan="on") as port:
            yield port, echo


def get(target: bytes, more: bytes = b"", method: bytes = b"GET", body: bytes = b"") -> bytes:
    return method + b" " + target + b" HTTP/1.1\r\nHost: x\r\n" + more + b"Connection: close\r\n\r\n" + body


@pytest.mark.parametrize("target", [*NOT_PLAIN, *QUERIES])
def test_it_is_refused_and_not_handed_on(served: tuple[int, Echo], target: bytes) -> None:
    port, echo = served
    echo.seen.clear()
    assert statuses(exchanged(port, get(target))) == [400]
    assert echo.seen == []


def test_what_is_handed_on_is_what_was_looked_at(served: tuple[int, Echo]) -> None:
    port, echo = served
    for target, behind in (
        (b"/prefect/api/flows/name/caf%c3%a9%20x?b=%2e%2e%2f&a=1", "/api/flows/name/café x"),
        (b"/prefect/%61pi/health", "/api/health"),
        (b"/prefect/v2/runs", "/prefect/v2/runs"),
    ):
        echo.seen.clear()
        assert statuses(exchanged(port, get(target))) == [200]
        assert echo.seen == [("GET", behind, b"")]


def test_the_request_behind_is_framed_here_and_carries_no_token_or_cookie_of_ours(served: tuple[int, Echo]) -> None:
    port, echo = served
    secret = b"Authorization: Bearer abc\r\nCookie: arcops=abc\r\nX-Hop: a\r\nX-Kept: b\r\nTE: trailers\r\n"
    for framed, body in (
        (b"Content-Length: 3\r\n", b"abc"),
        (b"Transfer-Encoding: chunked\r\n", b"1\r\na\r\n2\r\nbc\r\n0\r\n\r\n"),
    ):
        echo.seen.clear()
        asked = get(b"/prefect/api/x", secret + framed, b"POST", body).replace(
            b"Connection: close", b"Connection: close, X-Hop"
        )
        assert statuses(exchanged(port, asked)) == [200]
        assert echo.seen == [("POST", "/api/x", b"abc")]
        names = dict(echo.headers)
        assert not {b"authorization", b"cookie", b"x-hop", b"te", b"connection"} & set(names) - {b"connection"}
        assert names[b"x-kept"] == b"b"
        assert (b"content-length" in names) != (b"transfer-encoding" in names)
    exchanged(port, get(b"/prefect/api/x", b"Authorization: Basic YTpi\r\n"))
    assert dict(echo.headers)[b"authorization"] == b"Basic YTpi"


def test_a_length_that_is_not_kept_to_is_no_request_behind(served: tuple[int, Echo]) -> None:
    port, echo = served
    echo.seen.clear()
    exchanged(port, get(b"/prefect/api/x", b"Content-Length: 3\r\n", b"POST", b"abc") + get(b"/prefect/api/smuggled"))
    assert [path for _, path, _ in echo.seen] == ["/api/x"], "the connection was to be closed"
