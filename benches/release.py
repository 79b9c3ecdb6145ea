"""What it costs to judge a release of many parts that are all valid, beside verifying each part's artifact.

    python -m benches.release [--parts N] [--rounds N]

The parts are the GPUs of as many nodes, so that nothing runs: a check looks them up, judges them, and seals one verdict. Both
do their work in a process of their own. CPU and memory are counted from the moment at which everything is imported: before,
each process does the same once for a release of one part, of another site with other keys.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.kept import checkpoint, finding, keep, report, result
from tests.models import PASSPHRASE, Bench, bench

AIM_CPU, AIM_MEMORY, AIM_RATIO = 1.0, 150, 1.2
SITE = "edge-07"
POLICY = "name: well\nvalidFor: P2D\ngates: {gpu-health: {}}\n"
_BEGIN = """
import json, os, resource, sys, time
from datetime import UTC, datetime
from pathlib import Path
from artifacts.private_key import load_signer
from capabilities.artifact.verify import Verify, verify_artifact
from capabilities.release.check import CheckRelease, check_release
from flows.place import Place
from foundation.settings import read_settings
from tests.models import PASSPHRASE

def place(home):
    settings = read_settings({**os.environ, "ARCOPS_HOME": home})
    signer = load_signer(settings.key, lambda what: PASSPHRASE)
    now = lambda: datetime.now(UTC)
    return Place(settings=settings, now=now, signer=lambda: signer, secret=lambda what: PASSPHRASE, own=True)

def measured(work):
    "Seconds of CPU, MiB, and the answer, of the second of the places that are named."
    for home, *words in (sys.argv[1].split(","), sys.argv[2].split(",")):
        at, began, before = place(home), time.process_time(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        answer = work(at, *words)
        took, after = time.process_time() - began, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps([took, (after - before) / 1024, answer]))

def check(at, description):
    return check_release(CheckRelease(description=Path(description), policy="ours"), at).report.verdict.value

def verify(at, artifacts):
    return " ".join({verify_artifact(Verify(artifact=one), at).report.verdict.value for one in artifacts.split()})
"""
CHECK = f"{_BEGIN}\nmeasured(check)"
VERIFY = f"{_BEGIN}\nmeasured(verify)"


def described(here: Bench, folder: Path, parts: int, site: str) -> tuple[Path, list[str]]:
    """The description in *folder* of a release of so many nodes of *site*, to be judged by the policy ``ours``, registered
    *here*; and the artifacts that answer.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    digest = f"sha256:{hashlib.sha256(POLICY.encode()).hexdigest()}"
    rule = f"{{flow: gpu-validation, policies: ['{digest}'], signers: [{{key: own}}]}}"
    (here.settings.policies / "well.yaml").write_text(POLICY)
    (here.settings.policies / "ours.yaml").write_text(f"name: ours\nvalidFor: P7D\ngates: {{release: {{parts: [{rule}]}}}}\n")
    nodes = [f"gpu-{number:03}" for number in range(parts)]
    said = result("gpu-health", *(finding(f"gpu-health/rule-{number}") for number in range(12)))
    artifacts = []
    for node in nodes:
        made = report(node, said, kind="gpu-node", site=site, at=now)
        artifacts.append(
            keep(here, replace(made, policy_name="well", policy_digest=digest, valid_until=now + timedelta(days=2)))
        )
    checkpoint(here)
    description = folder / "release.yaml"
    description.write_text(
        f"name: all-at-{site}\nsite: {site}\nmodel: sha256:{'1' * 64}\nparts:\n"
        f"  gpus: {{flow: gpu-validation, nodes: [{', '.join(nodes)}], policy: well}}\n"
    )
    return description, artifacts


def told(folder: Path, parts: int) -> tuple[str, str]:
    """What `CHECK` and `VERIFY` are told of a release of so many nodes: its home, and its description, or the artifacts."""
    here = bench(folder)
    description, artifacts = described(here, folder, parts, SITE)
    return f"{here.home},{description}", f"{here.home},{' '.join(artifacts)}"


def child(code: str, *words: str) -> list[float | str]:
    """What *code* printed."""
    env = {**os.environ, "ARCOPS_PASSPHRASE": PASSPHRASE, "ARCOPS_TIER": "air-gapped", "ARCOPS_SITE": SITE}
    command = [sys.executable, "-c", code, *words]
    done = subprocess.run(command, env=env, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=7)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        first, second = (told(Path(name) / one, parts) for one, parts in (("one", 1), ("all", given.parts)))
        checks, verifies = [], []
        for _ in range(given.rounds):
            checks.append(child(CHECK, first[0], second[0]))
            verifies.append(child(VERIFY, first[1], second[1]))
    cpu, verify = (statistics.median(float(one[0]) for one in taken) for taken in (checks, verifies))
    ratio = statistics.median(float(one[0]) / float(other[0]) for one, other in zip(checks, verifies, strict=True))
    memory = max(float(one[1]) for one in checks)
    print(
        f"release check of {given.parts} valid parts: {cpu:.2f} s of CPU (aim {AIM_CPU}), {memory:.0f} MiB (aim {AIM_MEMORY})"
    )
    print(f"verifying {given.parts} artifacts: {verify:.2f} s of CPU; ratio {ratio:.2f} (aim {AIM_RATIO})")
    print(f"verdicts: {checks[0][2]} (no part is a model, so the release is not GREEN), {verifies[0][2]}")


if __name__ == "__main__":
    main()
