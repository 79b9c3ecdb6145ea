"""An authorization server on loopback that answers questions about its opaque tokens (RFC 7662), to the client it knows."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus

CLIENT, SECRET = "arcops:resource", "s%cret+with/odd chars"


@dataclass(kw_only=True)
class Server:
    """``known`` is what it says of each token; of others it says that they are not active. ``asked`` are the tokens."""

    url: str = ""
    known: dict[str, dict[str, Any]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    methods: list[str] | None = None
    status: int = 200

    def let_in(self, header: str, form: dict[str, list[str]]) -> bool:
        if self.methods == ["client_secret_post"]:
            return (form.get("client_id"), form.get("client_secret")) == ([CLIENT], [SECRET])
        kind, _, pair = header.partition(" ")
        name, _, secret = base64.b64decode(pair).decode().partition(":")
        return (kind, unquote_plus(name), unquote_plus(secret)) == ("Basic", CLIENT, SECRET)


@contextmanager
def introspecting() -> Iterator[Server]:
    told = Server()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            document = {"issuer": told.url, "introspection_endpoint": f"{told.url}/introspect", "jwks_uri": f"{told.url}/keys"}
            if told.methods is not None:
                document["introspection_endpoint_auth_methods_supported"] = told.methods  # type: ignore[assignment]
            self.answer(200, document)

        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode(), strict_parsing=True)
            if self.path != "/introspect" or not told.let_in(self.headers.get("Authorization", ""), form):
                self.answer(401, {"error": "invalid_client"})
                return
            (token,) = form["token"]
            told.asked.append(token)
            self.answer(told.status, told.known.get(token, {"active": False}))

        def answer(self, status: int, value: object) -> None:
            body = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the test reads ``asked``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    told.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield told
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
