"""Hosted servers: how long a start, a crash and the end of a host take, beside the same server started by hand.

    python -m benches.hosting [--rounds N] [--package PACKAGE]

The server is the small one of the tests, or with ``--package`` one that is resolved by the site's index and allowed here (such
as ``pypi:mcp-server-time==2026.10.10``). Printed, medians of the rounds, in milliseconds of the clock:

- ``by hand``: start the same command, shake hands, and read the list of tools;
- ``warm``: the same through the host, whose package is installed (asked: at most 1.1 times by hand);
- ``crash``: from the kill of the server to the next answer (asked: at most a second beyond the start by hand);
- ``gone``: from the kill of the host itself to the end of its server (asked: under a second);
- ``fork``: CPU of a session of the same server with ``--warm``, beside the small server by hand (asked: at most 10 times);
- ``status``: P95 of what the status is made of, with 100 servers (asked: under 20).
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from arcops.tier import Tier
from benches.relay import cpu_of
from foundation.processes.environments import of_program
from services.host.eras import Era
from services.host.hosting import Hosting
from services.host.installers.workshop import Launch, Workshop, installer
from services.host.link import Link
from services.host.rows import HostedRow, Rows
from services.host.spec import Spec, read_package
from tests.foundation.test_keeping import lives
from tests.services.host.gated import Judges
from tests.services.host.hosts import ANN, SMALL, Site

HELLO = (
    b'{"jsonrpc":"2.0","id":1,"method":"initialize","params":{"protocolVersion":"2025-11-25","capabilities":{},'
    b'"clientInfo":{"name":"bench","version":"1"}}}\n{"jsonrpc":"2.0","method":"notifications/initialized"}\n'
    b'{"jsonrpc":"2.0","id":2,"method":"tools/list","params":{}}\n'
)
HOST = """
import asyncio, sys
sys.path[:] = {path!r}
from benches.hosting import holding
asyncio.run(holding({folder!r}))
"""


class Place(Site):
    """A site that may ask the index, for packages of others."""

    def workshop(self) -> Workshop:
        return Workshop(tier=Tier.RESTRICTED, cache=self.folder / "cache", environment=os.environ, secrets=())


def by_hand(launch: Launch, home: str) -> float:
    began = time.perf_counter()
    environment: Mapping[str, str] = {**of_program(home), **launch.environment}
    with subprocess.Popen(launch.command, stdin=-1, stdout=-1, stderr=-3, env=environment, cwd=home) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(HELLO)
        process.stdin.flush()
        process.stdout.readline()
        process.stdout.readline()
        took = time.perf_counter() - began
        process.kill()
    return took * 1000


async def answered(host: Hosting, session: str) -> tuple[float, Link]:
    began = time.perf_counter()
    link = await host.link("small", ANN, session, Era.LEGACY)
    await link.open(Era.LEGACY)
    await link.call("tools/list", {})
    return (time.perf_counter() - began) * 1000, link


async def ended(link: Link) -> None:
    while not link.ended:
        await asyncio.sleep(0.001)


async def holding(folder: str) -> None:
    """A host of its own: it says its server's process id, and waits to be killed."""
    site = Place.__new__(Place)
    site.folder, site.address, site.events, site.lines = Path(folder), "", [], []
    site.source = site.folder / "source"
    site.judges, site.database = Judges(), site.open()
    site.rows = Rows(site.database)
    site.judges.policy_sources("folder", "pypi", "npm")
    row = site.rows.one("small")
    assert row is not None
    judged(site, row)  # by a key of this process
    host = site.host()
    async with host.running():
        await answered(host, "held")
        shown = host.shown("small")
        assert shown is not None
        print(shown.pids[0], flush=True)
        await asyncio.sleep(3600)


def gone(folder: Path) -> float:
    source = HOST.format(path=sys.path, folder=str(folder))
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        pid = int(host.stdout.readline())
        began = time.perf_counter()
        host.send_signal(signal.SIGKILL)
        while lives(pid):
            time.sleep(0.001)
        return (time.perf_counter() - began) * 1000


def judged(site: Place, row: HostedRow) -> None:
    """A verdict about *row*, as it is installed, so that it may start."""
    named, lock = read_package(row.current.spec.package), row.current.lock
    assert lock is not None
    with tempfile.TemporaryDirectory() as folder:
        tree = Path(folder) / "tree"
        tree.mkdir()
        installer(named.source).install(lock, tree, site.workshop())
        site.judges.judge_tree(site.rows, row, tree, source=named.source.value)


