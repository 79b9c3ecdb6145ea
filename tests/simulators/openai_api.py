"""An OpenAI-compatible endpoint over real sockets, whose answers come exactly when they are planned to, or break as planned.

Nothing is generated: a `Plan` says what bytes follow after which wait. Waits end at moments of the clock, not after sleeps, so
that delays do not add up.
"""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any


class Break(Enum):
    """What happens instead of a whole answer; if the answer has halves, after the first half."""

    NONE = "none"
    STATUS = "status"
    DISCONNECT = "disconnect"
    STALL = "stall"
    MALFORMED = "malformed"
    NOT_HTTP = "not-http"
    NOT_STREAM = "not-stream"
    HUGE = "huge"
    HUGE_EVENT = "huge-event"
    ENDLESS = "endless"
    PINGS = "pings"
    ERROR_EVENT = "error-event"
    NO_TEXT = "no-text"
    REDIRECT = "redirect"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Seconds from accepting the connection to the first text, and between events with text; ``words`` tokens in each event.

    ``hidden`` tokens are counted and never sent. ``refuses`` are parts of a request that make it a bad one. ``calls`` are the
    names and arguments of what it calls if tools are offered, one for each that is asked for; ``images`` and ``embeds`` say
    what else it takes and gives.
    """

    first: float = 0.02
    gap: float = 0.004
    events: int | None = None
    words: int = 1
    hidden: int = 0
    refuses: tuple[str, ...] = ()
    calls: tuple[tuple[str, str], ...] = ()
    images: bool = False
    embeds: bool = False
    role_first: bool = True
    usage: bool = True
    drift: bool = False
    shared: float = 1.0
    breaks: Break = Break.NONE
    status: int = 503
    only: int | None = None


Routes = Callable[[str], tuple[int, str, bytes] | None]
"""What a kind of server answers a GET of a path with: status, media type, body; ``None`` if it has no such route."""


@dataclass
class Api:
    """``plans`` by model. ``routes`` come before the list of models; a model that may not answer is refused with 400.

    ``seen`` are the bodies of the requests, ``headers`` their headers, ``longest`` how many at once,
    ``written`` the moments of each answer: when its connection was accepted, and when each text was written.
    """

    plans: dict[str, Plan]
    url: str = ""
    listed: list[str] | None = None
    list_path: str = "/v1/models"
    owner: str = "tests"
    routes: Routes | None = None
    may_answer: Callable[[str], bool] = lambda model: True
    seen: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    busy: dict[str, int] = field(default_factory=dict)
    longest: int = 0
    accepted: dict[Any, float] = field(default_factory=dict)
    written: list[list[float]] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)
    ended: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(tls: tuple[Path, Path] | None = None, **plans: Plan) -> Iterator[Api]:
    """Serve *plans* by model; over TLS with the certificate and the key of *tls*."""
    api = Api(plans=plans)
    secured = None
    if tls is not None:
        secured = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        secured.load_cert_chain(*tls)

    class Handler(_Handler):
        here = api

    class Server(ThreadingHTTPServer):
        daemon_threads = True
        request_queue_size = 128

        def get_request(self) -> tuple[socket.socket, Any]:
            connection, address = super().get_request()
            api.accepted[address] = time.perf_counter()
            if secured is not None:  # the handshake is left to the connection's own thread
                connection = secured.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            return connection, address

        def handle_error(self, request: Any, client_address: Any) -> None:
            """A client that closes the connection, like one that refuses the certificate."""

    server = Server(("127.0.0.1", 0), Handler)
    api.url = f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    try:
        yield api
    finally:
        api.ended.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _list(names: list[str], owner: str) -> dict[str, Any]:
    return {"object": "list", "data": [{"id": name, "object": "model", "owned_by": owner} for name in names]}


class _Handler(BaseHTTPRequestHandler):
    here: Api
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: object) -> None:
        """No log is needed."""

    def do_GET(self) -> None:
        api = self.here
        names = list(api.plans) if api.listed is None else api.listed
        told = api.routes(self.path) if api.routes is not None else None
        if told is not None:
            self._plain(told[0], told[2], kind=told[1])
        elif self.path != api.list_path:
            self._plain(404, b"{}")
        elif self.path == "/v1/models":
            self._plain(200, json.dumps(_list(names, api.owner)).encode())
        else:
            self._plain(200, json.dumps(names).encode())

    def do_POST(self) -> None:
        api = self.here
        began = api.accepted.pop(self.client_address)
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with api.lock:
            number = sum(one["model"] == body["model"] for one in api.seen)
            api.seen.append({**body, "path": self.path})
            api.headers.append(dict(self.headers))
            api.busy[body["model"]] = api.busy.get(body["model"], 0) + 1
            api.longest = max(api.longest, sum(api.busy.values()))
        try:
            with suppress(ConnectionError):
                if not api.may_answer(body["model"]):
                    self._plain(400, b'{"error": {"message": "Model not loaded"}}')
                    return
                self._answer(api.plans[body["model"]], body, number, began)
        finally:
            self.close_connection = True
            with api.lock:
                api.busy[body["model"]] -= 1

    def _plain(self, status: int, data: bytes, kind: str = "application/json", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        if kind:
            self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def _answer(self, plan: Plan, body: dict[str, Any], number: int, began: float) -> None:
        breaks = plan.breaks if plan.only in (None, number) else Break.NONE
        if self.path == "/v1/embeddings":
            self._plain(200 if plan.embeds else 404, json.dumps({"data": [{"embedding": [0.5]}]}).encode())
            return
        if "tools" in body:
            self._call(plan, body)
            return
        if not body.get("stream"):
            self._plain(200 if plan.images else 400, json.dumps({"choices": [{"message": {"content": "a dot"}}]}).encode())
            return
        if any(part in body for part in plan.refuses):
            self._plain(400, b'{"detail": "unknown field"}')
            return
        if breaks is Break.STATUS:
            self._plain(plan.status, f"echo {self.headers['Authorization']}".encode())
            return
        if breaks is Break.REDIRECT:
            self._plain(307, b"", Location="http://127.0.0.1:1/elsewhere")
            return
        if breaks is Break.NOT_HTTP:
            self.wfile.write(b"hello, this is another protocol\r\n\r\n")
            return
        if breaks is Break.NOT_STREAM:
            self._plain(200, b'{"choices": [{"message": {"content": "all at once"}}]}')
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream; charset=utf-8")
        self.send_header("Transfer-Encoding", "chunked")
        self.send_header("Connection", "close")
        self.end_headers()
        self._stream(plan, body, number, began, breaks)

    def _call(self, plan: Plan, body: dict[str, Any]) -> None:
        both = "both" in body["messages"][0]["content"]
        made = [
            {"index": at, "id": f"call_{at}", "type": "function", "function": {"name": name, "arguments": arguments}}
            for at, (name, arguments) in enumerate(plan.calls[: 2 if both else 1])
        ]
        if not body.get("stream"):
            message = {"role": "assistant", "content": None, "tool_calls": made}
            self._plain(200, json.dumps({"choices": [{"message": message, "finish_reason": "tool_calls"}]}).encode())
            return
        events = [{"choices": [{"delta": {"role": "assistant", "content": None}}]}]
        for one in made:  # the name comes first, and then the arguments in two parts
            function = one["function"]
            half = len(function["arguments"]) // 2
            parts = [{**one, "function": {"name": function["name"], "arguments": ""}}]
            parts += [{"index": one["index"], "function": {"arguments": function["arguments"][:half]}}]
            parts += [{"index": one["index"], "function": {"arguments": function["arguments"][half:]}}]
            events += [{"choices": [{"delta": {"tool_calls": [part]}}]} for part in parts]
        events.append({"choices": [{"delta": {}, "finish_reason": "tool_calls"}]})
        data = "".join(f"data: {json.dumps(event)}\n\n" for event in events) + "data: [DONE]\n\n"
        self._plain(200, data.encode(), kind="text/event-stream")

    def _stream(self, plan: Plan, body: dict[str, Any], number: int, began: float, breaks: Break) -> None:
        chat = "messages" in body
        others = sum(many > 0 for name, many in self.here.busy.items() if name != body["model"])
        slow = plan.shared if others else 1.0
        limit = body.get("max_tokens", body.get("max_completion_tokens", 8))
        events = plan.events if plan.events is not None else -(-limit // plan.words)
        if plan.role_first and chat:
            self._event({"choices": [{"delta": {"role": "assistant", "content": ""}}]})
        due = began + plan.first * slow
        moments = [began]
        self.here.written.append(moments)
        for index in range(events):
            self._until(due)
            due += plan.gap * slow
            if index == events // 2 and self._broken(breaks, chat):
                return
            text = "" if breaks is Break.NO_TEXT else "word " * plan.words
            if plan.drift and index == 0:
                text = f"{number} {text}"
            moments.append(time.perf_counter())
            self._event({"choices": [{"delta": {"content": text}} if chat else {"text": text}]})
        self._event(
            {"choices": [{"delta": {}, "finish_reason": "length"} if chat else {"text": "", "finish_reason": "length"}]}
        )
        if plan.usage and "stream_options" in body:
            self._event({"choices": [], "usage": {"completion_tokens": events * plan.words + plan.hidden}})
        self._write(b"data: [DONE]\n\n")
        self._chunk(b"")

    def _broken(self, breaks: Break, chat: bool) -> bool:
        """Is this the end of the answer?"""
        if breaks is Break.DISCONNECT:
            return True
        if breaks is Break.STALL:
            self.here.ended.wait(600)
            return True
        if breaks is Break.MALFORMED:
            self._write(b'data: {"choices": [{"delta": \n\n')
        elif breaks is Break.ERROR_EVENT:
            self._event({"error": {"message": "out of memory"}})
        elif breaks is Break.HUGE:  # one gigabyte, in events that are each of a fair size
            event = b": " + b"x" * 65000 + b"\n"
            for _ in range(2**30 // len(event)):
                self._write(event)
        elif breaks is Break.HUGE_EVENT:
            while not self.here.ended.is_set():
                self._write(b"x" * 65536)
        elif breaks in (Break.ENDLESS, Break.PINGS):
            while not self.here.ended.wait(0.001):
                if breaks is Break.PINGS:
                    self._write(b": ping\n\n")
                else:
                    self._event({"choices": [{"delta": {"content": "more "}} if chat else {"text": "more "}]})
        else:
            return False
        return True

    def _until(self, due: float) -> None:
        while (left := due - time.perf_counter()) > 0:
            time.sleep(left)

    def _event(self, said: dict[str, Any]) -> None:
        if "choices" in said:
            chat = not any("text" in choice for choice in said["choices"])
            said = {"id": "1", "object": "chat.completion.chunk" if chat else "text_completion", **said}
        self._write(f"data: {json.dumps(said)}\n\n".encode())

    def _write(self, data: bytes) -> None:
        self._chunk(data)

    def _chunk(self, data: bytes) -> None:
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()
