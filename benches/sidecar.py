"""What the relay in a pod costs, with a token, Cedar and records on, beside mcp-proxy, in one run and by turns.

    python -m benches.sidecar [--seconds N] [--rounds N] [--without-peers]

The server behind both is the same trivial one; that of the sidecar is behind the shim. Printed are milliseconds of CPU a call
of the front alone, the shim's besides, and resident memory in MB (of 10^6 bytes): at the start, waiting some seconds later, and
after the calls. The aims are those of issue OPER: at most 60 MB, and 1 ms of CPU a call with a Cedar policy that reads
arguments.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from adapters.http.serve import reserved_port
from adapters.relay.sidecar.serving import LOOK_SECONDS
from benches.relay import Front, cpu_of, installed, loaded, rss_of, started
from services.operator.sidecar import KEYS_FILE, CedarPolicies, Reach, SidecarConfig, Target, TrustedIssuer
from tests.adapters.sidecar.world import shimmed, write
from tests.simulators.hosting import trivial
from tests.simulators.issuer import Issuer

ISSUER, AUDIENCE = "https://login.example", "mcp-tools"
POLICIES = (
    'permit (principal in Group::"callers", action, resource == Tool::"bench/echo") when { context.arguments has text };',
    'forbid (principal, action, resource) when { context.arguments has text && context.arguments.text like "*drop*" };',
    *(f'permit (principal in Group::"team-{one}", action, resource);' for one in range(18)),
)
CALLERS = (1, 8)
"""Each session has a process of the server, so there are few."""
AIM_MB, AIM_MS = 60.0, 1.0
MIB = 1.048576
"""MB."""


def configured(folder: Path, at: Path) -> bytes:
    """A configuration with everything on, in *folder*; the header of a caller."""
    issuer = Issuer(url=ISSUER)
    target = Target(reach=Reach.SOCKET, socket=str(at))
    said = SidecarConfig(
        server="bench/bench",
        transport="stdio",
        target=target,
        oidc=TrustedIssuer(issuer=ISSUER, audience=AUDIENCE, keys=True),
        authz=CedarPolicies(policies=POLICIES),
        tools=("echo",),
        most=256,
    )
    write(folder, said.text)
    write(folder, json.dumps({ISSUER: json.loads(issuer.key_set)}), KEYS_FILE)
    now = int(time.time())
    token = issuer.token(aud=AUDIENCE, sub="ada", iat=now, exp=now + 3600, roles=["callers"])
    return b"authorization: Bearer %b\r\n" % token.encode()


def _megabytes(front: Front) -> float:
    return rss_of(front.pid) * MIB


async def measured(fronts: list[Front], shim: int, rounds: int, seconds: float) -> list[float]:
    """Every front by turns; the shim's share of each call of the sidecar, in milliseconds."""
    shares = []
    for _ in range(rounds):
        for callers in CALLERS:
            for one in fronts:
                before = cpu_of(shim)
                await loaded(one, callers, seconds)
                if one.name == "sidecar":
                    calls = one.rates[callers][-1] * seconds
                    shares.append((cpu_of(shim) - before) / calls * 1000)
    return shares


def main() -> None:
    asked = argparse.ArgumentParser()
    asked.add_argument("--seconds", type=float, default=2.0)
    asked.add_argument("--rounds", type=int, default=3)
    asked.add_argument("--without-peers", action="store_true")
    given = asked.parse_args()
    with tempfile.TemporaryDirectory(prefix="arcops-bench-") as name, ExitStack() as held:
        folder = Path(name)
        at = folder / "s"
        header = configured(folder, at)
        shim = held.enter_context(shimmed(at, trivial(), "--most", "64"))
        port, health = held.enter_context(reserved_port()), held.enter_context(reserved_port())
        command = [sys.executable, "-m", "adapters.relay.sidecar", "--config", str(folder), "--host", "127.0.0.1"]
        command += ["--port", str(port), "--health-port", str(health), "--linger", "0"]
        fronts = [held.enter_context(started("sidecar", command, "/mcp", port, header))]
        peers = {} if given.without_peers else installed(folder)
        begin = next((one for peer, one in peers.items() if peer.startswith("mcp-proxy")), None)
        if begin is not None:
            port = held.enter_context(reserved_port())
            proxy = [*begin, "--host", "127.0.0.1", "--port", str(port), "--pass-environment", "--", *trivial()]
            fronts.append(held.enter_context(started("mcp-proxy", proxy, "/mcp", port)))
        fresh = {one.name: _megabytes(one) for one in fronts}
        time.sleep(2 * LOOK_SECONDS)  # the sidecar gives back what only its start needed
        waiting = {one.name: _megabytes(one) for one in fronts}
        shares = asyncio.run(measured(fronts, shim.pid, given.rounds, given.seconds))
        for one in fronts:
            cpu = "".join(f"{statistics.median(one.cpu[callers]):10.3f}" for callers in CALLERS)
            rate = "".join(f"{statistics.median(one.rates[callers]):8.0f}" for callers in CALLERS)
            memory = f"{fresh[one.name]:.1f}, waiting {waiting[one.name]:.1f}, after {_megabytes(one):.1f}"
            print(f"{one.name:12} CPU ms at {CALLERS}:{cpu}  calls/s:{rate}  MB: {memory}")
        print(f"the shim: {statistics.median(shares):.3f} ms a call, {rss_of(shim.pid) * MIB:.1f} MB")
        ours = fronts[0]
        cost = statistics.median(ours.cpu[1])
        print(f"aims: {_megabytes(ours):.1f} of {AIM_MB:.0f} MB; {cost:.3f} of {AIM_MS:.0f} ms at one caller")
        if len(fronts) > 1:
            ratio = statistics.median(ours.cpu[8]) / statistics.median(fronts[1].cpu[8])
            print(f"{ratio:.2f} of mcp-proxy's CPU a call at 8 callers, which asks for no token, no policy and keeps no record")


if __name__ == "__main__":
    main()
