"""A Kubernetes API server as far as listing goes: bearer tokens, pages, lists that expire, and what a role does not allow.

It speaks the protocol over a real socket; the client under test is the real one.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

TOKEN = "a-token-for-tests"


@dataclass
class Cluster:
    """``objects`` by list path, such as ``/api/v1/pods``; ``forbidden`` paths answer 403; ``expires`` is how many continued
    pages answer 410 before one is given. ``texts`` and ``documents`` answer at paths that list nothing, such as
    ``/metrics`` and ``/version``; ``broken`` paths end the connection without an answer. ``asked`` is every request line.
    """

    objects: dict[str, list[dict[str, Any]]]
    forbidden: set[str] = field(default_factory=set)
    expires: int = 0
    page: int = 2
    asked: list[str] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    documents: dict[str, dict[str, Any]] = field(default_factory=dict)
    broken: set[str] = field(default_factory=set)

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
    """Does the field selector name *item*? Of all that it may ask, names alone are told apart here."""
    asked = query.get("fieldSelector", [""])[0].partition("metadata.name=")[2]
    return not asked or item["metadata"]["name"] == asked


@contextmanager
def serving(cluster: Cluster, folder: Path) -> Iterator[Path]:
    """Serve *cluster*; gives the path of a kubeconfig with the contexts ``good`` (current) and ``bad`` (its token is wrong)."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            cluster.asked.append(self.path)
            if parts.path in cluster.broken:
                self.close_connection = True
                return
            status, body = cluster.answer(parts.path, parse_qs(parts.query), self.headers.get("Authorization", ""))
            data = (body if isinstance(body, str) else json.dumps(body)).encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/plain" if isinstance(body, str) else "application/json")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        path = folder / "kubeconfig"
        path.write_text(json.dumps(_kubeconfig(f"http://127.0.0.1:{server.server_port}")))
        yield path
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _kubeconfig(url: str) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "good",
        "clusters": [{"name": "sim", "cluster": {"server": url}}],
        "users": [{"name": "good", "user": {"token": TOKEN}}, {"name": "bad", "user": {"token": "wrong"}}],
        "contexts": [{"name": name, "context": {"cluster": "sim", "user": name}} for name in ("good", "bad")],
    }
