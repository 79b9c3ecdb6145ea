"""How close the client of inference endpoints comes to planned times: within 2 % or 1.5 ms, or this ends badly.

    python -m benches.inference

The endpoint is the tests' simulator in a separate process; all its times are planned. Other load on the machine is measured,
too, so both run with a higher priority if the system allows it (as root), and need a quiet machine otherwise. Prints each
plan, the measured times (medians), and the difference.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from arcops.endpoint import Endpoint, Load, Route
from arcops.evidence import Seen
from arcops.request import Request
from arcops.seen.inference import Inference, RunKind
from arcops.tier import Tier
from tasks.inference.inference import inference

PLANS = [(0.02, 0.005, 1), (0.1, 0.02, 1), (0.25, 0.05, 1), (0.1, 0.04, 4), (0.5, 0.01, 1)]
"""Seconds to the first text, seconds between events, tokens in each event."""

_SERVE = """
import sys
from tests.simulators.openai_api import Plan, serving
first, gap, words = sys.argv[1:]
with serving(a=Plan(first=float(first), gap=float(gap), words=int(words), events=16)) as api:
    api.routes = lambda path: (200, "application/json", b"{}") if path == "/health" else None
    print(api.url, flush=True)
    sys.stdin.read()
"""


def go_first() -> bool:
    """Give this process, and those that it starts, priority over all others; ``False`` if the system does not allow it."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_FIFO, os.sched_param(20))
        return True
    return False


@contextmanager
def served(first: float, gap: float, words: int) -> Iterator[str]:
    """The address of the simulator, whose answers have 16 events of *words* tokens."""
    command = [sys.executable, "-c", _SERVE, str(first), str(gap), str(words)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield server.stdout.readline().strip()
        server.communicate("")


def measured(first: float, gap: float, words: int, route: Route) -> Inference:
    with served(first, gap, words) as url:
        load = Load(
            url=url,
            models=("a",),
            route=route,
            concurrencies=(1, 4),
            rates=(4000,),
            tokens=16 * words,
            each=12,
        )
        here, now = Path("/"), datetime.now(UTC)
        request = Request(
            target=here,
            kind="inference-endpoint",
            named=load.url,
            tier=Tier.AIR_GAPPED,
            now=now,
            trust=here,
            data=here,
            cache=here,
            endpoint=Endpoint(load=load),
        )
        return inference.look(request, Seen({}, at=now, subject_name=load.url)).body


def main() -> int:
    bad = 0
    if not go_first():
        print("the system does not let this go before others (it takes root), so what else runs is measured, too")
    print(f"{'run':38} {'figure':5} {'plan ms':>9} {'measured':>9} {'off':>8}")
    for first, gap, words in PLANS:
        route = Route.COMPLETIONS if words > 1 else Route.CHAT
        plan = {"ttft": first * 1e6, "itl": gap * 1e6, "tpot": gap * 1e6 / words}
        for run in measured(first, gap, words, route).runs:
            if run.kind in (RunKind.WARM_UP, RunKind.REPEATED):
                continue
            whole = [shot for shot in run.shots if shot.whole]
            gaps = sorted(one for shot in whole for one in shot.gaps)
            found = {"ttft": run.middle("ttft"), "itl": gaps[len(gaps) // 2] if gaps else None, "tpot": run.middle("tpot")}
            for name, planned in plan.items():
                seen = found[name]
                off = abs(seen - planned) if seen is not None else float("inf")
                far = len(whole) < len(run.shots) or off > max(1500, planned * 0.02)
                bad += far
                said = f"{(seen or 0) / 1000:9.2f} {off / 1000:7.2f}{'!' if far else ' '}"
                print(f"{words} token(s), {run.title[2:]:26} {name:5} {planned / 1000:9.2f} {said}")
    print(f"{bad} figure(s) further off than 2 % or 1.5 ms")
    return 1 if bad else 0


if __name__ == "__main__":
    raise SystemExit(main())
