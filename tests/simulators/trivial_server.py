"""A server of MCP over stdio without any dependency, which does what a test tells it: the child of benches and of tests.

Run it with ``python -I -S trivial_server.py``; the options say what it does wrong. ``--modern`` speaks 2026-07-28 alone.
"""

from __future__ import annotations

import json
import os
import sys
import threading
import time
from typing import Any

TOOLS = [
    {"name": name, "description": name, "inputSchema": {"type": "object"}}
    for name in (
        "echo", "count", "big", "slow", "slow_progress", "die", "garbage", "wrong_id", "huge", "flood", "ask", "sleepless",
        "cancelled", "log", "changed", "task", "bytes", "half", "environment",
    )
]  # fmt: skip
_META = "io.modelcontextprotocol/"
_out = threading.Lock()
_counted = 0
_cancelled: list[Any] = []
_tasks: dict[str, int] = {}
_waiting: dict[Any, threading.Event] = {}
_answers: dict[Any, Any] = {}
_said: dict[str, Any] = {}
_inits = 0
_resources = ["test://text"]
_odd = [""]
"""What is wrong with the list of resources."""


def write(message: object) -> None:
    raw(json.dumps(message, separators=(",", ":")).encode())


def raw(line: bytes) -> None:
    with _out:
        sys.stdout.buffer.write(line + b"\n")
        sys.stdout.buffer.flush()


def text(found: object) -> dict[str, Any]:
    return {"content": [{"type": "text", "text": found if isinstance(found, str) else json.dumps(found)}]}


def call(id: Any, params: dict[str, Any]) -> None:
    name, given = params.get("name"), params.get("arguments") or {}
    try:
        result = globals()["tool_" + str(name)](id, given, params.get("_meta") or {})
    except KeyError:
        write({"jsonrpc": "2.0", "id": id, "error": {"code": -32602, "message": f"no tool {name}"}})
        return
    if result is not None:
        write({"jsonrpc": "2.0", "id": id, "result": result})


