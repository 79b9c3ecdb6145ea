"""A registry of images on loopback, held to the OCI Distribution Specification 1.1: blobs come in pieces, digests are checked.

It may ask for a password or a token, and it may fail on purpose: what `odd` answers for a request comes in place of its answer.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
import threading
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

USER, PASSWORD, TOKEN = "pusher", "a password of a registry", "a-token"
_PATH = re.compile(r"/v2/(?P<name>.+)/(?P<kind>blobs/uploads|blobs|manifests)/(?P<rest>.*)")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One request."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Said:
    """One answer; ``cut`` ends the connection in its place."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    cut: bool = False


@dataclass
class RegistryServer:
    """What it has. ``login`` is ``basic``, ``bearer`` or empty; ``realm`` takes the place of its own login's address."""

    url: str = ""
    login: str = ""
    realm: str = ""
    blobs: dict[str, dict[str, bytes]] = field(default_factory=dict)
    manifests: dict[str, dict[str, tuple[str, bytes]]] = field(default_factory=dict)
    uploads: dict[str, bytearray] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    odd: Callable[[Asked, RegistryServer], Said | None] = lambda asked, server: None

    @property
    def host(self) -> str:
        """As it stands in names of images."""
        return self.url.removeprefix("http://")

    def answer(self, asked: Asked) -> Said:
        """What it answers."""
        split = urlsplit(asked.path)
        query = {name: values[0] for name, values in parse_qs(split.query).items()}
        basic = "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if split.path == "/token":
            if asked.headers.get("Authorization") != basic:
                return error(401, "UNAUTHORIZED", "wrong user or password")
            return Said(status=200, body=json.dumps({"token": TOKEN, "scope": query.get("scope")}).encode())
        if self.login == "basic" and asked.headers.get("Authorization") != basic:
            return error(401, "UNAUTHORIZED", "who are you", **{"WWW-Authenticate": 'Basic realm="ours"'})
        if self.login == "bearer" and asked.headers.get("Authorization") != f"Bearer {TOKEN}":
            realm = self.realm or f"{self.url}/token"
            return error(401, "UNAUTHORIZED", "a token", **{"WWW-Authenticate": f'Bearer realm="{realm}",service="ours"'})
        found = _PATH.fullmatch(split.path)
        if found is None:
            return error(404, "NAME_UNKNOWN", "no such path")
        name, rest = found["name"], found["rest"]
        match found["kind"]:
            case "manifests":
                return self._manifest(asked, name, rest)
            case "blobs":
                data = self.blobs.get(name, {}).get(rest)
                size = str(len(data or b""))
                return (
                    Said(status=200, headers={"Content-Length": size}) if data is not None else error(404, "BLOB_UNKNOWN", rest)
                )
            case _:
                return self._upload(asked, name, rest, query)

    def _upload(self, asked: Asked, name: str, rest: str, query: Mapping[str, str]) -> Said:
        if asked.method == "POST":
            rest = uuid.uuid4().hex
            self.uploads[rest] = bytearray()
        taken = self.uploads.get(rest)
        if taken is None:
            return error(404, "BLOB_UPLOAD_UNKNOWN", rest)
        told = {"Location": f"/v2/{name}/blobs/uploads/{rest}?state=a%2Fb"}
        if asked.method == "PATCH":
            if asked.headers["Content-Range"] != f"{len(taken)}-{len(taken) + len(asked.body) - 1}":
                return error(416, "BLOB_UPLOAD_INVALID", "another byte")
            taken += asked.body
        if asked.method == "PUT":
            digest = f"sha256:{hashlib.sha256(taken).hexdigest()}"
            if query.get("digest") != digest:
                return error(400, "DIGEST_INVALID", "the content is another")
            self.blobs.setdefault(name, {})[digest] = bytes(taken)
            del self.uploads[rest]
            return Said(status=201, headers={"Location": f"/v2/{name}/blobs/{digest}"})
        return Said(status=204 if asked.method == "GET" else 202, headers=told | {"Range": f"0-{max(len(taken) - 1, 0)}"})

    def _manifest(self, asked: Asked, name: str, reference: str) -> Said:
        there = self.manifests.setdefault(name, {})
        if asked.method != "PUT":
            found = there.get(reference)
            if found is None or found[0] not in asked.headers.get("Accept", ""):
                return error(404, "MANIFEST_UNKNOWN", reference)
            return Said(status=200, headers={"Content-Type": found[0]}, body=found[1])
        digest = f"sha256:{hashlib.sha256(asked.body).hexdigest()}"
        if reference.startswith("sha256:") and reference != digest:
            return error(400, "DIGEST_INVALID", reference)
        document: Any = json.loads(asked.body)
        named = [document["config"]["digest"], *(one["digest"] for one in document["layers"])] if "config" in document else []
        lost = {*named} - self.blobs.get(name, {}).keys() | (
            {one["digest"] for one in document.get("manifests", ())} - there.keys()
        )
        if lost:
            return error(400, "MANIFEST_BLOB_UNKNOWN", min(lost))
        for key in (reference, digest):
            there[key] = (asked.headers["Content-Type"], asked.body)
        return Said(status=201, headers={"Docker-Content-Digest": digest})


def error(status: int, code: str, message: str, **headers: str) -> Said:
    """An error as the specification writes it."""
    return Said(status=status, headers=headers, body=json.dumps({"errors": [{"code": code, "message": message}]}).encode())


@contextmanager
def registry(**more: Any) -> Iterator[RegistryServer]:
    """A registry, as long as it is asked for."""
    here = RegistryServer(**more)
    one_at_a_time = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def _any(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            asked = Asked(method=self.command, path=self.path, headers=dict(self.headers.items()), body=body)
            with one_at_a_time:
                here.asked.append(asked)
                said = here.odd(asked, here) or here.answer(asked)
            if said.cut:
                self.close_connection = True
                return
            self.send_response(said.status)
            for name, value in ({"Content-Length": str(len(said.body))} | dict(said.headers)).items():
                self.send_header(name, value)
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(said.body)

        do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = _any

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    here.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
