"""A model that calls one tool and ends, for agents that ask by Anthropic's Messages API. It streams, as they ask it to."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(kw_only=True)
class MessagesStub:
    """``name`` is the tool that it calls, with ``arguments``. ``asked`` are the requests that came."""

    name: str
    arguments: Mapping[str, Any]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def told(self) -> list[dict[str, Any]]:
        """What the agent answered to the call."""
        parts = [one["content"] for asked in self.asked for one in asked.get("messages", ())]
        return [one for part in parts if isinstance(part, list) for one in part if one.get("type") == "tool_result"]

    def offered(self) -> set[str]:
        """The names of all tools that the agent offers."""
        return {str(one["name"]) for asked in self.asked for one in asked.get("tools", ())}

    def events(self) -> list[dict[str, Any]]:
        """The answer to the request that came last."""
        calls = self.name in self.offered() and not self.told
        use = {"type": "tool_use", "id": "toolu_1", "name": self.name, "input": {}}
        given = {"type": "input_json_delta", "partial_json": json.dumps(self.arguments)}
        block, delta = (use, given) if calls else ({"type": "text", "text": ""}, {"type": "text_delta", "text": "done"})
        usage = {"input_tokens": 1, "output_tokens": 1}
        head = {"id": "m", "type": "message", "role": "assistant", "model": "stub", "content": [], "usage": usage}
        end = {"stop_reason": "tool_use" if calls else "end_turn", "stop_sequence": None}
        return [
            {"type": "message_start", "message": {**head, "stop_reason": None, "stop_sequence": None}},
            {"type": "content_block_start", "index": 0, "content_block": block},
            {"type": "content_block_delta", "index": 0, "delta": delta},
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": end, "usage": {"output_tokens": 1}},
            {"type": "message_stop"},
        ]


@contextmanager
def serving(stub: MessagesStub) -> Iterator[MessagesStub]:
    """*stub* at a free port of this machine."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_POST(self) -> None:
            stub.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            body = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in stub.events()).encode()
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
