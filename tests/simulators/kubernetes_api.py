"""A Kubernetes API server as far as listing goes: bearer tokens, pages, lists that expire, and what a role does not allow.

It speaks the protocol over a real socket; the client under test is the real one.
"""

from __future__ import annotations

import base64
import io
import json
import socket
import ssl
import struct
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.certificates import Authority

TOKEN = "a-token-for-tests"


@dataclass
class Cluster:
    """``objects`` by list path, such as ``/api/v1/pods``; ``forbidden`` paths answer 403; ``expires`` is how many continued
    pages answer 410 before one is given. ``texts`` and ``documents`` answer at paths that list nothing, such as
    ``/metrics`` and ``/version``; ``broken`` paths end the connection without an answer. ``asked`` is every request line.
    ``breaks`` are paths at which the server fails in the named way; with ``for_good`` it fails in this way ever after.
    ``broke`` is set at the first failure.
    """

    objects: dict[str, list[dict[str, Any]]]
    forbidden: set[str] = field(default_factory=set)
    expires: int = 0
    page: int = 2
    asked: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)
    breaks: dict[str, str] = field(default_factory=dict)
    for_good: bool = True
    broke: threading.Event = field(default_factory=threading.Event)

    def failure(self, path: str) -> str:
        """How the answer at *path* fails: ``reset``, ``hang``, ``cut``, ``drip``, ``garbage``, or a status. Empty: not."""
        if self.broke.is_set() and self.for_good:
            return next(iter(self.breaks.values()))
        if path in self.breaks:
            self.broke.set()
        return self.breaks.get(path, "")

    def answer(self, path: str, query: dict[str, list[str]], token: str) -> tuple[int, dict[str, Any] | str]:
        if token != f"Bearer {TOKEN}":
            return 401, {"kind": "Status", "message": "Unauthorized"}
        if path in self.forbidden:
            return 403, {"kind": "Status", "message": "forbidden"}
        if path in self.texts:
            return 200, self.texts[path]
        if path in self.documents:
            return 200, self.documents[path]
        if path not in self.objects:
            return 404, {"kind": "Status", "message": "the server could not find the requested resource"}
        start = int(query.get("continue", ["0"])[0])
        if start and self.expires:
            self.expires -= 1
            return 410, {"kind": "Status", "reason": "Expired", "message": "The provided continue parameter is too old"}
        items = [one for one in self.objects[path] if _chosen(one, query)]
        size = min(self.page, int(query.get("limit", [str(len(items) or 1)])[0]))
        metadata = {"resourceVersion": "1"}
        if start + size < len(items):
            metadata["continue"] = str(start + size)
        # Items of a list carry neither kind nor version, as with a real server.
        return 200, {"kind": "List", "apiVersion": "v1", "metadata": metadata, "items": items[start : start + size]}


def _chosen(item: dict[str, Any], query: dict[str, list[str]]) -> bool:
    """Does the field selector name *item*? Only selectors by name are supported here."""
    asked = query.get("fieldSelector", [""])[0].partition("metadata.name=")[2]
    return not asked or item["metadata"]["name"] == asked


@contextmanager
def serving(cluster: Cluster, folder: Path, *, secure: bool = False) -> Iterator[Path]:
    """Serve *cluster*; gives the path of a kubeconfig with the contexts ``good`` (current) and ``bad`` (its token is wrong).

    A *secure* one has TLS by its own authority, which the kubeconfig names; a client with a certificate of that authority
    (``tls.crt`` and ``tls.key`` in *folder*) needs no token.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            cluster.asked.append(self.path)
            if parts.path in cluster.broken:
                self.close_connection = True
                return
            how = cluster.failure(parts.path)
            if how and not how.isdigit():
                self.fail(how)
                return
            known = isinstance(self.connection, ssl.SSLSocket) and self.connection.getpeercert()
            said = f"Bearer {TOKEN}" if known else self.headers.get("Authorization", "")
            status, body = cluster.answer(parts.path, parse_qs(parts.query), said)
            status, body = (int(how), {"kind": "Status", "message": "broken as planned"}) if how else (status, body)
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def fail(self, how: str) -> None:
            """Give an answer that cannot be used: an end in the middle, silence, or text that is not a list."""
            if how == "reset":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.connection.close()
                self.wfile = io.BytesIO()  # otherwise the handler would flush a closed stream
                return
            if how == "hang":
                ended.wait()
                return
            data = b"<html>Sign in to the network</html>" if how == "garbage" else b'{"kind": "List", "items": ['
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(data) + (0 if how == "garbage" else 1_000_000)))
            self.end_headers()
            self.wfile.write(data)
            with suppress(OSError):
                while how == "drip" and not ended.wait(0.05):
                    self.wfile.write(b" ")

        def log_message(self, format: str, *args: object) -> None:
            pass

    ended = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    authority = Authority.new() if secure else None
    if authority is not None:
        server.socket = _context(authority, folder).wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        path = folder / "kubeconfig"
        path.write_text(json.dumps(_kubeconfig(server.server_port, authority)))
        path.chmod(0o600)
        yield path
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _context(authority: Authority, folder: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority.issue("127.0.0.1", folder))
    context.load_verify_locations(cadata=authority.pem.decode())
    context.verify_mode = ssl.CERT_OPTIONAL
    return context


def _kubeconfig(port: int, authority: Authority | None) -> dict[str, Any]:
    cluster = {"server": f"{'http' if authority is None else 'https'}://127.0.0.1:{port}"}
    if authority is not None:
        cluster["certificate-authority-data"] = base64.b64encode(authority.pem).decode()
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "good",
        "clusters": [{"name": "sim", "cluster": cluster}],
        "users": [{"name": "good", "user": {"token": TOKEN}}, {"name": "bad", "user": {"token": "wrong"}}],
        "contexts": [{"name": name, "context": {"cluster": "sim", "user": name}} for name in ("good", "bad")],
    }
