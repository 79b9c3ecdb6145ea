"""A model that says what it was told to: it calls one tool, reads the answer, and ends.

It answers agents that ask by OpenAI's Responses API.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(kw_only=True)
class ModelStub:
    """``call`` is the function call that it answers with first. ``asked`` are the requests that came."""

    call: Mapping[str, Any]
    url: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list)

    @property
    def told(self) -> list[str]:
        """What the agent answered to the call."""
        outputs = [one for asked in self.asked for one in asked["input"] if one.get("type") == "function_call_output"]
        return [str(one["output"]) for one in outputs]

    def offered(self, namespace: str) -> dict[str, Any]:
        """The tools that the agent offers in *namespace*, by their names."""
        found = [tool for asked in self.asked for tool in asked.get("tools", []) if tool.get("name") == namespace]
        return {one["name"]: one for one in found[-1]["tools"]} if found else {}


@contextmanager
def serving(stub: ModelStub) -> Iterator[ModelStub]:
    """*stub* at a free port of this machine."""

    class Answering(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *arguments: object) -> None:
            pass

        def do_POST(self) -> None:
            stub.asked.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
            message = {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "done"}]}
            item = message if stub.told else {"type": "function_call", "id": "f", "call_id": "c", **stub.call}
            usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
            events = [
                {"type": "response.created", "response": {"id": "r"}},
                {"type": "response.output_item.done", "item": item},
                {"type": "response.completed", "response": {"id": "r", "usage": usage}},
            ]
            body = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events).encode()
            self.send_response(200)
            self.send_header("content-type", "text/event-stream")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    stub.url = f"http://127.0.0.1:{server.server_port}/v1"
    try:
        yield stub
    finally:
        server.shutdown()
        server.server_close()
        thread.join(timeout=10)
