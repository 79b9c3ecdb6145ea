"""Whose tokens count at a sidecar, and from where the keys come that check them."""

from __future__ import annotations

import asyncio
import base64
import json
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx2
import pytest
from joserfc import jws, jwt
from joserfc.jwk import OctKey

from adapters.relay.sidecar.callers import tokens_of
from arcops.errors import Refused, Unavailable
from foundation.claims import NotAccepted
from foundation.tokens import Tokens
from services.operator.sidecar import KEYS_FILE, CedarPolicies, TrustedIssuer
from tests.adapters.sidecar.world import Here, Pod, stdio_pod, until, write
from tests.certificates import Authority
from tests.simulators.issuer import Issuer, new_key

ISSUER, AUDIENCE = "https://login.example", "mcp-tools"
CLUSTER = "https://kubernetes.default.svc"
pytestmark = pytest.mark.requirement("OPER-5/oidc-sources")


@dataclass(kw_only=True)
class Walled:
    """An issuer that shows its keys only to who has a certificate and a token."""

    url: str = ""
    issuer: Issuer = field(default_factory=Issuer)
    wants: str = ""
    shown: list[str] = field(default_factory=list)


@contextmanager
def walled(folder: Path, authority: Authority, *, certificates: bool) -> Iterator[Walled]:
    made = Walled()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            made.shown.append(self.headers.get("Authorization", ""))
            good = not made.wants or self.headers.get("Authorization") == f"Bearer {made.wants}"
            body = made.issuer.key_set if good else b""
            self.send_response(200 if good else 401)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("127.0.0.1", folder))
    if certificates:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cadata=authority.pem.decode())
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that it does not let in
    made.url = f"https://127.0.0.1:{server.server_port}"
    made.issuer.url = made.url
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield made
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def subject(issuer: Issuer, **claims: Any) -> str:
    now = int(time.time())
    return issuer.token(**{"sub": "ada", "aud": AUDIENCE, "iat": now, "exp": now + 600, **claims})


def who(tokens: Tokens, token: str) -> str:
    return tokens.accepted(token).identity.id


def test_keys_come_with_a_token_and_a_certificate(tmp_path: Path) -> None:
    authority = Authority.new()
    own = tmp_path / "own"
    own.mkdir()
    certificate, key = authority.issue("relay", own)
    (ca := tmp_path / "ca.pem").write_bytes(authority.pem)
    (secret := tmp_path / "token").write_text("first\n")
    with walled(tmp_path, authority, certificates=True) as there:
        there.wants = "first"
        said = TrustedIssuer(
            issuer=there.url,
            audience=AUDIENCE,
            jwks_url=f"{there.url}/keys",
            ca_bundle_path=str(ca),
            token_path=str(secret),
            client_certificate_path=str(certificate),
            client_key_path=str(key),
        )
        assert who(tokens_of(said, "", tmp_path), subject(there.issuer)) == "ada"
        there.wants = "second"
        secret.write_text("second")  # rotated: read again for the next question
        assert who(tokens_of(said, "", tmp_path), subject(there.issuer)) == "ada"
        for lacking in ("ca_bundle_path", "token_path", "client_certificate_path"):
            other = replace(said, **{lacking: ""}, **({"client_key_path": ""} if "client" in lacking else {}))
            with pytest.raises(Unavailable):
                tokens_of(other, "", tmp_path).accepted(subject(there.issuer))
        ca.write_text("this is no certificate")
        with pytest.raises(Unavailable, match="no PEM"):
            tokens_of(said, "", tmp_path).accepted(subject(there.issuer))
        secret.unlink()
        with pytest.raises(Unavailable, match="the token for the issuer cannot be read"):
            tokens_of(said, "", tmp_path).accepted(subject(there.issuer))


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"issuer": ""}, "names no issuer"),
        ({"issuer": "login", "jwks_url": ""}, "is not a URL"),
        ({"jwks_url": "http://keys.example/jwks"}, "without TLS"),
        ({"issuer": "http://login.example", "jwks_url": ""}, "without TLS"),
        ({"jwks_url": "https://user@keys.example/"}, "is not a plain http URL"),
        ({"client_certificate_path": "/pem"}, "needs both the certificate and its key"),
    ],
)
def test_what_cannot_be_trusted_is_refused(tmp_path: Path, changes: dict[str, str], why: str) -> None:
    said = replace(TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, jwks_url="https://keys.example/jwks"), **changes)
    with pytest.raises(Refused, match=why):
        tokens_of(said, "", tmp_path)


