"""A host that gets a signal while streams are open and calls wait ends soon, and leaves no server behind."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

from tests.adapters.relay.talking import ACCEPT, Client, ask, leave, until

HERE = Path(__file__).parents[3]


def test_sigterm_with_open_streams() -> None:
    command = [sys.executable, "-m", "tests.simulators.relay_host"]
    process = subprocess.Popen(command, cwd=HERE, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        pids = asyncio.run(_ended(port, process))
        assert process.stdout.read() == "ended\n"
        assert process.returncode == -signal.SIGTERM
        asyncio.run(until(lambda: not any(_lives(pid) for pid in pids)))
    finally:
        process.kill()
        process.wait()
        if process.stdout is not None:
            process.stdout.close()


async def _ended(port: int, process: subprocess.Popen[str]) -> list[int]:
    wrong = await ask(port, "GET", "/t/status", {"origin": "http://evil.example"})
    assert wrong.status == 403
    client = Client(port=port)
    await client.open()
    stream = await client.stream()
    legacy = await ask(port, "GET", "/t/sse", {"accept": "text/event-stream"})
    slow = asyncio.create_task(client.call("slow", {"seconds": 600}))
    pids: list[int] = []

    async def called() -> bool:
        status = json.loads(await (await ask(port, "GET", "/t/status", ACCEPT)).body())
        pids[:] = status["pids"]
        return int(status["calls"]) >= 2

    await until(called)
    process.send_signal(signal.SIGTERM)
    assert [line async for line in stream.lines()][-1] == ""
    assert "event: endpoint" in [line async for line in legacy.lines()]
    assert "this host ends" in (await slow)["error"]["message"]
    await asyncio.to_thread(process.wait, 60)
    leave()
    return pids


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return b"Z" not in Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2][:3]
