"""What it costs to judge a release of many parts that are all valid, beside verifying each part's artifact.

    python -m benches.release [--parts N] [--rounds N]

The parts are the GPUs of as many nodes, so that nothing runs: a check looks them up, judges them, and seals one verdict. Both
do their work in a process of their own; CPU and memory are counted from the moment at which everything is imported.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import statistics
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.kept import checkpoint, finding, keep, report, result
from tests.models import Bench, bench

AIM_CPU, AIM_MEMORY, AIM_RATIO = 1.0, 150, 1.2
POLICY = "name: well\nvalidFor: P2D\ngates: {gpu-health: {}}\n"
_BEGIN = """
import json, os, resource, sys, time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from artifacts.private_key import load_signer
from capabilities.artifact.verify import Verify, verify_artifact
from capabilities.release.check import CheckRelease, check_release
from flows.place import Place
from foundation.settings import read_settings
from tests.models import PASSPHRASE
settings = read_settings(os.environ)
signer = load_signer(settings.key, lambda what: PASSPHRASE)
at = Place(settings=settings, now=lambda: datetime.now(UTC), signer=lambda: signer, secret=lambda what: PASSPHRASE, own=True)
import capabilities.judging, flows.evaluate, tasks.release.release_parts, tasks.signing.trust, artifacts.log.log
def memory():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
def now():
    return time.process_time()
"""
CHECK = f"""{_BEGIN}
began, before = now(), memory()
found = check_release(CheckRelease(description=Path(sys.argv[1]), policy=sys.argv[2]), at)
print(json.dumps([now() - began, memory() - before, found.report.verdict.value]))
"""
VERIFY = f"""{_BEGIN}
artifacts = Path(sys.argv[1]).read_text().split()
began, before = now(), memory()
said = {{verify_artifact(Verify(artifact=one), at).report.verdict.value for one in artifacts}}
print(json.dumps([now() - began, memory() - before, *said]))
"""


def site(here: Bench, parts: int, folder: Path) -> tuple[Path, Path, Path]:
    """The description of a release of so many nodes, its policy, and the list of the artifacts that answer."""
    now = datetime.now(UTC).replace(microsecond=0)
    fit, release = folder / "well.yaml", folder / "release.policy.yaml"
    fit.write_text(POLICY)
    digest = f"sha256:{hashlib.sha256(POLICY.encode()).hexdigest()}"
    rule = f"{{flow: gpu-validation, policies: ['{digest}'], signers: [{{key: own}}]}}"
    release.write_text(f"name: ours\nvalidFor: P7D\ngates: {{release: {{parts: [{rule}]}}}}\n")
    nodes = [f"gpu-{number:03}" for number in range(parts)]
    said = result("gpu-health", *(finding(f"gpu-health/rule-{number}") for number in range(12)))
    artifacts = []
    for node in nodes:
        made = report(node, said, kind="gpu-node", site="edge-07", at=now)
        artifacts.append(
            keep(here, replace(made, policy_name="well", policy_digest=digest, valid_until=now + timedelta(days=2)))
        )
    checkpoint(here)
    described, listed = folder / "release.yaml", folder / "artifacts"
    described.write_text(
        f"name: all-at-edge-07\nsite: edge-07\nmodel: sha256:{'1' * 64}\nparts:\n"
        f"  gpus: {{flow: gpu-validation, nodes: [{', '.join(nodes)}], policy: ./well.yaml}}\n"
    )
    listed.write_text("\n".join(artifacts))
    return described, release, listed


def child(code: str, here: Bench, *words: Path) -> list[float | str]:
    """What *code* printed."""
    command = [sys.executable, "-c", code, *map(str, words)]
    env = {**here.environment, "ARCOPS_SITE": "edge-07"}
    done = subprocess.run(command, env=env, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        here = bench(Path(name))
        described, policy, listed = site(here, given.parts, Path(name))
        checks, verifies = [], []
        for _ in range(given.rounds):
            checks.append(child(CHECK, here, described, policy))
            verifies.append(child(VERIFY, here, listed))
    cpu, verify = (statistics.median(float(one[0]) for one in taken) for taken in (checks, verifies))
    memory = max(float(one[1]) for one in checks)
    print(
        f"release check of {given.parts} valid parts: {cpu:.2f} s of CPU (aim {AIM_CPU}), {memory:.0f} MiB (aim {AIM_MEMORY})"
    )
    print(f"verifying {given.parts} artifacts: {verify:.2f} s of CPU; ratio {cpu / verify:.2f} (aim {AIM_RATIO})")
    print(f"verdicts: {checks[0][2]} (no part is a model, so the release is not GREEN), {verifies[0][2]}")


if __name__ == "__main__":
    main()