def test_accounts_of_other_namespaces_are_not_let_in(tmp_path: Path) -> None:
    cluster = Issuer(url=CLUSTER)
    file = tmp_path / KEYS_FILE
    file.write_text(json.dumps({CLUSTER: json.loads(cluster.key_set)}))
    said = TrustedIssuer(issuer=CLUSTER, audience=AUDIENCE, keys=True, namespace="data", service_account="")
    tokens = tokens_of(said, "", file)
    one = subject(cluster, sub="system:serviceaccount:data:alice")
    assert who(tokens, one) == "system:serviceaccount:data:alice"
    assert tokens.accepted(one).identity.roles >= {
        "system:serviceaccounts",
        "system:serviceaccounts:data",
        "system:serviceaccount:data:alice",
    }
    for wrong in ("system:serviceaccount:other:alice", "alice", "system:serviceaccount:data:alice:x", "system:node:a"):
        with pytest.raises(NotAccepted):
            tokens.accepted(subject(cluster, sub=wrong))
    alone = tokens_of(replace(said, service_account="bob"), "", file)
    with pytest.raises(NotAccepted, match="data/bob is let in here"):
        alone.accepted(one)


def test_a_cluster_gives_tokens_without_a_type(tmp_path: Path) -> None:
    cluster = Issuer(url=CLUSTER)
    file = tmp_path / KEYS_FILE
    file.write_text(json.dumps({CLUSTER: json.loads(cluster.key_set)}))
    now = int(time.time())
    claims = {"iss": CLUSTER, "aud": [AUDIENCE], "sub": "system:serviceaccount:data:a", "iat": now, "exp": now + 600}
    untyped = jws.serialize_compact({"alg": "ES256", "kid": cluster.key.kid}, json.dumps(claims), cluster.key)
    said = TrustedIssuer(issuer=CLUSTER, audience=AUDIENCE, keys=True, namespace="data")
    assert who(tokens_of(said, "", file), untyped) == claims["sub"]
    with pytest.raises(NotAccepted, match="typ is missing"):  # only a cluster's have none
        tokens_of(replace(said, namespace=""), "", file).accepted(untyped)


def test_keys_that_were_not_brought_let_no_one_in(tmp_path: Path) -> None:
    said = TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=True)
    for text, why in (("{}", "has not brought"), ("{", "cannot be read"), ("[]", "has not brought")):
        (file := tmp_path / KEYS_FILE).write_text(text)
        with pytest.raises(Unavailable, match=why):
            tokens_of(said, "", file).accepted(subject(Issuer(url=ISSUER)))


