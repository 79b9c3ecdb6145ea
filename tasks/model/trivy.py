"""Trivy, if it is installed: run over the subject and its SBOMs, without the network if the tier requires that.

Its exit code does not depend on findings (unless a flag asks for that). It writes a report without ``Results`` for a clean
subject, but also if it found nothing to scan. So only the report, its targets and what Trivy warned of count.

It runs over the subject twice: ``fs`` reads lock files and never says what is installed, ``rootfs`` the other way round.
"""

from __future__ import annotations

import hashlib
import math
import os
import re
import shutil
import tempfile
from collections.abc import Iterable, Iterator
from datetime import timedelta
from pathlib import Path

from arcops.collector import collector
from arcops.errors import Refused, Unavailable
from arcops.evidence import Seen, Sighting, Source, SourceKind
from arcops.request import Request
from arcops.seen.tree import Tree
from arcops.seen.trivy import Scan, ScannedTarget, TrivyDatabase, TrivyScan, TrivyWarning
from arcops.tier import Tier
from artifacts.beneath import stat_within
from artifacts.private_folder import make_private
from artifacts.reading import read_file
from foundation.secrets import secret_files
from tasks.files.reading import MIB, is_folder, read_limited
from tasks.model.trivy_report import Parsed, parse_log, parse_metadata, parse_report
from tasks.model.trivy_unlisted import unlisted
from tasks.program import Limits, Output, run

LIMITS = Limits(seconds=570, size=256 * MIB)
"""The time limit of each run. The collector's own deadline is a little longer, so that the error comes from here."""

_MOST_SBOMS = 31
_SBOM_ENDINGS = (".cdx.json", ".cdx", ".spdx.json", ".spdx", "bom.json", "bom.xml")
_LARGEST_CONFIGURATION = 4 * MIB
# Comments by which the author of a file keeps Trivy from reporting it (trivy.dev, "Filtering").
_EXCUSE = re.compile(rb"(?:trivy|tfsec):ignore", re.IGNORECASE)
# Without these two flags, Trivy uses the network while it scans.
_OFFLINE = ("--skip-db-update", "--offline-scan")
# These flags exist only in versions with the features that they switch off; a Trivy without the flag has no such feature.
_QUIET = (
    "--skip-java-db-update",
    "--skip-vex-repo-update",
    "--skip-version-check",
    "--disable-telemetry",
    "--skip-check-update",
    "--skip-policy-update",
)


@collector("trivy", TrivyScan, version="2", needs=(Tree,), deadline=timedelta(minutes=10))
def look(request: Request, seen: Seen) -> Sighting[TrivyScan]:
    """Everything that Trivy reports, with its version and the dates of its databases.

    Raises `Unavailable` if Trivy is not installed, has no database, crashes, hangs or writes too much, and `Refused` if its
    output is not a report, or if it is too old to be kept off the network.
    """
    program = shutil.which("trivy")
    if program is None:
        raise Unavailable("trivy is not installed (it is not in PATH); install it, or remove its gate from the policy")
    data = request.data / "trivy"
    if not data.is_dir() and request.tier is not Tier.CONNECTED:
        raise Unavailable(
            f"{data} does not exist, so trivy has no database, and it may not download one; on a connected"
            f" machine run 'trivy image --download-db-only --cache-dir DIR', and copy DIR/db into {data}"
        )
    cache = data if data.is_dir() else request.cache / "trivy"
    scans = _scans(request, seen[Tree].body)
    pairs = [_scan(program, cache, request, scan, path) for scan, path in scans]
    parsed = [report for report, _ in pairs]
    targets = tuple(target for report in parsed for target in report.targets)
    databases = tuple(_databases(cache))
    body = TrivyScan(
        tool=parsed[0].tool,
        scans=tuple(scan for scan, _ in scans),
        targets=targets,
        vulnerabilities=tuple(found for report in parsed for found in report.vulnerabilities),
        misconfigurations=sum(report.misconfigurations for report in parsed),
        secrets=sum(report.secrets for report in parsed),
        databases=databases,
        systems=tuple(report.system for report in parsed if report.system is not None),
        warnings=tuple(warning for _, warnings in pairs for warning in warnings),
        unlisted=tuple(unlisted(seen[Tree].body, targets, frozenset().union(*(report.files for report in parsed)))),
        excused=tuple(_excused(request, seen[Tree].body, targets)),
        checks_work=_checks_work(program, cache, request),
    )
    with Path(program).open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    tool = Source(name=f"trivy {body.tool}".strip(), kind=SourceKind.TOOL, digest=f"sha256:{digest}")
    return Sighting(
        body=body,
        sources=(tool, *(Source(name=found.name, kind=SourceKind.DATA, dated=found.updated) for found in databases)),
    )


def _scans(request: Request, tree: Tree) -> list[tuple[Scan, Path]]:
    """The subject itself, and every SBOM in it or beside it."""
    target = request.target.absolute()
    scans = [(Scan(mode=mode, path="."), target) for mode in ("fs", "rootfs")]
    if is_folder(request):
        scans += [(Scan(mode="sbom", path=file.path), target / file.path) for file in tree.files if _is_sbom(file.path)]
    for path in sorted(request.attached):
        if _is_sbom(path.name):
            scans.append((Scan(mode="sbom", path=path.name, sha256=_digest(request, path)), path.absolute()))
    sboms = sum(scan.mode == "sbom" for scan, _ in scans)
    if sboms > _MOST_SBOMS:
        raise Refused(f"{target} comes with {sboms} SBOMs; the limit for trivy is {_MOST_SBOMS}")
    return scans


