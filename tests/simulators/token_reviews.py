"""An API server of Kubernetes as far as TokenReview goes: TLS by its own authority, and a token of the one who asks."""

from __future__ import annotations

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.certificates import Authority

PATH = "/apis/authentication.k8s.io/v1/tokenreviews"


@dataclass(kw_only=True)
class Cluster:
    """``accounts`` are the users of tokens that are authentic. ``asks`` is the token of the one who may ask.

    ``reviews`` are the reviews that were asked for; ``audiences`` is what the server says it checked, by default what it was
    asked for. ``answer`` is sent instead, as it is.
    """

    url: str = ""
    authority: Path = Path()
    asks: str = "a-token-that-may-ask"
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    reviews: list[dict[str, Any]] = field(default_factory=list)
    audiences: list[str] | None = None
    answer: bytes = b""
    location: str = ""

    def review(self, asked: dict[str, Any]) -> dict[str, Any]:
        """The review as the server completes it (authentication.k8s.io/v1)."""
        self.reviews.append(asked)
        spec = asked["spec"]
        user = self.accounts.get(spec["token"])
        audiences = spec.get("audiences") if self.audiences is None else self.audiences
        status: dict[str, Any] = (
            {"user": {}, "error": "[invalid bearer token, service account token has expired]"}
            if user is None
            else {"authenticated": True, "user": user, **({"audiences": audiences} if audiences else {})}
        )
        return {"kind": "TokenReview", "apiVersion": "authentication.k8s.io/v1", "metadata": {}, "spec": spec, "status": status}


@contextmanager
def reviewing(folder: Path) -> Iterator[Cluster]:
    cluster = Cluster()
    authority = Authority.new()
    cluster.authority = folder / "ca.crt"
    cluster.authority.write_bytes(authority.pem)

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if cluster.location:
                self.send_response(307)
                self.send_header("Location", cluster.location)
                self.send_header("Content-Length", "0")
                self.end_headers()
            elif self.headers.get("Authorization") != f"Bearer {cluster.asks}":
                self.answer(403, {"kind": "Status", "message": "tokenreviews.authentication.k8s.io is forbidden"})
            elif self.path != PATH or self.headers.get("Content-Type") != "application/json":
                self.answer(404, {"kind": "Status"})
            else:
                self.answer(201, cluster.review(body))

        def answer(self, status: int, value: dict[str, Any]) -> None:
            data = cluster.answer or json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: object) -> None:
            """Nothing: the test reads ``reviews``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("127.0.0.1", folder))
    server.socket = context.wrap_socket(server.socket, server_side=True)
    cluster.url = f"https://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield cluster
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