def b64(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def hostile(issuer: Issuer) -> dict[str, str]:
    now = int(time.time())
    claims = {"iss": ISSUER, "sub": "ada", "aud": AUDIENCE, "iat": now, "exp": now + 600}
    shared = OctKey.import_key(issuer.key_set)
    good = subject(issuer)
    head, body, signature = good.split(".")
    return {
        "none": f"{b64({'alg': 'none', 'typ': 'at+jwt'})}.{b64(claims)}.",
        "none with a signature": f"{b64({'alg': 'none', 'typ': 'at+jwt'})}.{b64(claims)}.{signature}",
        "a shared secret": jwt.encode({"alg": "HS256", "typ": "at+jwt"}, claims, shared),
        "another key": subject(replace(issuer, key=new_key("first"))),
        "another issuer": subject(Issuer(url="https://evil.example", key=issuer.key)),
        "another audience": subject(issuer, aud="elsewhere"),
        "no audience": subject(issuer, aud=None),
        "ended": subject(issuer, iat=now - 700, exp=now - 100),
        "for ever": subject(issuer, exp=now + 10**8),
        "an ID token": subject(issuer, nonce="n"),
        "bound to a key": subject(issuer, cnf={"jkt": "x"}),
        "another type": subject(issuer, header={"typ": "logout+jwt"}),
        "keys of its own": subject(issuer, header={"jku": "https://evil.example/keys"}),
        "huge": f"{head}.{body}{'A' * 20_000}.{signature}",
        "changed": f"{head}.{b64({**claims, 'sub': 'eve'})}.{signature}",
        "not a token": "garbage",
        "deep": f"{b64({'alg': 'ES256', 'typ': 'at+jwt', 'x': _deep(3000)})}.{b64(claims)}.{signature}",
    }


def _deep(depth: int) -> object:
    value: object = 1
    for _ in range(depth if depth < 900 else 900):
        value = [value]
    return value


def post(pod: Pod, token: str, **more: str) -> httpx2.Response:
    params = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "c", "version": "1"}}
    headers = {"accept": "application/json, text/event-stream", **more}
    headers |= {"authorization": f"Bearer {token}"} if token else {}
    body = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}
    return httpx2.post(pod.url, json=body, headers=headers, timeout=30)


def test_at_a_pod(tmp_path: Path) -> None:
    issuer = Issuer(url=ISSUER)
    policies = CedarPolicies(policies=(f'permit (principal == User::"{ISSUER}|ada", action, resource);',))
    trusted = TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=True)
    with stdio_pod(tmp_path, oidc=trusted, authz=policies, keys={ISSUER: json.loads(issuer.key_set)}) as pod:
        refused = post(pod, "")
        assert refused.status_code == 401
        where = "http://time.tools.svc:8080/.well-known/oauth-protected-resource/mcp"
        assert f'resource_metadata="{where}"' in refused.headers["www-authenticate"]
        described = httpx2.get(f"http://127.0.0.1:{pod.port}/.well-known/oauth-protected-resource/mcp").json()
        assert described["resource"] == "http://time.tools.svc:8080/mcp"
        assert described["authorization_servers"] == [ISSUER]
        for name, token in hostile(issuer).items():
            answer = post(pod, token)
            assert answer.status_code in (400, 401, 431), (name, answer.text)
            assert len(answer.text) < 1000, name
            if answer.status_code == 401:
                assert 'error="invalid_token"' in answer.headers["www-authenticate"], name
        assert post(pod, subject(issuer)).status_code == 200
        assert post(pod, subject(issuer, aud="http://time.tools.svc:8080/mcp")).status_code == 200

        async def rotates() -> None:
            ada = Here(port=pod.port, headers={"authorization": f"Bearer {subject(issuer)}"})
            await ada.open()
            assert await ada.text("count") == "1"
            issuer.key = new_key("second")
            write(pod.folder, json.dumps({ISSUER: json.loads(issuer.key_set)}), KEYS_FILE)
            pod.configured(tools=("echo", "count"))  # and another configuration
            ada.headers["authorization"] = f"Bearer {subject(issuer, jti='renewed')}"
            async with asyncio.timeout(60):
                while (answer := await ada.begin("big", {"size": 1})).status != 403:
                    answer.close()
                    await asyncio.sleep(0.05)
            assert await ada.text("count") == "2", "the session goes on"
            eve = Here(port=pod.port, headers={"authorization": f"Bearer {subject(issuer, sub='eve')}"})
            await eve.open()
            assert (await eve.begin("count")).status == 403

        asyncio.run(rotates())
        wanted = {("denied", "token"), ("denied", "policy"), ("denied", "filter"), ("done", "")}
        until(lambda: {(one["outcome"], one["reason"]) for one in pod.recorded()} >= wanted)
        metrics = pod.asked("/metrics")[1]
        assert 'arcops_sidecar_calls_total{outcome="denied",reason="policy"} 1' in metrics
        assert "arcops_sidecar_ready 1" in metrics
