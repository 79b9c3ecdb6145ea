"""A small MCP server without dependencies, as a person might write one: the tests host it from a folder."""

import json
import os
import sys
import time


def called(name: str, given: dict) -> object:  # type: ignore[type-arg]
    if name == "echo":
        return given
    if name == "environment":
        return dict(os.environ)
    if name == "place":
        return {"pid": os.getpid(), "arguments": sys.argv[1:], "folder": os.getcwd()}  # noqa: PTH109
    if name == "crash":
        os._exit(int(given.get("code", 3)))
    if name == "sleep":
        time.sleep(given["seconds"])
    if name == "say":
        print(given["text"], file=sys.stderr, flush=True)
    return {}


def main() -> None:
    if "--tell" in sys.argv:
        sys.exit(f"the token {os.environ['TOKEN']} is not accepted")
    if "--broken" in sys.argv:
        sys.exit("a dependency is missing")
    for line in sys.stdin:
        asked = json.loads(line)
        if "id" not in asked or "method" not in asked:
            continue
        method, params = asked["method"], asked.get("params", {})
        if method == "initialize":
            result = {
                "protocolVersion": params["protocolVersion"],
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "small", "version": "1"},
            }
        elif method == "tools/list":
            result = {"tools": [{"name": "echo", "inputSchema": {"type": "object"}}]}
        elif method == "tools/call":
            found = called(params["name"], params.get("arguments", {}))
            result = {"content": [{"type": "text", "text": json.dumps(found)}]}
        else:
            print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "error": {"code": -32601, "message": "no"}}), flush=True)
            continue
        print(json.dumps({"jsonrpc": "2.0", "id": asked["id"], "result": result}), flush=True)


if __name__ == "__main__":
    main()
