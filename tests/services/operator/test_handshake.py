"""What a server said at its handshake: of a remote server, and of one whose relay in the pod tells it."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from foundation.egress.outside import Outside
from services.operator.conditions import Held
from services.operator.handshake import Asking, shaken
from services.operator.keeping_its_word import unlike
from services.operator.observed import Handshake
from services.operator.readiness import answered
from tests.services.operator.cases import resource, written
from tests.simulators.far_server import far_server

HERE = Asking(outside=Outside(named=("127.0.0.1",)), seconds=5)


def remote(url: str, by: Asking = HERE, transport: str = "streamable-http", **spec: Any) -> Handshake:
    value = {
        "apiVersion": "ome.io/v1beta1",
        "kind": "MCPServer",
        "metadata": {"name": "far", "namespace": "shop", "uid": "u-1", "generation": 4},
        "spec": {"type": "Remote", "url": url, "transport": transport, **spec},
    }
    return shaken(resource(value), (), 4, by)


@contextmanager
def answering(status: int, body: bytes, kind: str = "application/json") -> Iterator[str]:
    """A listener that answers everything the same way: its address and port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.mark.requirement("OPER-3/no-server-is-ready-before-its-handshake")
@pytest.mark.parametrize(
    ("more", "transport", "path", "version"),
    [
        ({}, "streamable-http", "/mcp", "2025-11-25"),
        ({"over": "events"}, "streamable-http", "/mcp", "2025-11-25"),
        ({"modern": True}, "streamable-http", "/mcp", "2026-07-28"),
        ({"over": "sse"}, "sse", "/sse", "2024-11-05"),
    ],
)
def test_a_remote_server_shakes_hands(more: dict[str, Any], transport: str, path: str, version: str) -> None:
    with far_server(**more) as far:
        found = remote(far.url(path), transport=transport, capabilities={"tools": True, "resources": False})
    assert (found.problem, found.protocol_version, found.of) == ("", version, 4)
    assert found.capabilities == {"tools"}


@pytest.mark.requirement("OPER-3/no-server-is-ready-before-its-handshake")
@pytest.mark.parametrize(
    ("spec", "why"),
    [
        ({"capabilities": {"resources": True}}, "it does not offer resources, as its resource says; it offers tools"),
        ({"capabilities": {"tools": False}}, "it offers tools, which its resource says that it does not"),
        ({"protocol": {"versions": ["2026-07-28"]}}, "and its resource asks for 2026-07-28"),
    ],
)
def test_what_a_resource_says_must_be_so(spec: dict[str, Any], why: str) -> None:
    with far_server() as far:
        assert why in remote(far.url(), **spec).problem


@pytest.mark.requirement("OPER-3/no-server-is-ready-before-its-handshake")
@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (200, b"<html>Welcome to nginx!</html>", "text/html"),
        (200, b'{"jsonrpc":"2.0","id":1}', "application/json"),
        (200, b'{"jsonrpc":"2.0","id":1,"result":{}}', "application/json"),
        (200, b'{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"9999-01-01","capabilities":{}}}', "application/json"),
        (401, b"", "text/plain"),
        (302, b"", "text/plain"),
        (404, b"nothing", "text/plain"),
        (500, b"{" * 5000, "application/json"),
    ],
)
def test_a_listener_that_does_not_speak_mcp_is_never_ready(status: int, body: bytes, kind: str) -> None:
    with answering(status, body, kind) as at:
        found = remote(f"http://{at}/mcp")
        assert found.problem
        assert found.protocol_version == ""
        assert shaken(hosted(), (at,), 2, HERE).problem


@pytest.mark.requirement("OPER-3/a-remote-server-leads-nowhere-inside")
def test_a_resource_sends_the_operator_nowhere_inside() -> None:
    with far_server() as far:
        found = remote(far.url(), Asking(seconds=5))
        assert "a resource may not send the operator there" in found.problem
        assert not far.methods
    for url in ("https://169.254.169.254/latest", "https://[::ffff:10.0.0.1]/mcp", "https://kubernetes.default.svc/mcp"):
        assert remote(url, Asking(seconds=5)).problem