def _digest(request: Request, path: Path) -> str:
    """The digest by which an attached file counts as read; without it, the file counts as not read."""
    try:
        return hashlib.sha256(read_limited(request, path, LIMITS.size)).hexdigest()
    except (Refused, Unavailable):
        return ""


def _is_sbom(path: str) -> bool:
    return path.lower().endswith(_SBOM_ENDINGS)


def _scan(program: str, cache: Path, request: Request, scan: Scan, path: Path) -> tuple[Parsed, tuple[TrivyWarning, ...]]:
    # What is neither a package nor an SBOM is the same to both runs over the subject, so only one looks for it.
    scanners = {"fs": "vuln,misconfig,secret", "rootfs": "vuln"}.get(scan.mode, "")
    # Trivy takes a name, not a handle, so the file with this name is compared before and after.
    before = _identity(request, path)
    answer = _answer(program, cache, request, scan.mode, path, scanners)
    if _identity(request, path) != before:
        raise Unavailable(f"{path} was replaced while trivy read it, so it is unknown what trivy read; check again")
    hidden = {str(path): scan.path, str(cache.absolute()): "the data directory"}
    return parse_report(answer.output, scan, read=str(path)), parse_log(answer.log, scan, hidden)


def _answer(program: str, cache: Path, request: Request, mode: str, path: Path, scanners: str) -> Output:
    flags = ["--format", "json", "--list-all-pkgs", "--exit-code", "0", "--cache-dir", str(cache.absolute())]
    flags += ["--timeout", f"{math.ceil(LIMITS.seconds)}s"]  # its own limit is 5 minutes
    if scanners:
        flags += ["--scanners", scanners]
    if request.tier is not Tier.CONNECTED:
        flags += _kept_offline(program, request, mode)
    answer = _run(request, [program, mode, *flags, "--", str(path)])
    if answer.code and "Java DB" in answer.errors:
        raise Unavailable(
            f"trivy needs its Java database for the jars in {path}, and {cache / 'java-db'} holds none; on a connected machine"
            " run 'trivy image --download-java-db-only --cache-dir DIR', and copy DIR/java-db there"
        )
    if answer.code:
        raise Unavailable(f"trivy {mode} over {path} ended with code {answer.code}: {answer.errors or 'it wrote no error'}")
    return answer


def _checks_work(program: str, cache: Path, request: Request) -> bool:
    """Do the checks of configuration files find a fault? Those inside Trivy do; a folder of others in the cache replaces them.

    If that folder is empty or broken, Trivy checks nothing, and its report and exit code are those of a clean subject.
    """
    if not (cache / "policy").exists():
        return True
    make_private(request.cache)
    with tempfile.TemporaryDirectory(prefix="trivy-", dir=request.cache) as scratch:
        folder = Path(scratch)
        (folder / "Dockerfile").write_text("FROM debian:latest\nRUN sudo true\n")
        answer = _answer(program, cache, request, "fs", folder, "misconfig")
    return parse_report(answer.output, Scan(mode="fs", path=".")).misconfigurations > 0


def _excused(request: Request, tree: Tree, targets: Iterable[ScannedTarget]) -> Iterator[str]:
    """The configuration files that hold such a comment, or of which that cannot be seen."""
    if not is_folder(request):
        return
    checked = {target.target for target in targets if target.category == "config"}
    for path in sorted(checked.intersection(file.path for file in tree.files)):
        try:
            held = read_limited(request, request.target / path, _LARGEST_CONFIGURATION)
        except (Refused, Unavailable):
            yield path
        else:
            if _EXCUSE.search(held):
                yield path


def _identity(request: Request, path: Path) -> tuple[int, int] | None:
    found = stat_within(path, request.within)
    return None if found is None else (found.st_dev, found.st_ino)


def _kept_offline(program: str, request: Request, mode: str) -> list[str]:
    """The flags that keep this Trivy off the network, of those that it has."""
    answer = _run(request, [program, mode, "--help"])
    words = set(answer.output.decode("utf-8", "replace").replace(",", " ").split())
    missing = [flag for flag in _OFFLINE if flag not in words]
    if missing:
        raise Refused(
            f"trivy at {program} has no option {missing[0]}, so it cannot be kept off the network; install a newer version"
        )
    return [*_OFFLINE, *(flag for flag in _QUIET if flag in words)]


def _run(request: Request, arguments: list[str]) -> Output:
    """In a directory that only we write to, so that no foreign ``trivy.yaml`` or ``.trivyignore`` has an effect."""
    make_private(request.cache)
    with tempfile.TemporaryDirectory(prefix="trivy-", dir=request.cache) as scratch:
        return run(
            arguments,
            scratch=Path(scratch),
            limits=LIMITS,
            alive=lambda: request.progress(0, 0),
            secrets=(*request.secrets, *secret_files(os.environ)),
            network=request.tier is Tier.CONNECTED,
        )


def _databases(cache: Path) -> Iterator[TrivyDatabase]:
    yield _database("trivy-db", cache / "db" / "metadata.json")
    if (cache / "java-db" / "metadata.json").exists():
        yield _database("trivy-java-db", cache / "java-db" / "metadata.json")


def _database(name: str, path: Path) -> TrivyDatabase:
    """A database without a readable date is a database of unknown age, and the gate says so."""
    try:
        return parse_metadata(name, read_file(path, MIB, follow=False))
    except (Refused, Unavailable):
        return TrivyDatabase(name=name)
