"""What the first check of a model of many small files costs: CPU of the whole process, with and without another checkout.

    python -m benches.small_files [--files N] [--rounds N] [OTHER]

Writes N (default: 100,000) files of some hundred bytes, as data sets have them: half of them words, three tenths JSON, a tenth
tables, a tenth safetensors. Then ``arcops check`` asks the gates integrity and weights, with an empty cache. OTHER is another
checkout with its own ``.venv``, measured in the same turns.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import statistics
import tempfile
from pathlib import Path

from benches.startup import checkouts, environment, used
from tests.models import Bench, bench

AIM = 1 / 3
A_FOLDER = 1000
POLICY = "name: files\nvalidFor: P7D\ngates:\n  integrity: {}\n  weights: {}\n"


def write(folder: Path, count: int) -> None:
    """*count* files in folders of a thousand."""
    for number in range(count):
        place = folder / f"part-{number // A_FOLDER:04}"
        place.mkdir(parents=True, exist_ok=True)
        if number % 10 < 5:
            (place / f"{number}.txt").write_text(f"a photograph of thing number {number}, taken in the rain\n" * 3)
        elif number % 10 < 8:
            (place / f"{number}.json").write_text(json.dumps({"id": number, "caption": "words", "scores": [0.1, 0.2, number]}))
        elif number % 10 == 8:
            (place / f"{number}.csv").write_text(f"a,b,c\n1,2,{number}\n")
        else:
            header = json.dumps({"w": {"dtype": "F32", "shape": [4], "data_offsets": [0, 16]}}).encode()
            (place / f"{number}.safetensors").write_bytes(len(header).to_bytes(8, "little") + header + os.urandom(16))


def forget(here: Bench) -> None:
    """Remove what an earlier check left: its cache, its store, and the memory of that."""
    for folder in (here.settings.cache, here.settings.store, here.settings.memory):
        shutil.rmtree(folder, ignore_errors=True)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.small_files", description="CPU of a check", allow_abbrev=False)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("other", nargs="?", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="arcops-bench-") as name:
        work = Path(name)
        here, model, policy = bench(work), work / "model", work / "files.yaml"
        write(model, given.files)
        policy.write_text(POLICY)
        trees = checkouts(given.other)
        spent: dict[str, list[float]] = {tree.name: [] for tree in trees}
        for _ in range(given.rounds):
            for tree in trees:
                forget(here)
                command = tree.command(["check", str(model), "--policy", str(policy)])
                spent[tree.name].append(used(command, environment(here), (0, 3, 4)))
        medians = {tree: statistics.median(costs) for tree, costs in spent.items()}
        print(f"{given.files} files, no cache, medians of {given.rounds}")
        for tree, cost in medians.items():
            other = medians[trees[-1].name]
            print(f"  {tree:14} {cost:7.2f} s of CPU {cost / other:7.2f}x   aim: {AIM:.2f}x of the build before", flush=True)


if __name__ == "__main__":
    main()
