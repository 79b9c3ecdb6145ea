"""What one reading of a model costs, compared with a bare SHA-256 loop and with model-signing, in one run.

    python -m benches.tree [GIB] [FOLDER]

Writes GIB (default 2) of random safetensors files below FOLDER (default: the system's temporary folder), measures each
contender in a separate process, and prints ratios. The peer model-signing (`pip install model-signing`, not a dependency of
ArcOps) is left out if it is absent. Takes more than a minute: the cache accepts only files that were unchanged that long.
CPU is user and system time of all threads.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

FILES = 4
CHUNK = 1024 * 1024


def write_model(folder: Path, size: int) -> None:
    folder.mkdir()
    block = os.urandom(CHUNK)
    for index in range(FILES):
        data = size // FILES // CHUNK * CHUNK
        header = json.dumps({"weight": {"dtype": "U8", "shape": [data], "data_offsets": [0, data]}}).encode()
        with (folder / f"model-{index}.safetensors").open("wb") as file:
            file.write(len(header).to_bytes(8, "little") + header)
            for number in range(data // CHUNK):
                file.write(number.to_bytes(8, "little") + block[8:])
    (folder / "config.json").write_text("{}")


def bare(model: Path, cache: Path) -> None:
    import hashlib

    for path in sorted(model.iterdir()):
        digest = hashlib.sha256()
        with path.open("rb", buffering=0) as file:
            while piece := file.read(CHUNK):
                digest.update(piece)


def tree(model: Path, cache: Path, workers: int = 1) -> None:
    from arcops.evidence import Seen
    from arcops.request import Request
    from arcops.tier import Tier
    from tasks.model.tree import look

    now = datetime.now(UTC)
    request = Request(
        target=model, kind="model", tier=Tier.AIR_GAPPED, now=now, trust=cache, data=cache, cache=cache, workers=workers
    )
    body = look.look(request, Seen({}, at=now, subject_name=model.name)).body
    assert len(body.files) == FILES + 1
    assert not body.troubles


def both_cores(model: Path, cache: Path) -> None:
    tree(model, cache, workers=2)


def model_signing(model: Path, cache: Path) -> None:
    from model_signing import hashing  # type: ignore[import-untyped,unused-ignore]  # a peer, not a dependency

    hashing.hash(model)


CONTENDERS: dict[str, Callable[[Path, Path], None]] = {
    "bare": bare,
    "tree": tree,
    "both_cores": both_cores,
    "model_signing": model_signing,
}


def measured(name: str, model: Path, cache: Path) -> tuple[float, float, int]:
    """CPU seconds, wall seconds and peak KiB of one contender, without the start of its interpreter and imports."""
    said = subprocess.run(
        [sys.executable, "-m", "benches.tree", "--one", name, str(model), str(cache)],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    cpu, wall, peak = said.split()
    return float(cpu), float(wall), int(peak)


def one(name: str, model: Path, cache: Path) -> None:
    import resource

    contender = CONTENDERS[name]
    if name == "model_signing":
        from model_signing import hashing  # noqa: F401  # type: ignore[import-untyped,unused-ignore]  # its import is not timed
    elif name != "bare":
        import tasks.model.tree  # noqa: F401  # its import is not timed
    wall, cpu = time.perf_counter(), time.process_time()
    contender(model, cache)
    print(time.process_time() - cpu, time.perf_counter() - wall, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)


def main(gib: float, folder: str | None) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as work:
        model, small, cache = Path(work, "model"), Path(work, "small"), Path(work, "cache")
        write_model(model, int(gib * 1024**3))
        write_model(small, 64 * CHUNK)
        os.sync()
        written = time.time()
        measured("bare", model, cache)  # warms the page cache for all
        # The contenders take turns, so that other load slows all of them in the same way.
        contenders = [name for name in CONTENDERS if name != "model_signing" or find_spec("model_signing")]
        rounds: dict[str, list[tuple[float, float, int]]] = {name: [] for name in contenders}
        for turn in range(5):
            for name in contenders:
                rounds[name].append(measured(name, model, Path(work, f"none-{name}-{turn}")))
        best = {name: (min(row[0] for row in rows), min(row[1] for row in rows)) for name, rows in rounds.items()}
        peak = max(row[2] for row in rounds["tree"])
        small_peak = measured("tree", small, Path(work, "none-small"))[2]
        # The cache accepts only files that were unchanged for its margin.
        time.sleep(max(0.0, written + 62 - time.time()))
        first = measured("tree", model, cache)
        second = min(measured("tree", model, cache) for _ in range(3))
        print(f"model: {gib:g} GiB in {FILES} files; best of 5")
        for name, (cpu_seconds, wall_seconds) in best.items():
            print(f"  {name:14} cpu {cpu_seconds:7.3f} s   wall {wall_seconds:7.3f} s")
        cpu = {name: best[name][0] for name in contenders}
        wall = {name: best[name][1] for name in contenders}
        print(f"CPU, tree over bare SHA-256:           {cpu['tree'] / cpu['bare']:.3f}  (aim: at most 1.05)")
        print(f"wall, two workers over one:            {wall['both_cores'] / wall['tree']:.3f}")
        if "model_signing" in cpu:
            print(f"CPU, tree over model-signing:          {cpu['tree'] / cpu['model_signing']:.3f}")
            print(f"wall, two workers over model-signing:  {wall['both_cores'] / wall['model_signing']:.3f}  (aim: below 1)")
        print(f"CPU, second check over first:          {second[0] / first[0]:.4f}  (aim: below 0.02)")
        print(f"peak memory, {gib:g} GiB over 64 MiB:       {peak / small_peak:.3f}  ({peak} KiB, {small_peak} KiB)")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--one"]:
        one(sys.argv[2], Path(sys.argv[3]), Path(sys.argv[4]))
    else:
        main(float(sys.argv[1]) if len(sys.argv) > 1 else 2.0, sys.argv[2] if len(sys.argv) > 2 else None)
