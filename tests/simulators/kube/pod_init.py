"""The first process of a simulated pod: it has a network of its own with nothing but loopback, starts the containers, and lets
connections in that come through a Unix socket.

It is started with ``unshare --user --map-root-user --net`` and is told what to do in lines of JSON.
"""

from __future__ import annotations

import asyncio
import fcntl
import json
import os
import signal
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

_UP = struct.pack("16sh14x", b"lo", 0x1 | 0x40)
_SIOCSIFFLAGS, _SIOCSIFADDR = 0x8914, 0x8916


class Pod:
    """``path`` is the socket at which connections come in: two bytes of the port first."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.running: dict[str, asyncio.subprocess.Process] = {}
        self.tasks: list[asyncio.Task[None]] = []

    async def serve(self) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one, suppress(PermissionError):
            fcntl.ioctl(one, _SIOCSIFFLAGS, _UP)
        await asyncio.start_unix_server(self.enter, self.path)
        self.say({"up": True})
        loop = asyncio.get_running_loop()
        reader = asyncio.StreamReader()
        await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        while line := await reader.readline():
            asked = json.loads(line)
            if "outside" in asked:
                await self.lead_out(asked["outside"], asked["port"], asked["path"])
            elif "start" in asked:
                self.tasks.append(loop.create_task(self.start(asked["start"], asked["argv"], asked["env"], asked["log"])))
            elif "signal" in asked:
                process = self.running.get(asked["name"])
                if process is not None and process.returncode is None:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, asked["signal"])
        for process in self.running.values():
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)

    async def lead_out(self, address: str, port: int, path: str) -> None:
        """Let *port* of *address*, which is nowhere in this network, lead to the Unix socket at *path*."""
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
            at = struct.pack("16sHH4s8x", b"lo:1", socket.AF_INET, 0, socket.inet_aton(address))
            fcntl.ioctl(one, _SIOCSIFADDR, at)

        async def left(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            there = await asyncio.open_unix_connection(path)
            await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

        await asyncio.start_server(left, address, port)
        self.say({"outside": port})

    async def start(self, name: str, argv: list[str], env: dict[str, str], log: str) -> None:
        with open(log, "ab") as out:  # noqa: PTH123
            try:
                process = await asyncio.create_subprocess_exec(
                    *argv, env=env, stdin=asyncio.subprocess.DEVNULL, stdout=out, stderr=out, start_new_session=True
                )
            except OSError as error:
                self.say({"ended": name, "code": 128, "error": str(error)})
                return
        self.running[name] = process
        self.say({"started": name, "pid": process.pid})
        self.say({"ended": name, "code": await process.wait()})

    async def enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            port = int.from_bytes(await reader.readexactly(2), "big")
            there = await asyncio.open_connection("127.0.0.1", port)
        except (OSError, asyncio.IncompleteReadError):
            writer.transport.abort()
            return
        await asyncio.gather(_pump(reader, there[1]), _pump(there[0], writer))

    @staticmethod
    def say(told: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()


if __name__ == "__main__":
    asyncio.run(Pod(sys.argv[1]).serve())
