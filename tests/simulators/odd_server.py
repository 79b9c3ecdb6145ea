"""A server of MCP over stdio that does odd things, one a tool. After most of them it answers the call in the right way.

Run it with ``python -I -S odd_server.py HOW``: HOW is an odd way to shake hands, or ``well``; ``--modern`` speaks 2026-07-28.
"""

from __future__ import annotations

import json
import os
import sys
import time
from typing import Any

GOOD = {"content": [{"type": "text", "text": "good"}]}
TOOLS = [
    {"name": name, "description": name, "inputSchema": {"type": "object"}}
    for name in (
        "echo", "half_and_end", "half_for_ever", "batch", "twice", "both", "neither", "words", "pings", "deep", "lines",
        "changes", "progress", "closes_output", "closes_input", "errors", "early", "asks_late", "cancels", "ids", "names",
    )
]  # fmt: skip


def raw(data: bytes) -> None:
    sys.stdout.buffer.write(data)
    sys.stdout.buffer.flush()


def say(message: object) -> None:
    raw(json.dumps(message, separators=(",", ":")).encode() + b"\n")


def good(id: Any) -> None:
    say({"jsonrpc": "2.0", "id": id, "result": GOOD})


def note(method: str, params: Any = None) -> None:
    say({"jsonrpc": "2.0", "method": method, **({"params": params} if params is not None else {})})


def call(name: str, id: Any, given: dict[str, Any], meta: dict[str, Any]) -> None:
    whole = json.dumps({"jsonrpc": "2.0", "id": id, "result": GOOD}).encode()
    if name == "half_and_end":
        raw(whole[:30])
        os._exit(0)
    elif name == "half_for_ever":
        raw(whole[:30])
        return
    elif name == "batch":
        raw(b"[" + whole + b"," + whole + b"]\n[]\n")
        good(id)
    elif name == "twice":
        good(id)
        say({"jsonrpc": "2.0", "id": id, "result": {"content": [{"type": "text", "text": "another"}]}})
        say({"jsonrpc": "2.0", "id": id, "error": {"code": -1, "message": "or not"}})
    elif name == "both":
        say({"jsonrpc": "2.0", "id": id, "result": GOOD, "error": {"code": -1, "message": "and not"}})
    elif name == "neither":
        say({"jsonrpc": "2.0", "id": id})
    elif name == "words":
        for params in (1, "x", [1], None, True):
            for method in ("notifications/progress", "notifications/cancelled", "notifications/message", "x", ""):
                say({"jsonrpc": "2.0", "method": method, "params": params})
        say({"jsonrpc": "1.0", "method": "notifications/message", "params": {}})
        good(id)
    elif name == "pings":
        for number in range(int(given["pings"])):
            say({"jsonrpc": "2.0", "id": f"ping-{number}", "method": "ping"})
        good(id)
    elif name == "deep":
        depth = int(given["depth"])
        raw(b'{"jsonrpc":"2.0","method":"notifications/message","params":{"data":' + b"[" * depth + b"]" * depth + b"}}\n")
        raw(b'{"jsonrpc":"2.0","method":"x","params":' + b"[" * depth + b"\n")
        good(id)
    elif name == "lines":
        for line in (b"", b"\r\n", b"\0\0\0", b"\xef\xbb\xbf{}", b"\xff\xfe", b"null", b"1e999", b'"', b"{", b"}{", b"nan"):
            raw(line + b"\n")
        raw(b"  " + whole + b" \r\n")
    elif name == "changes":
        for _ in range(int(given["changes"])):
            note("notifications/tools/list_changed")
        good(id)
    elif name == "progress":
        for token in ("not-mine", -1, 1.5, None, [], {}, True, 10**30, meta.get("progressToken")):
            note("notifications/progress", {"progressToken": token, "progress": 1})
        good(id)
        note("notifications/progress", {"progressToken": meta.get("progressToken"), "progress": 2})
    elif name == "closes_output":
        os.close(1)
        time.sleep(3600)
    elif name == "closes_input":
        good(id)
        os.close(0)
        time.sleep(3600)
    elif name == "errors":
        for _ in range(int(given["megabytes"])):
            os.write(2, b"e" * (1 << 20))
        good(id)
    elif name == "early":
        for number in range(1, 200):
            say({"jsonrpc": "2.0", "id": id + number, "result": {"content": [{"type": "text", "text": "not asked"}]}})
        good(id)
    elif name == "asks_late":
        good(id)
        time.sleep(float(given["seconds"]))
        for number in range(600):
            say({"jsonrpc": "2.0", "id": f"late-{number}", "method": "sampling/createMessage", "params": {"messages": []}})
    elif name == "cancels":
        for one in (id, "x", None, 10**20, {"a": 1}):
            note("notifications/cancelled", {"requestId": one})
        good(id)
    elif name == "ids":
        for one in (True, 1e400, -0.5, [], {}, "", str(id), 10**40):
            raw(b'{"jsonrpc":"2.0","result":{},"id":' + json.dumps(one).encode().replace(b"Infinity", b"1e400") + b"}\n")
        good(id)
    elif name == "names":
        raw(
            b'{"jsonrpc":"2.0","id":0,"id":%d,"result":{"a":1},"result":%b,"jsonrpc":"2.0"}\n' % (id, json.dumps(GOOD).encode())
        )
    else:
        good(id)


def opened(how: str, id: Any, params: dict[str, Any]) -> None:
    version, info = params.get("protocolVersion"), {"name": "odd", "version": "1"}
    result: dict[str, Any] = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": info}
    if how == "future":
        result["protocolVersion"] = "2099-01-01"
    elif how == "number":
        result["protocolVersion"] = 20251125
    elif how == "bare":
        result = {}
    elif how == "text":
        say({"jsonrpc": "2.0", "id": id, "result": "hello"})
        return
    elif how == "refuses":
        say({"jsonrpc": "2.0", "id": id, "error": {"code": -32603, "message": "not today"}})
        return
    elif how == "banner":
        raw(b"Odd server 1.0\nlistening on stdio\n")
    elif how == "changes_first":
        note("notifications/tools/list_changed")
        say({"jsonrpc": "2.0", "id": "before", "method": "roots/list"})
    elif how == "twice":
        say({"jsonrpc": "2.0", "id": id, "result": result})
    say({"jsonrpc": "2.0", "id": id, "result": result})


def main() -> None:
    how, modern = sys.argv[1], "--modern" in sys.argv
    for line in sys.stdin.buffer:
        asked = json.loads(line)
        id, method, params = asked.get("id"), asked.get("method"), asked.get("params") or {}
        if method is None or id is None:
            continue
        if method == "initialize" and not modern:
            opened(how, id, params)
        elif method == "server/discover" and modern:
            found = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {}}, "resultType": "complete"}
            say({"jsonrpc": "2.0", "id": id, "result": found})
        elif method == "tools/list":
            say({"jsonrpc": "2.0", "id": id, "result": {"tools": TOOLS}})
        elif method == "tools/call":
            call(params["name"], id, params.get("arguments") or {}, params.get("_meta") or {})
        else:
            say({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": f"no {method}"}})


if __name__ == "__main__":
    main()
