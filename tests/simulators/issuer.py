"""An OpenID Connect issuer on loopback: discovery, keys that can be rotated, and tokens of any making."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey


def new_key(name: str) -> ECKey:
    return ECKey.generate_key("P-256", {"kid": name, "use": "sig", "alg": "ES256"})


@dataclass(kw_only=True)
class Issuer:
    """``url`` is the issuer; ``asked`` the paths that were asked for; ``down`` makes it answer 500."""

    url: str = ""
    key: ECKey = field(default_factory=lambda: new_key("first"))
    asked: list[str] = field(default_factory=list)
    down: bool = False
    claimed: str = ""

    @property
    def key_set(self) -> bytes:
        return json.dumps({"keys": [self.key.as_dict(private=False)]}).encode()

    def token(self, *, key: ECKey | None = None, header: dict[str, Any] | None = None, **claims: object) -> str:
        """A token of this issuer, with *claims* as they are given."""
        key = key or self.key
        return jwt.encode({"alg": "ES256", "kid": key.kid, "typ": "at+jwt", **(header or {})}, {"iss": self.url, **claims}, key)


@contextmanager
def issuing() -> Iterator[Issuer]:
    issuer = Issuer()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            issuer.asked.append(self.path)
            documents = {
                "/.well-known/openid-configuration": json.dumps(
                    {"issuer": issuer.claimed or issuer.url, "jwks_uri": f"{issuer.url}/keys"}
                ).encode(),
                "/keys": issuer.key_set,
            }
            body = documents.get(self.path, b"")
            self.send_response(500 if issuer.down else 200 if body else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing: the test reads ``asked``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    issuer.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield issuer
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
