"""A server on loopback that answers JSON as a function says: the part that the simulators of secret stores share."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Asked:
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes

    def json(self) -> dict[str, Any]:
        read = json.loads(self.body)
        assert isinstance(read, dict)
        return read


Answer = tuple[int, object]
"""A status, and what is written as JSON; bytes are sent as they are."""


@dataclass(kw_only=True)
class Simulator:
    """``asked`` are the requests so far. ``down`` is the status of every answer, if it is not 0; it quotes the request."""

    url: str = ""
    asked: list[Asked] = field(default_factory=list)
    down: int = 0
    location: str = ""

    def answer(self, asked: Asked) -> Answer:
        raise NotImplementedError


@contextmanager
def answering(simulator: Simulator, tls: Path | None = None) -> Iterator[None]:
    """Serve *simulator*; with TLS, if *tls* is a file with its certificate and key."""

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            asked = Asked(method=self.command, path=self.path, headers=dict(self.headers.items()), body=self.rfile.read(length))
            simulator.asked.append(asked)
            if simulator.down:
                status, said = simulator.down, {"errors": [f"{asked.headers} {asked.body!r}"]}
            else:
                status, said = simulator.answer(asked)  # type: ignore[assignment]
            body = said if isinstance(said, bytes) else json.dumps(said).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            if simulator.location:
                self.send_header("Location", simulator.location)
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            """Nothing: the test reads ``asked``."""

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """A client that refuses the certificate hangs up."""

    server = Server(("127.0.0.1", 0), Answers)
    if tls is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    simulator.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
