"""How far predictions of memory are from published observations, and how long a plan takes.

    python -m benches.fit

Prints each row with its error, the mean of exact rows (to beat: 0.89 % on weights and 0.34 % on the cache, llm-d's planner over
57 runs), CPU seconds of reading the headers of a model of 130 GiB, as a ratio to parsing their JSON alone, and of a plan of
sixteen models on eight GPUs.
"""

from __future__ import annotations

import json
import tempfile
import time
from pathlib import Path

from arcops.seen.fit_wanted import GpuGroup
from gates.fit.fit.demand import demands
from gates.fit.fit.devices import devices
from gates.fit.fit.examples import asks, seen
from gates.fit.fit.placing import copies, placement
from tasks.fit.models import model_seen
from tests.fit_models import llama, model
from tests.fit_published import LLAMA_70B
from tests.fit_references import compared, references, table, wanted


def errors() -> None:
    """Each row and the means."""
    if not references():
        print("the published observations are not here")
        return
    with tempfile.TemporaryDirectory() as folder:
        found = tuple(compared(Path(folder)))
    print(table(found))
    for what in ("weights", "kv"):
        exact = [one.error for one in found if one.exact and one.what == what]
        print(f"{what}: {len(exact)} exact figures, mean error {sum(exact) / len(exact):.3f} %, largest {max(exact):.3f} %")


def reading() -> None:
    """Headers of 30 files, against parsing the same JSON with the standard library alone."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model(folder / "m", LLAMA_70B, llama(LLAMA_70B), shards=30)
        began = time.process_time()
        found = model_seen(wanted(), folder, None)
        ours = time.process_time() - began
        assert found.weights is not None
        assert not found.problems
        began = time.process_time()
        for file in sorted((folder / "m").glob("*.safetensors")):
            with file.open("rb") as opened:
                json.loads(opened.read(int.from_bytes(opened.read(8), "little")))
        plain = time.process_time() - began
    size = f"{found.weights.bytes / 2**30:.0f} GiB in 30 files"
    print(f"headers of {size}: {ours:.3f} s, {ours / plain:.1f} times the plain parsing of their JSON")


def planning() -> None:
    """A search over alike devices."""
    group = GpuGroup(name="rack", sku="H200 SXM", count=8, memory=143_771 << 20)
    many = [asks(f"m{number}", after=tuple(f"m{earlier}" for earlier in range(number))) for number in range(16)]
    body = seen(*many, gpus=(group,))
    began = time.process_time()
    placed = placement(copies(demands(body)), devices(body), 5)
    assert placed is not None
    print(f"16 models on 8 GPUs: {time.process_time() - began:.3f} s, {placed.level.value}")


if __name__ == "__main__":
    errors()
    reading()
    planning()
