"""A receiver of webhooks: a real server on loopback that keeps what it took."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass
class Inbox:
    """A real receiver on loopback: what it took, and what it answers."""

    url: str = ""
    took: list[dict[str, Any]] = field(default_factory=list)
    heads: list[dict[str, str]] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)
    status: Callable[[int], int] = lambda number: 204
    arrived: threading.Condition = field(default_factory=threading.Condition)

    def wait_for(self, most: int, seconds: float = 30.0) -> list[dict[str, Any]]:
        with self.arrived:
            assert self.arrived.wait_for(lambda: len(self.took) >= most, seconds), self.took
        return self.took

    @property
    def subjects(self) -> list[str]:
        return [one["data"]["subject"] for one in self.took]


@contextmanager
def inbox(status: Callable[[int], int] = lambda number: 204) -> Iterator[Inbox]:
    here = Inbox(status=status)
    asked = 0

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            nonlocal asked
            body = self.rfile.read(int(self.headers["content-length"]))
            with here.arrived:
                answer = here.status(asked)
                asked += 1
                if 200 <= answer < 300:
                    here.took.append(json.loads(body))
                    here.heads.append({name.lower(): value for name, value in self.headers.items()})
                    here.bodies.append(body)
                here.arrived.notify_all()
            self.send_response(answer)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    here.url = f"http://127.0.0.1:{server.server_address[1]}/hook"
    try:
        yield here
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