def hosted(**spec: Any) -> Any:
    return resource(
        {
            "apiVersion": "ome.io/v1beta1",
            "kind": "MCPServer",
            "metadata": {"name": "near", "namespace": "shop", "uid": "u-1", "generation": 1},
            "spec": {"image": f"registry.example/near@sha256:{'1' * 64}", **spec},
        }
    )


def relays(**changes: Any) -> bytes:
    said = {"problem": "", "server": "near 1", "protocolVersions": ["2025-06-18", "2025-11-25"], "capabilities": ["tools"]}
    return json.dumps({**said, **changes}).encode()


@pytest.mark.requirement("OPER-3/no-server-is-ready-before-its-handshake")
def test_the_relay_in_the_pod_tells_what_it_heard() -> None:
    with answering(200, relays()) as at:
        found = shaken(hosted(capabilities={"tools": True}), (at,), 7, HERE)
    assert found == Handshake(of=7, protocol_version="2025-11-25", server="near 1", capabilities=frozenset(("tools",)))


@pytest.mark.requirement("OPER-3/no-server-is-ready-before-its-handshake")
@pytest.mark.parametrize(
    ("body", "why"),
    [
        (relays(problem="the server's process ended"), "the server's process ended"),
        (relays(protocolVersions=[]), "did not shake hands"),
        (relays(protocolVersions=["1.0"]), "did not shake hands"),
        (b"[]", "what answers in the pod is not its relay"),
        (b"{}", "what answers in the pod is not its relay"),
        (b'{"problem": null}', "what answers in the pod is not its relay"),
        (b"x" * 100_000, "more than"),
    ],
)
def test_a_pod_that_says_something_else_is_not_ready(body: bytes, why: str) -> None:
    with answering(200, body) as at:
        assert why in shaken(hosted(), (at,), 1, HERE).problem
    assert "no pod of it has an address yet" in shaken(hosted(), (), 1, HERE).problem


@pytest.mark.requirement("OPER-3/no-server-is-ready-before-its-handshake")
def test_one_pod_that_does_not_speak_is_enough() -> None:
    with answering(200, relays()) as good, answering(200, relays(problem="it is silent")) as bad:
        assert shaken(hosted(), (good, bad), 1, HERE).problem == "it is silent"


@pytest.mark.requirement("OPER-10/protocol-and-capabilities-are-checked")
@pytest.mark.parametrize(
    ("versions", "capabilities", "wanted", "promised", "wrong"),
    [
        (("2025-11-25",), ("tools",), (), {}, False),
        (("2025-11-25",), ("tools",), ("2025-11-25", "2026-07-28"), {"tools": True}, False),
        ((), ("tools",), (), {}, True),
        (("2025-11-25",), ("tools",), ("2026-07-28",), {}, True),
        (("2025-11-25",), (), (), {"tools": True}, True),
        (("2025-11-25",), ("tools", "prompts"), (), {"prompts": False}, True),
    ],
)
def test_a_server_keeps_its_word_or_not(versions: Any, capabilities: Any, wanted: Any, promised: Any, wrong: bool) -> None:
    assert bool(unlike(versions, capabilities, wanted=wanted, promised=promised)) is wrong


@pytest.mark.requirement("OPER-10/protocol-and-capabilities-are-checked")
def test_a_server_that_speaks_more_revisions_than_are_wanted_is_what_its_resource_says() -> None:
    told = {"problem": "", "protocolVersions": ["2025-06-18", "2025-11-25"], "capabilities": ["tools"], "server": "s"}
    with answering(200, json.dumps(told).encode()) as address:
        asked = resource(written(protocol={"versions": ["2025-06-18"]}))
        found = shaken(asked, (address,), 1, HERE)
    assert (found.problem, found.protocol_version) == ("", "2025-06-18")
    assert answered(found, asked.spec).held is Held.TRUE
