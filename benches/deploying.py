"""A server of one's own: how long it takes from nothing to an address, to a new version, and back.

    python -m benches.deploying [--rounds N]

Each step is the command that a person types, as a process of its own. Printed, medians of the rounds, in seconds of the clock:

- ``new``: a project of the template ``echo``;
- ``deploy``: kept, judged, tried and shared with a key (asked: a created server shows a status within 15);
- ``status``: what the operator sees of it;
- ``update``: a changed folder, while the version before serves;
- ``rollback``: back to it (asked: under 600).
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Measure and print."""
    reading = argparse.ArgumentParser(description="From nothing to an address, and back.")
    reading.add_argument("--rounds", type=int, default=3)
    took: dict[str, list[float]] = {}
    for _ in range(reading.parse_args().rounds):
        with tempfile.TemporaryDirectory() as folder:
            measure(Path(folder), took)
    for what, seconds in took.items():
        print(f"{what:9} {statistics.median(seconds):6.2f} s")


def measure(folder: Path, took: dict[str, list[float]]) -> None:
    """One round in *folder*."""
    environment = {
        **os.environ,
        "ARCOPS_HOME": str(folder / "home"),
        "ARCOPS_PASSPHRASE": "of a bench",
        "ARCOPS_HOST_POLICY": "",
    }

    def arcops(*line: str) -> float:
        began = time.perf_counter()
        command = [sys.executable, "-m", "adapters.cli", *line]
        subprocess.run(command, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        return time.perf_counter() - began

    arcops("keys", "new")
    arcops("keys", "trust", str(folder / "home" / "keys" / "arcops.pub"))
    project = folder / "echo"
    tools = project / "echo_server" / "tools.py"
    took.setdefault("new", []).append(arcops("host", "new", "echo", "--in", str(folder)))
    took.setdefault("deploy", []).append(arcops("host", "deploy", str(project)))
    took.setdefault("status", []).append(arcops("host", "status", "echo"))
    tools.write_text(tools.read_text(encoding="utf-8").replace("return text", "return text.upper()"), encoding="utf-8")
    took.setdefault("update", []).append(arcops("host", "deploy", str(project)))
    took.setdefault("rollback", []).append(arcops("host", "rollback", "echo"))


if __name__ == "__main__":
    main()