async def forked(site: Place, host: Hosting, spec: Spec, rounds: int, clock: list[float]) -> list[float]:
    """Seconds of CPU that a fork of a warm row takes until it has answered; *clock* gets the milliseconds."""
    took: list[float] = []
    row = site.rows.put("warm", replace(spec, warm=True), author="bench")
    lock = (site.rows.there("small")).current.lock
    assert lock is not None
    site.rows.lock("warm", row.current.number, lock)
    await asyncio.to_thread(judged, site, site.rows.allow("warm", lock.digest, author="bench"))
    while host.row("warm") is None:
        await asyncio.sleep(0.1)
    for number in range(rounds + 1):
        began = time.perf_counter()
        link = await host.link("warm", ANN, f"fork {number}", Era.LEGACY)
        await link.open(Era.LEGACY)
        await link.call("tools/list", {})
        clock.append((time.perf_counter() - began) * 1000)
        shown = host.shown("warm")
        assert shown is not None
        took.append(cpu_of(shown.pids[-1]))
    return took[1:]  # the first one has to import


def alone(rounds: int) -> list[float]:
    """Seconds of CPU of the small server, which depends on nothing, by hand."""
    took = []
    for _ in range(rounds):
        with subprocess.Popen([sys.executable, "-I", "-B", str(SMALL)], stdin=-1, stdout=-1) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            process.stdin.write(HELLO)
            process.stdin.flush()
            process.stdout.readline()
            process.stdout.readline()
            took.append(cpu_of(process.pid))
            process.kill()
    return took


async def measure(site: Place, rounds: int, package: str) -> dict[str, float]:
    host = site.host()
    spec = Spec(package=package) if package else site.spec()
    named = read_package(spec.package)
    row = site.rows.put("small", spec, author="bench")
    lock = await asyncio.to_thread(installer(named.source).resolve, named, site.workshop())
    site.rows.lock("small", row.current.number, lock)
    row = site.rows.allow("small", lock.digest, author="bench")
    site.judges.policy_sources("folder", "pypi", "npm")
    await asyncio.to_thread(judged, site, row)
    took: dict[str, list[float]] = {"by hand": [], "warm": [], "crash": [], "gone": [], "status": [], "forked": []}
    for number in range(99):
        site.rows.put(f"other-{number}", spec, author="bench")
    async with host.running():
        first, link = await answered(host, "first")
        print(f"first request, which installs: {first:.0f} ms")
        installed = site.installed[0]
        launch = installer(named.source).launch(named, installed / "tree", spec.command)
        for number in range(rounds):
            took["by hand"].append(await asyncio.to_thread(by_hand, launch, str(site.folder)))
            warm, link = await answered(host, f"warm {number}")
            took["warm"].append(warm)
            shown = host.shown("small")
            assert shown is not None
            began = time.perf_counter()
            os.kill(shown.pids[-1], signal.SIGKILL)
            await ended(link)
            await answered(host, f"warm {number}")
            took["crash"].append((time.perf_counter() - began) * 1000)
            host.gone("small", f"warm {number}")
        took["fork"] = await forked(site, host, spec, rounds, took["forked"])
        took["alone"] = await asyncio.to_thread(alone, rounds)
        for number in range(2000):
            began = time.perf_counter()
            host.shown(f"other-{number % 99}")
            took["status"].append((time.perf_counter() - began) * 1000)
    for _ in range(max(3, rounds // 3)):
        took["gone"].append(await asyncio.to_thread(gone, site.folder))
    p95 = sorted(took.pop("status"))[1900]
    found = {name: statistics.median(values) for name, values in took.items()}
    for name in ("fork", "alone"):  # the kernel counts in hundredths of a second
        found[name] = statistics.fmean(took[name])
    return found | {"status": p95}


def main() -> None:
    read = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    read.add_argument("--rounds", type=int, default=9)
    read.add_argument("--package", default="")
    asked = read.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        found = asyncio.run(measure(Place(Path(folder)), asked.rounds, asked.package))
    hand = found["by hand"]
    for name, value, aim in (
        ("by hand", f"{hand:.0f} ms", ""),
        ("warm", f"{found['warm']:.0f} ms, {found['warm'] / hand:.2f} of by hand", "1.1"),
        ("crash", f"{found['crash']:.0f} ms, {found['crash'] - hand:.0f} ms beyond by hand", "1000 ms"),
        ("gone", f"{found['gone']:.0f} ms", "1000 ms"),
        (
            "fork",
            f"{found['forked']:.0f} ms, {found['fork'] * 1000:.0f} ms of CPU, {found['fork'] / found['alone']:.1f} of a server "
            "without dependencies",
            "10",
        ),
        ("status", f"P95 {found['status'] * 1000:.0f} us", "20 ms"),
    ):
        print(f"{name:8} {value}" + (f" (asked: at most {aim})" if aim else ""))


if __name__ == "__main__":
    main()
