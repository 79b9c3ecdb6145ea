"""What a command of ArcOps costs to start and run: CPU of the whole process, as a multiple of ``python -c pass``.

    python -m benches.startup [--rounds N] [OTHER]

All commands run in turns, so that other load affects all alike. OTHER is another checkout with its own ``.venv``, whose
commands are run in the same turns on the same model, artifact and workload. Of ``mcp``, what counts is the CPU until
``initialize`` is answered over standard streams, and until the tools are listed.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.models import Bench, bench, good_model

ROOT = Path(__file__).resolve().parents[1]
AIM = {"verify": 10.0}
"""Our own command; the others have no counterpart."""
_RUN = "from adapters.cli.main import main; main()"


@dataclass(frozen=True, kw_only=True)
class Checkout:
    """A source tree, and the interpreter that has what it needs."""

    name: str
    folder: Path
    python: str

    def command(self, words: Sequence[str]) -> list[str]:
        """As the installed script does it: no ``-m``, which costs time of its own."""
        code = f"import sys; sys.path.insert(0, {str(self.folder)!r}); sys.argv[:] = {['arcops', *words]!r}; {_RUN}"
        return [self.python, "-c", code]


def checkouts(other: Path | None) -> list[Checkout]:
    """This checkout, and *other* with the interpreter of its own ``.venv``."""
    trees = [Checkout(name="here", folder=ROOT, python=sys.executable)]
    if other is not None:
        folder = other.absolute()
        trees.append(Checkout(name=folder.name, folder=folder, python=str(folder / ".venv" / "bin" / "python")))
    return trees


def used(command: list[str], environment: Mapping[str, str], expected: tuple[int, ...]) -> float:
    """CPU seconds of *command*, which must end as *expected*."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, env=dict(environment), cwd="/", capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode not in expected:
        raise SystemExit(f"{command[-1]} ended {done.returncode}: {done.stdout[-500:]}{done.stderr[-500:]}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def ready(command: list[str], environment: Mapping[str, str]) -> tuple[float, float]:
    """CPU seconds of the MCP server *command* until ``initialize`` was answered, and until the tools were listed (Linux)."""
    client = {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "bench", "version": "1"}}
    first = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": client}
    then = [{"jsonrpc": "2.0", "method": "notifications/initialized"}, {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}]
    seen = []
    with subprocess.Popen(
        command, env=dict(environment), cwd="/", stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for messages in ([first], then):
            process.stdin.write("".join(f"{json.dumps(one)}\n" for one in messages))
            process.stdin.flush()
            if '"result"' not in process.stdout.readline():
                raise SystemExit("the MCP server did not answer")
            fields = Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()
            seen.append((int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK"))
        process.stdin.close()
    return seen[0], seen[1]


def made(folder: Path) -> tuple[Bench, dict[str, list[str]]]:
    """A bench with a model of three files and an artifact of it, and the commands that are measured on them."""
    here = bench(folder)
    model = good_model(here, now=datetime.now(UTC).replace(microsecond=0))
    small = folder / "small"
    small.mkdir()
    for name in ("config.json", "model.safetensors", "README.md"):
        (small / name).write_bytes((model / name).read_bytes())
    workload = folder / "workload.yaml"
    workload.write_text("{apiVersion: v1, kind: Pod, metadata: {name: one}, spec: {containers: [{name: c, image: i}]}}")
    sealed = folder / "sealed.json"
    check = [sys.executable, "-m", "adapters.cli", "check", str(small), "--policy", "pilot", "--output", str(sealed)]
    used(check, {**environment(here), "PYTHONPATH": str(ROOT)}, (0, 3, 4))
    return here, {
        "check": ["check", str(small), "--policy", "pilot"],
        "verify": ["verify", str(sealed), "--key", str(here.public)],
        "admit": ["admit", str(workload)],
        "rejudge": ["rejudge", str(sealed)],
        "policy check": ["policy", "check", "pilot"],
    }


def environment(here: Bench) -> dict[str, str]:
    """The environment of this process, without variables that prevent byte code or add work."""
    left_out = ("PYTHON", "ARCOPS_", "OTEL_", "PREFECT_", "COVERAGE")
    return {**{name: value for name, value in os.environ.items() if not name.startswith(left_out)}, **here.environment}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.startup", description="CPU of commands", allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("other", nargs="?", type=Path)
    given = parser.parse_args()
    trees = checkouts(given.other)
    with tempfile.TemporaryDirectory(prefix="arcops-bench-") as name:
        here, commands = made(Path(name))
        surroundings = environment(here)
        runs = {(tree.name, title): tree.command(words) for tree in trees for title, words in commands.items()}
        bare = [sys.executable, "-c", "pass"]
        for command in runs.values():
            used(command, surroundings, (0, 3, 4))  # once before counting, so that byte code is kept for all
        seen: dict[tuple[str, str], list[float]] = {key: [] for key in runs}
        base: list[float] = []
        servers = {tree.name: tree.command(["mcp"]) for tree in trees}
        started: dict[str, list[tuple[float, float]]] = {name: [] for name in servers}
        for _ in range(given.rounds):
            base.append(used(bare, surroundings, (0,)))
            for key, command in runs.items():
                seen[key].append(used(command, surroundings, (0, 3, 4)))
            for name, command in servers.items():
                started[name].append(ready(command, surroundings))
    peer = statistics.median(base)
    print(f"'python -c pass' takes {peer * 1000:.0f} ms of CPU; medians of {given.rounds} rounds, as multiples of it")
    print(f"{'':14}{''.join(f'{tree.name:>12}' for tree in trees)}")
    for title in commands:
        ratios = [statistics.median(seen[tree.name, title]) / peer for tree in trees]
        aim = f"   aim: {AIM[title]:.0f}x at most" if title in AIM else ""
        print(f"{title:14}{''.join(f'{ratio:11.1f}x' for ratio in ratios)}{aim}", flush=True)
    for number, title in enumerate(("mcp ready", "mcp tools")):
        ratios = [statistics.median(one[number] for one in started[tree.name]) / peer for tree in trees]
        print(f"{title:14}{''.join(f'{ratio:11.1f}x' for ratio in ratios)}", flush=True)


if __name__ == "__main__":
    main()