def tool_echo(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    return text(given.get("text", ""))


def tool_count(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    global _counted
    _counted += 1
    return text(str(_counted))


def tool_environment(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    return text({"environment": dict(os.environ), "meta": meta, "said": _said, "initialized": _inits})


def tool_big(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    return text("x" * int(given["size"]))


def tool_slow(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    def later() -> None:
        gone = _waiting[id] = threading.Event()
        if not gone.wait(float(given["seconds"])):
            write({"jsonrpc": "2.0", "id": id, "result": text("slept")})

    threading.Thread(target=later, daemon=True).start()


def tool_slow_progress(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    def later() -> None:
        gone = _waiting[id] = threading.Event()
        for step in range(int(given.get("steps", 3))):
            params = {"progressToken": meta.get("progressToken"), "progress": step + 1}
            write({"jsonrpc": "2.0", "method": "notifications/progress", "params": params})
            if gone.wait(float(given.get("seconds", 0))):
                return
        write({"jsonrpc": "2.0", "id": id, "result": text("done")})

    threading.Thread(target=later, daemon=True).start()


def tool_cancelled(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    return text(_cancelled)


def tool_die(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    os._exit(3)


def tool_garbage(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    for number in range(int(given.get("lines", 3))):
        raw(b"debug: here I am %d" % number)
    return text("after garbage")


def tool_wrong_id(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    for wrong in (id + 1_000_000, str(id), None, float(id) + 0.5):
        write({"jsonrpc": "2.0", "id": wrong, "result": text("not yours")})
    return text("yours")


def tool_huge(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    if given.get("id") == "last":
        content = b'[{"type":"text","text":"' + b"x" * int(given["size"]) + b'"}]'
        raw(b'{"result":{"content":' + content + b'},"jsonrpc":"2.0","id":%d}' % id)
        return None
    return text("x" * int(given["size"]))


def tool_flood(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    for number in range(int(given["messages"])):
        params = {"level": "info", "data": f"{number} " + "y" * int(given.get("size", 100))}
        write({"jsonrpc": "2.0", "method": "notifications/message", "params": params})
    return text("flooded")


def tool_log(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    params = {"level": "info", "data": given.get("text", "hello")}
    write({"jsonrpc": "2.0", "method": "notifications/message", "params": params})
    return text("logged")


def tool_changed(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    _resources.extend(given.get("add", []))
    _odd[:] = [given.get("odd", "")]
    write({"jsonrpc": "2.0", "method": f"notifications/{given.get('list', 'tools')}/list_changed"})
    return text("changed")


def tool_task(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    """Begin a task, which is over when it was asked for twice."""
    task = f"task-{id}"
    _tasks[task] = 0
    state = {"taskId": task, "status": "working", "createdAt": "2026-07-28T00:00:00Z", "ttlMs": 60000}
    if given.get("tells"):
        write({"jsonrpc": "2.0", "method": "notifications/tasks/status", "params": state})
    return {"task": state} if given.get("old") else {"resultType": "task", **state}


def tool_bytes(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    raw(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"\xff\xfe"}]}}' % id)


def tool_half(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    raw(b'{"jsonrpc":"2.0","id":%d,"result":{"content":[{"type":"text","text":"\\ud83d"}]}}' % id)


def tool_ask(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    def later() -> None:
        asked = f"ask-{id}"
        gone = _waiting[asked] = threading.Event()
        params = {"messages": [], "maxTokens": 1}
        write({"jsonrpc": "2.0", "id": asked, "method": given.get("method", "sampling/createMessage"), "params": params})
        gone.wait(60)
        write({"jsonrpc": "2.0", "id": id, "result": text(_answers.get(asked))})

    threading.Thread(target=later, daemon=True).start()


def tool_sleepless(id: Any, given: dict[str, Any], meta: dict[str, Any]) -> Any:
    """Never read again."""
    write({"jsonrpc": "2.0", "id": id, "result": text("good night")})
    time.sleep(3600)


def listed(id: Any, at: int) -> None:
    """Two resources a page."""
    (odd,) = _odd
    if odd == "die":
        os._exit(3)
    if odd == "error":
        write({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": "no resources"}})
        return
    result: dict[str, Any] = {"resources": [{"uri": uri, "name": uri} for uri in _resources[at : at + 2]]}
    if at + 2 < len(_resources):
        result["nextCursor"] = str(at + 2)
    if odd == "endless":
        result["nextCursor"] = "0"
    write({"jsonrpc": "2.0", "id": id, "result": {"text": {"resources": "many"}, "nothing": {}}.get(odd, result)})


def answer(message: dict[str, Any], modern: bool) -> None:
    global _inits
    id, method, params = message.get("id"), message.get("method"), message.get("params") or {}
    if method is None:
        _answers[id] = {key: message[key] for key in ("result", "error") if key in message}
        if id in _waiting:
            _waiting[id].set()
    elif method == "notifications/cancelled":
        _cancelled.append(params.get("requestId"))
        if params.get("requestId") in _waiting:
            _waiting[params["requestId"]].set()
    elif id is None:
        return
    elif method == "initialize" and not modern:
        _inits += 1
        _said.update(params)
        result = {
            "protocolVersion": params.get("protocolVersion"),
            "capabilities": {"tools": {"listChanged": True}, "logging": {}, "resources": {"subscribe": True}},
            "serverInfo": {"name": "trivial", "version": "1"},
        }
        write({"jsonrpc": "2.0", "id": id, "result": result})
    elif method == "server/discover" and modern:
        result = {
            "resultType": "complete",
            "ttlMs": 0,
            "cacheScope": "private",
            "supportedVersions": ["2026-07-28"],
            "capabilities": {"tools": {}},
            "_meta": {_META + "serverInfo": {"name": "trivial", "version": "1"}},
        }
        write({"jsonrpc": "2.0", "id": id, "result": result})
    elif method == "tools/list":
        write({"jsonrpc": "2.0", "id": id, "result": {"tools": TOOLS}})
    elif method == "tools/call":
        call(id, params)
    elif method == "resources/list":
        listed(id, int(params.get("cursor", 0)))
    elif method == "resources/read" and params.get("uri") == "test://text":
        write({"jsonrpc": "2.0", "id": id, "result": {"contents": [{"uri": "test://text", "text": "what it holds"}]}})
    elif method == "resources/read" and params.get("uri", "").startswith("test://late/"):
        write({"jsonrpc": "2.0", "id": id, "result": {"contents": [{"uri": params["uri"], "text": "came later"}]}})
    elif method == "tasks/get" and params.get("taskId") in _tasks:
        _tasks[params["taskId"]] += 1
        over = _tasks[params["taskId"]] > 2
        state = {"taskId": params["taskId"], "status": "completed" if over else "working", "ttlMs": 60000}
        result = {"resultType": "complete", **state, **({"result": text("the work is done")} if over else {})}
        write({"jsonrpc": "2.0", "id": id, "result": result})
    elif method == "tasks/list":
        write({"jsonrpc": "2.0", "id": id, "result": {"tasks": [{"taskId": one} for one in _tasks], "nextCursor": "more"}})
    elif method == "tasks/cancel" and params.get("taskId") in _tasks:
        write({"jsonrpc": "2.0", "id": id, "result": {"taskId": params["taskId"], "status": "cancelled"}})
    elif method == "tasks/result" and params.get("taskId") in _tasks:
        write({"jsonrpc": "2.0", "id": id, "result": text("the work is done")})
    elif method == "completion/complete":
        write({"jsonrpc": "2.0", "id": id, "result": {"completion": {"values": [json.dumps(params["ref"])]}}})
    elif method == "prompts/get" and params.get("name") == "greet":
        said = {"role": "user", "content": {"type": "text", "text": "Say hello."}}
        write({"jsonrpc": "2.0", "id": id, "result": {"messages": [said]}})
    elif method == "resources/subscribe":
        write({"jsonrpc": "2.0", "id": id, "result": {}})
        write({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": params["uri"]}})
    elif method in ("ping", "logging/setLevel", "resources/unsubscribe"):
        write({"jsonrpc": "2.0", "id": id, "result": {}})
    else:
        write({"jsonrpc": "2.0", "id": id, "error": {"code": -32601, "message": f"no {method}"}})


def main() -> None:
    modern = "--modern" in sys.argv
    if "--slow-start" in sys.argv:
        time.sleep(float(sys.argv[sys.argv.index("--slow-start") + 1]))
    for line in sys.stdin.buffer:
        answer(json.loads(line), modern)


if __name__ == "__main__":
    main()
