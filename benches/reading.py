"""What it costs to read a long report over MCP in parts: with the cache, against making the whole for each part as before.

    python -m benches.reading [--findings 20000]

The figures are seconds of CPU of this process, for all parts of one report, both ways in one run.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

from adapters.mcp.parts import MOST_PART
from adapters.mcp.resources import read
from capabilities.place import Place
from foundation.cache.memory import Memory
from foundation.cache.tiers import Cache
from tests.kept import finding, keep, report, result
from tests.models import bench


def in_parts(digest: str, at: Place, cache: Cache | None) -> tuple[int, float]:
    """How many bytes it has, and the CPU that reading it took."""
    begun, read_so_far, size = time.process_time(), 0, 1
    while read_so_far < size:
        one = read(f"arcops://reports/{digest}/part/{read_so_far}/{MOST_PART}", at, cache)
        read_so_far, size = read_so_far + len(one.part or b""), one.size
    return size, time.process_time() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--findings", type=int, default=20_000)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        here = bench(Path(folder))
        said = [
            finding("integrity/links", text=f"The file number {n} is a link that stays inside.") for n in range(given.findings)
        ]
        digest = keep(here, report("tiny", result("integrity", *said)))
        at = here.place()
        in_parts(digest, at, None)
        size, before = in_parts(digest, at, None)
        _, with_it = in_parts(digest, at, Cache(memory=Memory(clock=time.monotonic)))
    print(f"a report of {size} bytes in {-(-size // MOST_PART)} parts")
    print(f"made for each part {before:8.3f} s\nmade once          {with_it:8.3f} s   {with_it / before:.2f} of it")


if __name__ == "__main__":
    main()
