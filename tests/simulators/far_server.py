"""An MCP server of another machine, as far as a client can tell: a real one over HTTP in this process, changed by the test."""

from __future__ import annotations

import base64
import json
import queue
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote

ECHO: dict[str, Any] = {"name": "echo", "description": "Says it again.", "inputSchema": {"type": "object"}}


@dataclass
class Far:
    """``token`` is what AUTHORIZATION must be, if anything. ``over`` is how an answer comes: ``json``, ``events`` or, for the
    older transport, ``sse``. ``status`` replaces every answer, with ``location`` in its head; ``replies`` are other answers by
    method, each a status and members. ``stray`` is said before each answer that is an event. ``for_able`` are tools that only a
    client with roots gets, once one shook hands. ``tls`` are the files of a certificate and its key. ``client`` is the
    name and the secret of one who gets a token at ``/token``, each time another one that counts from then on; ``issued`` are
    the forms. ``later`` are tools on the second page of its list. ``silent`` are methods that it takes and never answers.
    """

    tools: list[dict[str, Any]] = field(default_factory=lambda: [ECHO])
    instructions: str = ""
    token: str = ""
    over: str = "json"
    status: int = 0
    location: str = ""
    stray: str = ""
    endpoint: str = "/messages"
    modern: bool = False
    for_able: list[dict[str, Any]] = field(default_factory=list)
    replies: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    heads: list[dict[str, str]] = field(default_factory=list)
    methods: list[str] = field(default_factory=list)
    port: int = 0
    tls: tuple[Path, Path] | None = None
    client: tuple[str, str] | None = None
    issued: list[dict[str, str]] = field(default_factory=list)
    lives: int = 3600
    kind: str = "Bearer"
    later: list[dict[str, Any]] = field(default_factory=list)
    silent: set[str] = field(default_factory=set)
    _gone: threading.Event = field(default_factory=threading.Event)
    _open: set[socket.socket] = field(default_factory=set)
    _server: ThreadingHTTPServer | None = None
    _said: queue.Queue[bytes | None] = field(default_factory=queue.Queue)

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    def url(self, path: str = "/mcp") -> str:
        return f"{'https' if self.tls else 'http'}://{self.host}{path}"

    def up(self) -> None:
        """Answer, at the same port as before."""
        far = self
        self._gone.clear()

        class Handler(_Handler):
            def far(self) -> Far:
                return far

        server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        server.daemon_threads = True
        if self.tls is not None:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*self.tls)
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        self._server, self.port = server, server.server_address[1]
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def down(self) -> None:
        """Answer no one any more."""
        if self._server is not None:
            self._said.put(None)
            self._gone.set()
            self._server.shutdown()
            self._server.server_close()
            for one in list(self._open):
                with suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
            self._server = None

    def result(self, method: str, params: dict[str, Any]) -> dict[str, Any] | None:
        """What a *method* gives; ``None`` for one that it does not have."""
        if method == "server/discover" and self.modern:
            return {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, **self._instructed()}
        if method == "initialize" and not self.modern:
            if "roots" in params["capabilities"]:
                self.tools, self.for_able = [*self.tools, *self.for_able], []
            info = {"name": "far", "version": "1"}
            version = "2024-11-05" if self.over == "sse" else params["protocolVersion"]
            return {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info, **self._instructed()}
        if method == "tools/list":
            if params.get("cursor"):
                return {"tools": self.later}
            return {"tools": self.tools, **({"nextCursor": "later"} if self.later else {})}
        if method == "tools/call":
            return {"content": [{"type": "text", "text": json.dumps(params.get("arguments", {}))}]}
        return None

    def _instructed(self) -> dict[str, str]:
        return {"instructions": self.instructions} if self.instructions else {}


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def far(self) -> Far:
        raise NotImplementedError

    def log_message(self, *_: object) -> None:
        pass

    def setup(self) -> None:
        super().setup()
        self.far()._open.add(self.connection)

    def finish(self) -> None:
        self.far()._open.discard(self.connection)
        super().finish()

    def do_DELETE(self) -> None:
        self._answer(405)

    def do_GET(self) -> None:
        far = self.far()
        if self._refused():
            return
        if far.over != "sse":
            self._answer(405)
            return
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        far._said.put(None)  # an earlier stream ends
        said_here = far._said = queue.Queue()
        self.wfile.write(f"event: endpoint\ndata: {far.endpoint}\n\n".encode())
        while (said := said_here.get()) is not None:
            try:
                self.wfile.write(b"event: message\ndata: " + said + b"\n\n")
                self.wfile.flush()
            except OSError:
                return
        self.close_connection = True

    def do_POST(self) -> None:
        far = self.far()
        if self.path == "/token":
            self._token()
            return
        asked = json.loads(self.rfile.read(int(self.headers["content-length"])))
        far.heads.append({name.lower(): value for name, value in self.headers.items()})
        far.methods.append(asked.get("method", ""))
        if self._refused():
            return
        if far.token and self.headers.get("authorization") != far.token:
            self._answer(401)
            return
        if "id" not in asked or "method" not in asked:
            self._answer(202)
            return
        if asked["method"] in far.silent:
            far._gone.wait()
            self.close_connection = True
            return
        result = far.result(asked["method"], asked.get("params", {}))
        said: dict[str, Any] = {"jsonrpc": "2.0", "id": asked["id"]}
        said |= {"result": result} if result is not None else {"error": {"code": -32601, "message": "no"}}
        if asked["method"] in far.replies:
            status, members = far.replies[asked["method"]]
            body = json.dumps({"jsonrpc": "2.0", "id": asked["id"], **members}).encode()
            self._answer(status, body, "application/json")
            return
        data = json.dumps(said).encode()
        if far.over == "sse":
            far._said.put(data)
            self._answer(202)
        elif far.over == "events":
            before = f"data: {far.stray}\n\n".encode() if far.stray else b""
            self._answer(200, before + b"data: " + data + b"\n\n", "text/event-stream")
        else:
            self._answer(200, data, "application/json")

    def _token(self) -> None:
        far = self.far()
        form = dict(parse_qsl(self.rfile.read(int(self.headers["content-length"])).decode()))
        shown = base64.b64decode(self.headers.get("authorization", "").removeprefix("Basic ")).decode()
        if far.client is None or tuple(unquote(one) for one in shown.split(":")) != far.client:
            self._answer(401)
            return
        far.issued.append(form)
        far.token = f"Bearer issued-{len(far.issued)}"
        said = {"access_token": far.token.removeprefix("Bearer "), "token_type": far.kind, "expires_in": far.lives}
        self._answer(200, json.dumps(said).encode(), "application/json")

    def _refused(self) -> bool:
        far = self.far()
        if not far.status:
            return False
        self.send_response(far.status)
        if far.location:
            self.send_header("location", far.location)
        self.send_header("content-length", "0")
        self.end_headers()
        return True

    def _answer(self, status: int, body: bytes = b"", kind: str = "") -> None:
        self.send_response(status)
        if kind:
            self.send_header("content-type", kind)
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


@contextmanager
def far_server(**more: Any) -> Iterator[Far]:
    """One that answers meanwhile."""
    far = Far(**more)
    far.up()
    try:
        yield far
    finally:
        far.down()
