"""A provider that people log in at, on loopback: discovery, keys, the token endpoint, and what a browser would get there.

It checks what a real one checks: the client and its secret, the address to go back to, PKCE, and that a code is used once. Its
ID tokens are of any making.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote_plus, urlencode, urlsplit

from joserfc import jws
from joserfc.jwk import ECKey
from joserfc.jws import JWSRegistry

from tests.simulators.issuer import new_key


@dataclass(kw_only=True)
class Given:
    """What a code was given for."""

    asked: dict[str, str]
    at: float


@dataclass(kw_only=True)
class Provider:
    """``claims`` are added to each ID token, and one that is ``None`` is left out; ``document`` likewise to the document.

    ``made`` replaces the ID token altogether. ``asked`` are the paths that were asked for. ``down`` makes it answer 500.
    """

    url: str = ""
    client: str = "arcops-pages"
    secret: str = ""
    post: bool = False
    key: ECKey = field(default_factory=lambda: new_key("first"))
    header: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    document: dict[str, Any] = field(default_factory=dict)
    made: str = ""
    sends: bool = True
    down: bool = False
    asked: list[str] = field(default_factory=list)
    codes: dict[str, Given] = field(default_factory=dict)
    now: Any = time.time

    def token(self, *, key: ECKey | None = None, header: dict[str, Any] | None = None, **claims: object) -> str:
        key = key or self.key
        kept = {name: value for name, value in {"iss": self.url, "aud": self.client, **claims}.items() if value is not None}
        head = {"alg": "ES256", "kid": key.kid, "typ": "JWT", **self.header, **(header or {})}
        head = {name: value for name, value in head.items() if value is not None}
        registry = JWSRegistry(algorithms=["ES256"], strict_check_header=False)
        return jws.serialize_compact(head, json.dumps(kept), key, registry=registry)

    def logged_in(self, address: str, **instead: str | None) -> str:
        """The address that a browser is sent back to from *address*, after a person logged in; *instead* changes its query."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(address).query).items()}
        assert address.startswith(f"{self.url}/authorize?"), address
        assert asked["client_id"] == self.client
        assert asked["response_type"] == "code"
        assert asked["code_challenge_method"] == "S256"
        assert "openid" in asked["scope"].split()
        code = secrets.token_urlsafe(16)
        self.codes[code] = Given(asked=asked, at=self.now())
        answer: dict[str, str | None] = {"code": code, "state": asked["state"], "iss": self.url, **instead}
        return f"{asked['redirect_uri']}?{urlencode({name: value for name, value in answer.items() if value is not None})}"

    def known(self) -> dict[str, Any]:
        known = {
            "issuer": self.url,
            "jwks_uri": f"{self.url}/keys",
            "authorization_endpoint": f"{self.url}/authorize",
            "token_endpoint": f"{self.url}/token",
            "end_session_endpoint": f"{self.url}/end",
            "authorization_response_iss_parameter_supported": True,
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["client_secret_post"] if self.post else ["client_secret_basic"],
            **self.document,
        }
        return {name: value for name, value in known.items() if value is not None}

    def exchanged(self, said: dict[str, str], basic: str) -> tuple[int, dict[str, Any]]:
        """The answer of the token endpoint."""
        client, secret = said.get("client_id", ""), said.get("client_secret", "")
        if basic and not self.post:
            client, _, secret = base64.b64decode(basic).decode().partition(":")
            client, secret = unquote_plus(client), unquote_plus(secret)
        if (client, secret) != (self.client, self.secret):
            return 401, {"error": "invalid_client"}
        given = self.codes.pop(said.get("code", ""), None)
        challenge = base64.urlsafe_b64encode(hashlib.sha256(said.get("code_verifier", "").encode()).digest()).rstrip(b"=")
        if (
            given is None
            or said.get("grant_type") != "authorization_code"
            or said.get("redirect_uri") != given.asked["redirect_uri"]
            or challenge.decode() != given.asked["code_challenge"]
        ):
            return 400, {"error": "invalid_grant"}
        now = self.now()
        claims = {
            "sub": "ada",
            "name": "Ada Lovelace",
            "nonce": given.asked["nonce"],
            "iat": int(now),
            "exp": int(now) + 300,
            **self.claims,
        }
        token = {"id_token": self.made or self.token(**claims)} if self.sends else {}
        return 200, {"access_token": "not for us", "token_type": "Bearer", **token}


@contextmanager
def providing(**how: Any) -> Iterator[Provider]:
    provider = Provider(**how)

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            provider.asked.append(self.path)
            if self.path.startswith("/authorize?"):  # a person who is logged in here already
                self._go(provider.logged_in(f"{provider.url}{self.path}"))
                return
            if self.path.startswith("/end?"):
                self._go(parse_qs(urlsplit(self.path).query)["post_logout_redirect_uri"][0])
                return
            documents = {
                "/.well-known/openid-configuration": provider.known(),
                "/keys": {"keys": [provider.key.as_dict(private=False)]},
            }
            self._answer(200 if self.path in documents else 404, documents.get(self.path, {}))

        def do_POST(self) -> None:
            provider.asked.append(self.path)
            body = self.rfile.read(int(self.headers["content-length"])).decode()
            kind, _, basic = self.headers.get("authorization", "").partition(" ")
            self._answer(*provider.exchanged({name: one[0] for name, one in parse_qs(body).items()}, basic if kind else ""))

        def _go(self, there: str) -> None:
            self.send_response(303)
            self.send_header("Location", there)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def _answer(self, status: int, body: dict[str, Any]) -> None:
            text = json.dumps(body).encode()
            self.send_response(500 if provider.down else status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            """Nothing: the test reads ``asked``."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    provider.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield provider
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
