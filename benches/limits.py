"""What a decision about limits costs at many callers: ours against the `limits` package in memory, in one run.

    python -m benches.limits [--callers 10000]

The figures are seconds of CPU of this process. Both count one limit of a caller and one of the tool; `limits` has no token
bucket, so its moving window (exact) and fixed window (cheap, and up to twice the limit at its edge) stand beside ours.
"""

from __future__ import annotations

import argparse
import tracemalloc
from pathlib import Path

from arcops.identity import Identity
from benches.timing import timed
from foundation.limits.deciding import Deciding
from foundation.limits.limits_file import LimitsFile
from foundation.limits.rules import Limits, Numbers, Rule, Target, Where

LIMITS = Limits(
    rules=(
        Rule(name="calls", quota=False, per="minute", numbers=Numbers(calls=600, burst=100)),
        Rule(name="tool", quota=False, per="minute", numbers=Numbers(calls=60, burst=60), targets=(Target(object="*"),)),
        Rule(name="daily", quota=True, per="day", numbers=Numbers(calls=10_000)),
    )
)


def shown(what: str, took: list[float], against: list[float] | None = None) -> None:
    middle, late = took[len(took) // 2], took[int(len(took) * 0.99)]
    ratio = f"{against[len(against) // 2] / middle:8.2f} times as fast" if against else ""
    print(f"{what:46} median {middle:8.1f} µs   P99 {late:8.1f} µs {ratio}")


def ours() -> Deciding:
    def opened(where: Where) -> object:
        raise AssertionError(where)

    file = LimitsFile(path=Path("/nonexistent/limits.yaml"), named=False, usual=LIMITS, actions={}, groups={})
    return Deciding(file=file, opened=opened)  # type: ignore[arg-type]  # nothing is opened


def main() -> None:
    reader = argparse.ArgumentParser(description=__doc__)
    reader.add_argument("--callers", type=int, default=10_000)
    many = reader.parse_args().callers
    callers = [Identity(issuer="https://login.example", tenant="t", id=f"u{number}") for number in range(many)]
    call = frozenset(("call",))
    tracemalloc.start()
    at = ours()
    for one in callers:
        at.decide(one, "check_model", call)
    held = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    print(f"{many} callers, {len(at.memory)} counts: {held / 1e6:.1f} MB, {held / many:.0f} bytes a caller")
    took = timed(lambda number: at.decide(callers[number % many], "check_model", call), 3 * many)
    try:
        from limits import RateLimitItemPerMinute
        from limits.storage import MemoryStorage
        from limits.strategies import FixedWindowRateLimiter, MovingWindowRateLimiter
    except ImportError:
        print("the package limits is not installed, so there is no peer in this run: pip install limits")
        shown("ours, three limits", took)
        return
    by_caller, by_tool = RateLimitItemPerMinute(600), RateLimitItemPerMinute(60)
    for name, kind in (("moving window", MovingWindowRateLimiter), ("fixed window", FixedWindowRateLimiter)):
        peer = kind(MemoryStorage())

        def both(number: int, peer: object = peer) -> bool:
            who = callers[number % many].id
            return peer.hit(by_caller, who) and peer.hit(by_tool, who, "check_model")  # type: ignore[attr-defined,no-any-return]

        for number in range(many):
            both(number)
        against = timed(both, 3 * many)
        shown(f"limits, {name}, two limits", against)
        shown("ours, three limits (two rates and a quota)", took, against)


if __name__ == "__main__":
    main()
