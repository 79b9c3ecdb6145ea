"""What a check of a model's signature alone costs, compared with ``model_signing verify`` over the same files, in one run.

    python -m benches.signatures [--rounds N] [--sizes MIB,MIB…] [--folder FOLDER] [OTHER]

For each size (default: 90 and 1024 MiB) it writes a model of four files, which model-signing signs with a P-256 key. Then the
two commands take turns, each as a whole process with no digest cache, as a person starts them. CPU is user and system time of
the process and its children. The peer model-signing is in the development environment. OTHER is another checkout with its own
``.venv``, measured in the same turns.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from benches.startup import checkouts, environment, used
from benches.tree import CHUNK, write_model
from tests.models import Bench, bench

AIM = 1.0
POLICY = """
name: signatures-only
validFor: P7D
gates:
  signatures: {signers: [{key: "*"}], requireRevocations: false}
"""


def signed_model(folder: Path, mib: int, here: Bench) -> tuple[Path, list[str]]:
    """A model of *mib* MiB with ``model.sig`` by a key that *here* trusts, and the peer's command that verifies it."""
    model, key, public = folder / f"model-{mib}", folder / f"{mib}.key", folder / f"{mib}.pub"
    write_model(model, mib * CHUNK)
    private = ec.generate_private_key(ec.SECP256R1())
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption())
    key.write_bytes(private.private_bytes(*form))
    public.write_bytes(
        private.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    )
    (here.settings.trust / "keys").mkdir(parents=True, exist_ok=True)
    shutil.copy(public, here.settings.trust / "keys" / f"{mib}.pub")
    peer, signature = str(Path(sys.executable).parent / "model_signing"), str(model / "model.sig")
    subprocess.run(
        [peer, "sign", "key", str(model), "--signature", signature, "--private_key", str(key)], check=True, capture_output=True
    )
    return model, [peer, "verify", "key", str(model), "--signature", signature, "--public_key", str(public)]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benches.signatures", description="CPU of a check", allow_abbrev=False)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--sizes", default="90,1024", help="in MiB, with commas")
    parser.add_argument("--folder", help="the folder in which the models are written")
    parser.add_argument("other", nargs="?", type=Path)
    given = parser.parse_args()
    trees = checkouts(given.other)
    with tempfile.TemporaryDirectory(prefix="arcops-bench-", dir=given.folder) as name:
        work = Path(name)
        here = bench(work)
        policy = work / "signatures.yaml"
        policy.write_text(POLICY)
        surroundings = environment(here)
        for mib in map(int, given.sizes.split(",")):
            model, peer = signed_model(work, mib, here)
            commands = {tree.name: tree.command(["check", str(model), "--policy", str(policy)]) for tree in trees}
            commands["model_signing"] = peer
            spent: dict[str, list[float]] = {title: [] for title in commands}
            for turn in range(given.rounds + 1):
                for title, command in commands.items():
                    shutil.rmtree(here.settings.cache, ignore_errors=True)
                    cost = used(command, surroundings, (0,))
                    if turn:  # the first turn compiles byte code and fills the page cache for all
                        spent[title].append(cost)
            medians = {title: statistics.median(costs) for title, costs in spent.items()}
            print(f"{mib} MiB, no cache, medians of {given.rounds}")
            for title, median in medians.items():
                ratio = median / medians["model_signing"]
                aim = "" if title == "model_signing" else f"   aim: {AIM:g}x at most"
                print(f"  {title:14} {median:7.3f} s of CPU {ratio:7.2f}x{aim}", flush=True)
            shutil.rmtree(model)


if __name__ == "__main__":
    main()
