"""How long a process that verifies one sealed artifact takes, as a multiple of ``python -c pass``.

Run: ``python benches/verify.py [rounds]``. The two are timed in turns, and the medians of their wall and CPU time compared.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RELEASED = ROOT / "tests" / "released"
VERIFY = """
import sys
from pathlib import Path
from artifacts.bundle import open_sealed
from artifacts.public_key import load_public_key
key = load_public_key(Path(sys.argv[2]).read_bytes(), where=sys.argv[2])
open_sealed(Path(sys.argv[1]).read_bytes(), [key])
"""
BOUND = 20.0


def timed(command: list[str]) -> tuple[float, float]:
    """Wall and CPU seconds of *command*."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run(command, check=True, cwd=ROOT)
    wall, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    return wall, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main(rounds: int) -> None:
    bare = [sys.executable, "-c", "pass"]
    artifact = [str(RELEASED / f"readiness-report-v1.{end}") for end in ("sigstore.json", "pub")]
    verify = [sys.executable, "-c", VERIFY, *artifact]
    timed(verify)  # once before counting, so that byte code is compiled for both
    pairs = [(timed(bare), timed(verify)) for _ in range(rounds)]
    for index, name in enumerate(("wall", "CPU")):
        base = statistics.median(pair[0][index] for pair in pairs)
        cost = statistics.median(pair[1][index] for pair in pairs)
        ratio = cost / base if base else float("inf")
        peer = f"{ratio:.1f}x of 'python -c pass' ({base * 1000:.0f} ms)"
        print(f"verify, {name}: {cost * 1000:.0f} ms, {peer}; aim: under {BOUND:.0f}x")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 15)
