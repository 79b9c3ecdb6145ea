"""The suite's everything server as a hosted one: over stdio, behind the relay, whose front is what the suite talks to.

python -m tests.conformance.hosted --port 8000      the relay, at /everything/mcp
python -m tests.conformance.hosted --child          the server, over stdio
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import anyio
import uvicorn
from mcp.server.stdio import stdio_server

from adapters.relay.app import relay
from adapters.relay.serve import OneHost, config
from capabilities.work import Work
from tests.conformance.everything import everything
from tests.models import bench
from tests.simulators.hosting import Hosting

_AT_ONCE = 8


def child() -> None:
    """Serve everything over stdio until its input ends."""
    with tempfile.TemporaryDirectory() as folder:
        work = Work(long=_AT_ONCE)
        server = everything(bench(Path(folder)).place(), work)

        async def served() -> None:
            async with stdio_server() as (read, write):
                await server.run(read, write, server.create_initialization_options())

        anyio.run(served)
        work.close()


def front(port: int) -> None:
    """Serve the relay at *port* of this machine."""
    hosting = Hosting(commands={"everything": [sys.executable, "-m", "tests.conformance.hosted", "--child"]})
    hosting.environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    names = {f"{host}:{port}".encode() for host in ("127.0.0.1", "localhost", "[::1]")}
    app = OneHost(app=relay(hosting), hosts=frozenset(names), origins=frozenset(b"http://" + one for one in names))
    served = config(app)
    served.port = port
    uvicorn.Server(served).run()
    hosting.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--child", action="store_true")
    given = parser.parse_args()
    if given.child:
        child()
    else:
        front(given.port)


if __name__ == "__main__":
    main()
