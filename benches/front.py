"""What a token, a role, the limits and the audit log cost: the same call of a tool over HTTP without them and with all of them.

    python -m benches.front [--calls N] [--rounds N]

Both applications are in this process and asked over ASGI by turns, without a socket, so the CPU is of the server's own work,
the audit log's thread included. Printed are microseconds of CPU a call in the best round, which other programs on the machine
disturb least, the ratio of these, and the median ratio of the two in one round.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from mcp.server.streamable_http_manager import StreamableHTTPASGIApp
from starlette.types import ASGIApp

from adapters.http.access import Door
from adapters.http.accounts import Accounts
from adapters.http.limiting import limits_of
from adapters.http.quotas import Quotas, Shares
from adapters.mcp.app import endpoint
from adapters.mcp.server import build
from adapters.mcp.sessions import EventSessions
from adapters.mcp.versions import Versions
from capabilities.access.known import authorization
from capabilities.catalogue import offered
from capabilities.place import Place
from capabilities.work import Work
from foundation.audit.audit import Audit
from foundation.identity.accepting import read_accepting
from foundation.identity.revoked import StoredRevocations
from foundation.settings import read_settings
from foundation.tokens import fetched
from tests.models import bench
from tests.simulators.issuer import issuing

AIM = 1.25
AUDIENCE = "https://arcops.example/mcp"
TOOL = "list_artifacts"
ROLES = """\
roles:
  lookers:
    allows: ["list_artifacts:call"]
callers:
  - {issuer: "ISSUER", tenant: "", id: ada, roles: [lookers]}
"""
LIMITS = """\
rates:
  - {name: calls, calls: 1000000, per: minute}
  - {name: looks, tools: ["@read"], calls: 1000000, per: minute}
"""
BODY = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "tools/call",
    "params": {
        "name": TOOL,
        "arguments": {},
        "_meta": {
            "io.modelcontextprotocol/protocolVersion": "2026-07-28",
            "io.modelcontextprotocol/clientInfo": {"name": "bench", "version": "1"},
            "io.modelcontextprotocol/clientCapabilities": {},
        },
    },
}
HEADERS = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
    "mcp-protocol-version": "2026-07-28",
    "mcp-method": "tools/call",
    "mcp-name": TOOL,
}


@asynccontextmanager
async def bare(at: Place) -> AsyncIterator[ASGIApp]:
    """The tools over HTTP, for anyone, without a record."""
    work = Work(long=at.settings.workers)
    server = build(offered(at, trusting=True), at, work, hide=True)
    manager = EventSessions(app=server, max_request_body_size=1 << 22, max_sessions=100, most_each=100)
    async with manager.run():
        yield Versions(app=StreamableHTTPASGIApp(manager))
    work.close()


@asynccontextmanager
async def whole(at: Place, door: Door) -> AsyncIterator[ASGIApp]:
    """The endpoint as it is served."""
    found = endpoint(at, resource=AUDIENCE, door=door)
    async with found.running:
        yield found.routes[0].endpoint  # type: ignore[attr-defined]  # the guard, without the router that both would have


async def call(app: ASGIApp, headers: list[tuple[bytes, bytes]], body: bytes) -> bytes:
    """One request; the body of its answer."""
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "POST",
        "path": "/mcp",
        "raw_path": b"/mcp",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "root_path": "",
    }
    given, found = False, bytearray()
    ended = asyncio.Event()

    async def receive() -> dict[str, Any]:
        nonlocal given
        if given:
            await ended.wait()
            return {"type": "http.disconnect"}
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    async def send(message: Any) -> None:
        found.extend(message.get("body", b""))
        if message["type"] == "http.response.body" and not message.get("more_body"):
            ended.set()

    await app(scope, receive, send)
    return bytes(found)


async def measured(at: Place, door: Door, token: str, calls: int, rounds: int) -> tuple[float, float, float]:
    """Seconds of CPU a call in the best round, without and with everything, and the median ratio of the two in one round.

    What waits in the audit log is written before a round ends, so that each pays for its own records.
    """
    body = json.dumps(BODY).encode()
    plain = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
    shown = [*plain, (b"authorization", f"Bearer {token}".encode())]
    seen: tuple[list[float], list[float]] = ([], [])
    async with AsyncExitStack() as held:
        apps = ((await held.enter_async_context(bare(at)), plain), (await held.enter_async_context(whole(at, door)), shown))
        for _ in range(rounds + 1):
            for (app, headers), spent in zip(apps, seen, strict=True):
                began = time.process_time()
                for _ in range(calls):
                    answer = await call(app, headers, body)
                assert door.accounts is not None
                await asyncio.to_thread(door.accounts.audit.flush)
                spent.append((time.process_time() - began) / calls)
                assert b'"result"' in answer, answer[:500]
                assert b'"isError":true' not in answer, answer[:500]
    ratios = [later / former for former, later in zip(*seen, strict=True)][1:]
    return min(seen[0][1:]), min(seen[1][1:]), statistics.median(ratios)


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--calls", type=int, default=150)
    asked.add_argument("--rounds", type=int, default=21)
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="arcops-bench-") as name, issuing() as issuer:
        here = bench(Path(name))
        access = here.home / "access"
        access.mkdir(mode=0o700)
        (access / "roles.yaml").write_text(ROLES.replace("ISSUER", issuer.url))
        limits = Path(name) / "limits.yaml"
        limits.write_text(LIMITS)
        own = {"ARCOPS_OIDC_ISSUER": issuer.url, "ARCOPS_OIDC_AUDIENCE": AUDIENCE, "ARCOPS_LIMITS": str(limits)}
        os.environ.update(here.environment | own)
        settings = read_settings(os.environ)
        accepting = read_accepting(os.environ, settings.tier, AUDIENCE, now=time.time, fetch=fetched)
        accepting.revoked = StoredRevocations(settings=settings)
        audit = Audit.open(settings)
        quotas = Quotas()
        door = Door(
            accepting=accepting,
            authorization=authorization(settings),
            accounts=Accounts(audit=audit, tier=settings.tier),
            quotas=quotas,
            requests=Shares(quotas.requests, "requests in progress"),
            limits=limits_of(settings, alone=False),
        )
        at = Place(settings=settings, now=lambda: datetime.now(UTC), signer=lambda: here.signer, secret=str, own=False)
        token = issuer.token(aud=AUDIENCE, sub="ada", exp=time.time() + 3600, scope="arcops:read")
        without, with_all, ratio = asyncio.run(measured(replace(at, roots=()), door, token, given.calls, given.rounds))
        audit.close()
    print(
        f"a call of {TOOL}: {without * 1e6:.0f} µs of CPU without, {with_all * 1e6:.0f} µs with token, role, limits and audit"
    )
    print(f"{with_all / without:.2f} times (allowed: {AIM}); {ratio:.2f} in the median round")


if __name__ == "__main__":
    main()
