"""10,000 packages against a whole OSV export: our matcher, and a plain loop over the same advisories with `packaging`.

    python benches/vulnerabilities.py [EXPORT.zip] [--base CHECKOUT]

The export is an ecosystem's zip from OSV; by default ``PyPI.zip`` among the vectors (``ARCOPS_VECTORS``). The peer knows only
one kind of ranges and reads its advisories beforehand, so the comparison favours it; it is asked about 200 packages, and its
time is scaled up.

With ``--base``, the whole of ``arcops check`` is measured as well, in turns with that of another checkout, which has its own
``.venv``: the median CPU of the whole process tree, each with its own imported advisories and a new store for each run.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

from packaging.version import InvalidVersion, Version

from arcops.seen.sboms import Component, SbomSeen
from tasks.model.osv.importing import import_osv
from tasks.model.osv.matching import match

COUNT, PEER_COUNT = 10_000, 200
RUNS = 5
PASSPHRASE = "only for this benchmark"  # noqa: S105  # of a key that the benchmark makes and deletes
HERE = Path(__file__).resolve().parents[1]
_COMMAND = "import sys; sys.path.insert(0, sys.argv.pop(1)); from adapters.cli.main import main; main()"
"""Its first argument is the checkout: a copied ``.venv`` may still name the one that it was made for."""
_POLICY = "name: v\nvalidFor: P7D\ngates:\n  vulnerabilities: {minAdvisories: 0, maxDataAgeDays: 36500}\n"


def main() -> None:
    default = (
        Path(os.environ.get("ARCOPS_VECTORS", Path(__file__).resolve().parents[2] / "shared" / "vectors")) / "osv" / "PyPI.zip"
    )
    arguments = sys.argv[1:]
    base = Path(arguments.pop(arguments.index("--base") + 1)).resolve() if "--base" in arguments else None
    words = [one for one in arguments if one != "--base"]
    export = Path(words[0]).resolve() if words else default
    if not export.is_file():
        sys.exit(f"no export at {export}; give the path of an OSV ecosystem zip")
    with zipfile.ZipFile(export) as archive:
        advisories = [json.loads(archive.read(name)) for name in archive.namelist()]
    names = sorted({one["package"]["name"].lower() for entry in advisories for one in entry.get("affected", ())})
    packages = [(names[number % len(names)], f"{number % 7}.{number % 11}.{number % 5}") for number in range(COUNT)]
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        import_osv(export, Path(folder), ecosystem=None, now=datetime.now(UTC))
        imported = time.process_time() - started
        document = SbomSeen(
            path="a.cdx.json", sha256="00" * 32, format="CycloneDX", spec_version="1.6",
            components=tuple(
                Component(ref=str(number), name=name, kind="library", version=version, purl=f"pkg:pypi/{name}@{version}")
                for number, (name, version) in enumerate(packages)
            ),
        )  # fmt: skip
        started = time.process_time()
        found = match([document], Path(folder))
        ours = time.process_time() - started
    started = time.process_time()
    hits = sum(affected(advisories, name, version) for name, version in packages[:PEER_COUNT])
    peer = (time.process_time() - started) * COUNT / PEER_COUNT
    print(f"{len(advisories)} advisories, imported in {imported:.2f} s of CPU")
    print(f"{COUNT} packages: {ours:.2f} s of CPU, {len(found.matches)} matches")
    print(f"the loop: {peer:.1f} s (scaled from {PEER_COUNT}, {hits} matches); ratio ours/loop {ours / peer:.4f}")
    if base is not None:
        with tempfile.TemporaryDirectory() as folder:
            side_by_side(Path(folder), export, names, {"ours": HERE, "base": base})


def side_by_side(folder: Path, export: Path, names: list[str], checkouts: dict[str, Path]) -> None:
    """Print the CPU of a whole check by each of *checkouts*, in turns."""
    (folder / "policy.yaml").write_text(_POLICY)
    for checkout in checkouts:
        (folder / checkout).mkdir()
        arcops(checkouts[checkout], folder, checkout, "data", "import", str(export))
    arcops(checkouts["ours"], folder, "ours", "keys", "new", "k.key")
    for shape in ("none", "mixed", "all", "distinct"):
        model = folder / shape
        model.mkdir()
        (model / "bom.cdx.json").write_text(json.dumps(bom(shape, names)))
        taken: dict[str, list[float]] = {one: [] for one in checkouts}
        for turn in range(RUNS + 1):
            for one, checkout in checkouts.items():
                for written in ("store", "cache", "remembered"):
                    shutil.rmtree(folder / one / written, ignore_errors=True)
                spent = arcops(checkout, folder, one, "check", shape, "--policy", "policy.yaml", "--key", "k.key")
                if turn:  # the first one compiles Python's files
                    taken[one].append(spent)
        ours, theirs = (statistics.median(taken[one]) for one in ("ours", "base"))
        print(f"whole check, {shape}: {ours:.2f} s of CPU, base {theirs:.2f} s; ratio ours/base {ours / theirs:.3f}")


def arcops(checkout: Path, folder: Path, home: str, *words: str) -> float:
    """Run ``arcops`` of *checkout* in *folder*; returns the seconds of CPU of all its processes."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith(("ARCOPS_", "PYTHON"))}
    environment = {**clean, "ARCOPS_HOME": str(folder / home), "ARCOPS_PASSPHRASE": PASSPHRASE}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [str(checkout / ".venv" / "bin" / "python"), "-c", _COMMAND, str(checkout), *words]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode not in (0, 3, 4):
        sys.exit(f"{checkout} failed: {done.stderr.strip() or done.stdout.strip()}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bom(shape: str, names: list[str]) -> dict[str, object]:
    """10,000 packages: *none* of them has advisories, a tenth (*mixed*), *all*, or all in *distinct* versions."""
    components = []
    for number in range(COUNT):
        name, version = f"package-{number}", f"1.{number}"
        if shape in ("all", "distinct"):
            name = names[number % len(names)]
        elif shape == "mixed" and number % 10 == 0:
            name = names[number // 10 % len(names)]
        if shape != "distinct" and not name.startswith("package-"):
            version = f"{number % 7}.{number % 11}.{number % 5}"
        components.append(
            {"type": "library", "bom-ref": f"r{number}", "name": name, "version": version,
             "purl": f"pkg:pypi/{name}@{version}", "licenses": [{"license": {"id": "MIT"}}], "supplier": {"name": "x"}}
        )  # fmt: skip
    return {
        "bomFormat": "CycloneDX", "specVersion": "1.6", "version": 1,
        "metadata": {
            "timestamp": "2026-11-28T00:00:00Z",
            "component": {"bom-ref": "root", "type": "machine-learning-model", "name": "m", "version": "1"},
        },
        "components": components,
        "dependencies": [{"ref": "root", "dependsOn": [f"r{number}" for number in range(COUNT)]}],
    }  # fmt: skip


def affected(advisories: list[dict[str, object]], name: str, version: str) -> int:
    """How many advisories cover the package, by a plain loop."""
    count = 0
    mine = Version(version)
    for entry in advisories:
        for one in entry.get("affected", ()):  # type: ignore[attr-defined]  # raw JSON
            if one["package"]["name"].lower() != name:
                continue
            for span in one.get("ranges", ()):
                inside = False
                for event in span["events"]:
                    try:
                        if "introduced" in event:
                            inside = inside or event["introduced"] == "0" or mine >= Version(event["introduced"])
                        elif "fixed" in event and mine >= Version(event["fixed"]):
                            inside = False
                    except InvalidVersion:
                        continue
                count += inside
    return count


if __name__ == "__main__":
    main()
