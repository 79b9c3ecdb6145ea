#!/usr/bin/env bash
# CPython's asyncio: asyncio sets TCP_NODELAY only on sockets whose `proto` is IPPROTO_TCP. A listening socket made by
# socket.socket(AF_INET, SOCK_STREAM) has proto 0, and accepted sockets inherit that. So a server that is handed such a socket
# (uvicorn's `sockets=[…]`) sends head and body of each answer in two packets with Nagle's algorithm on, and every request on a
# connection that is kept open waits for the client's delayed acknowledgement, some 40 ms on Linux. Seen on CPython 3.11.
set -euo pipefail
folder=$(mktemp -d); trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
cat > "$folder/seen.py" <<'PY'
import asyncio, socket, sys

async def nodelay(proto):
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM, proto)
    listening.bind(("127.0.0.1", 0))
    seen = asyncio.get_running_loop().create_future()

    class Server(asyncio.Protocol):
        def connection_made(self, transport):
            seen.set_result(transport.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
            transport.close()

    server = await asyncio.get_running_loop().create_server(Server, sock=listening)
    _, writer = await asyncio.open_connection(*listening.getsockname())
    found = await seen
    writer.close()
    server.close()
    return bool(found)

plain, named = asyncio.run(nodelay(0)), asyncio.run(nodelay(socket.IPPROTO_TCP))
print("Python", sys.version.split()[0], "TCP_NODELAY of a connection: proto 0", plain, "| IPPROTO_TCP", named)
assert (plain, named) == (False, True)
PY
"$folder/venv/bin/python" "$folder/seen.py"
