"""10,000 packages against a whole OSV export: our matcher, and a plain loop over the same advisories with `packaging`.

    python benches/vulnerabilities.py [EXPORT.zip]

The export is an ecosystem's zip from OSV; by default ``PyPI.zip`` among the vectors (``ARCOPS_VECTORS``). The peer knows only
one kind of ranges and reads its advisories beforehand, so the comparison favours it; it is asked about 200 packages, and its
time is scaled up.
"""

from __future__ import annotations

import json
import os
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


def main() -> None:
    default = (
        Path(os.environ.get("ARCOPS_VECTORS", Path(__file__).resolve().parents[2] / "shared" / "vectors")) / "osv" / "PyPI.zip"
    )
    export = Path(sys.argv[1]) if len(sys.argv) > 1 else default
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
