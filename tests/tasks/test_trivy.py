"""The collector, against a program of our own that is called trivy and misbehaves on demand."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arcops.errors import Refused, Stopped, Unavailable
from arcops.evidence import Seen, Sighting, SourceKind
from arcops.request import Request
from arcops.seen.content import Content
from arcops.seen.tree import FileSeen, Tree
from arcops.seen.trivy import Scan, TrivyScan
from arcops.tier import Tier
from tasks.model import trivy
from tasks.program import Limits
from tests.evidence import NOW, evidence
from tests.waiting import until

FLAGS = (
    "--skip-db-update --skip-java-db-update --offline-scan --skip-vex-repo-update --skip-version-check "
    "--disable-telemetry --skip-check-update"
)
FAKE = """#!{python}
import json, os, sys, time
here = {here!r}
if "--help" in sys.argv:
    print("Flags:", open(os.path.join(here, "flags")).read())
    sys.exit(0)
with open(os.path.join(here, "calls"), "a") as calls:
    calls.write(json.dumps([sys.argv[1:], dict(os.environ), os.getcwd(), os.listdir(".")]) + "\\n")
mode, target = sys.argv[1], sys.argv[-1]
found = {{"VulnerabilityID": "CVE-2024-1", "PkgName": "a", "InstalledVersion": "1", "FixedVersion": "2", "Severity": "HIGH",
          "PkgIdentifier": {{"PURL": "pkg:pypi/a@1"}}}}
result = {{"Target": target, "Class": "lang-pkgs", "Type": "pip", "Packages": [{{}}, {{}}], "Vulnerabilities": [found]}}
report = {{"SchemaVersion": 2, "Trivy": {{"Version": "0.68.1"}}, "ArtifactName": target, "Results": [result]}}
{act}
"""
FINDS = "print(json.dumps(report))"

Trivy = Callable[..., Path]


@pytest.fixture
def fake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trivy:
    """Put a trivy on the PATH that does *act*; the folder it keeps its records in comes back."""
    here = tmp_path / "bin"
    here.mkdir()

    def make(act: str = FINDS, flags: str = FLAGS) -> Path:
        program = here / "trivy"
        program.write_text(FAKE.format(python=sys.executable, here=str(here), act=act))
        program.chmod(0o755)
        (here / "flags").write_text(flags)
        monkeypatch.setenv("PATH", f"{here}{os.pathsep}{os.environ['PATH']}")
        return here

    return make


def request(
    tmp_path: Path, *, tier: Tier = Tier.AIR_GAPPED, database: str = '"2026-11-20T00:00:00Z"', **more: object
) -> Request:
    model = tmp_path / "-model"
    model.mkdir(exist_ok=True)
    (model / "bom.cdx.json").write_text("{}")
    if database:
        folder = tmp_path / "data" / "trivy" / "db"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "metadata.json").write_text(f'{{"Version": 2, "UpdatedAt": {database}}}')
    parts: dict[str, object] = {
        "target": model,
        "kind": "model",
        "tier": tier,
        "now": NOW,
        "trust": tmp_path,
        "data": tmp_path / "data",
        "cache": tmp_path / "cache",
        **more,
    }
    return Request(**parts)  # type: ignore[arg-type]  # the tests vary any field by name


def look(asked: Request, files: tuple[str, ...] = ("bom.cdx.json", "weights.bin")) -> Sighting[TrivyScan]:
    tree = Tree(
        root="0" * 64,
        files=tuple(
            FileSeen(path=path, size=2, sha256="0" * 64, executable=False, content=Content(format="other")) for path in files
        ),
    )
    return trivy.look.look(asked, Seen({"tree": evidence(tree)}, at=NOW, subject_name="model"))


def calls(here: Path) -> list[tuple[list[str], dict[str, str], str, list[str]]]:
    return [tuple(json.loads(line)) for line in (here / "calls").read_text().splitlines()]


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_findings_are_seen_though_the_exit_code_is_zero(fake: Trivy, tmp_path: Path) -> None:
    here = fake()
    sighting = look(request(tmp_path))
    body = sighting.body
    assert body.tool == "0.68.1"
    assert body.scans == (
        Scan(mode="fs", path="."),
        Scan(mode="rootfs", path="."),
        Scan(mode="sbom", path="bom.cdx.json"),
    )
    assert [(found.id, found.purl, found.fixed) for found in body.vulnerabilities] == [("CVE-2024-1", "pkg:pypi/a@1", "2")] * 3
    assert [target.packages for target in body.targets] == [2, 2, 2]
    tool, data = sighting.sources
    digest = hashlib.sha256((here / "trivy").read_bytes()).hexdigest()
    assert (tool.name, tool.kind, tool.digest) == ("trivy 0.68.1", SourceKind.TOOL, f"sha256:{digest}")
    assert (data.kind, data.dated) == (SourceKind.DATA, datetime(2026, 11, 20, tzinfo=UTC))


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_what_trivy_is_told_and_what_it_is_not(fake: Trivy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "GITHUB_TOKEN", "TRIVY_SERVER", "TRIVY_IGNOREFILE", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "http://example.invalid")
    here = fake()
    look(request(tmp_path))
    seen = calls(here)
    assert [(call[0][0], call[0][-2:]) for call in seen] == [
        ("fs", ["--", str(tmp_path / "-model")]),
        ("rootfs", ["--", str(tmp_path / "-model")]),
        ("sbom", ["--", str(tmp_path / "-model" / "bom.cdx.json")]),
    ]
    for arguments, environment, folder, beside in seen:
        assert set(FLAGS.split()) <= set(arguments)
        assert arguments[arguments.index("--cache-dir") + 1] == str(tmp_path / "data" / "trivy")
        assert arguments[arguments.index("--format") + 1] == "json"
        assert set(environment) - {"LC_CTYPE"} == {"PATH", "HOME", "TMPDIR", "XDG_CACHE_HOME", "LC_ALL"}
        assert Path(environment["HOME"]).is_relative_to(tmp_path / "cache")
        assert Path(folder).is_relative_to(tmp_path / "cache")
        assert beside == []
    assert list((tmp_path / "cache").iterdir()) == []


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_flags_that_this_trivy_does_not_have_are_left_out(fake: Trivy, tmp_path: Path) -> None:
    here = fake(flags="--skip-db-update, --offline-scan")
    look(request(tmp_path))
    assert "--offline-scan" in calls(here)[0][0]
    assert "--disable-telemetry" not in calls(here)[0][0]


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
@pytest.mark.parametrize("flags", ["--skip-db-update", "--offline-scan", ""])
def test_a_trivy_that_cannot_be_kept_off_the_network_is_refused(fake: Trivy, tmp_path: Path, flags: str) -> None:
    here = fake(flags=flags)
    with pytest.raises(Refused, match="off the network"):
        look(request(tmp_path))
    assert not (here / "calls").exists()


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
@pytest.mark.requirement("ARC-2/connected-may-update")
def test_a_connected_site_may_update_its_database(fake: Trivy, tmp_path: Path) -> None:
    here = fake()
    look(request(tmp_path, tier=Tier.CONNECTED, database=""))
    arguments = calls(here)[0][0]
    assert "--skip-db-update" not in arguments
    assert arguments[arguments.index("--cache-dir") + 1] == str(tmp_path / "cache" / "trivy")


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
@pytest.mark.parametrize(
    ("act", "error", "says"),
    [
        ("print('FATAL no database', file=sys.stderr); sys.exit(1)", Unavailable, "code 1: FATAL no database"),
        ("print('Unable to initialize the Java DB', file=sys.stderr); sys.exit(1)", Unavailable, "download-java-db-only"),
        ("print(json.dumps(report)); sys.exit(5)", Unavailable, "code 5"),
        ("os.kill(os.getpid(), 9)", Unavailable, "code -9"),
        ("time.sleep(600)", Unavailable, "did not end within"),
        ("os.fork(); time.sleep(600)", Unavailable, "did not end within"),
        ("while True: sys.stdout.write('x' * 65536)", Unavailable, "wrote more than"),
        ("while True: sys.stderr.write('x' * 65536)", Unavailable, "wrote more than"),
        ("sys.stdout.write('x' * 400000)", Unavailable, "wrote more than"),
        ("pass", Refused, "not JSON"),
        ("print('2026-11-20 INFO scanning'); print(json.dumps(report))", Refused, "not JSON"),
        ("print(json.dumps(report)[:-1])", Refused, "not JSON"),
        ("report['SchemaVersion'] = 3; print(json.dumps(report))", Refused, "SchemaVersion"),
    ],
)
def test_misbehaviour_is_never_an_answer(
    fake: Trivy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: str, error: type[Exception], says: str
) -> None:
    sleeps = "sleep" in act
    monkeypatch.setattr(trivy, "LIMITS", Limits(seconds=1.5 if sleeps else 120.0, size=300_000))
    fake(act)
    with pytest.raises(error, match=says):
        look(request(tmp_path))
    assert list((tmp_path / "cache").iterdir()) == []


def _gone(state: Path) -> bool:
    try:
        return state.read_text().rpartition(")")[2].split()[0] in ("Z", "X")
    except OSError:
        return True


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_nothing_is_left_running(fake: Trivy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trivy, "LIMITS", Limits(seconds=4, size=300_000))  # in which it has begun on a busy machine, too
    here = fake("child = os.fork()\nif child: open(os.path.join(here, 'child'), 'w').write(str(child))\ntime.sleep(600)")
    with pytest.raises(Unavailable):
        look(request(tmp_path))
    state = Path(f"/proc/{(here / 'child').read_text()}/stat")
    until(lambda: _gone(state), "the child has ended")  # a signal was sent to it, and takes a moment


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_a_person_can_stop_it(fake: Trivy, tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise Stopped("stopped by a person")

    fake("time.sleep(600)")
    with pytest.raises(Stopped):
        look(request(tmp_path, progress=stop))


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_absent_results_are_nothing_scanned(fake: Trivy, tmp_path: Path) -> None:
    fake("del report['Results']; print(json.dumps(report))")
    body = look(request(tmp_path)).body
    assert (body.targets, body.vulnerabilities) == ((), ())
    assert len(body.scans) == 3


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
@pytest.mark.parametrize("database", ["null", '"yesterday"', "7}}", '"2026-11-20"'])
def test_a_database_without_a_sound_date_is_of_unknown_age(fake: Trivy, tmp_path: Path, database: str) -> None:
    fake()
    sighting = look(request(tmp_path, database=database))
    assert [found.updated for found in sighting.body.databases] == [None]
    assert sighting.sources[1].dated is None


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_attached_sboms_are_scanned_and_other_attachments_are_not(fake: Trivy, tmp_path: Path) -> None:
    fake()
    body = look(request(tmp_path, attached=(tmp_path / "x.spdx.json", tmp_path / "model.sig")), files=()).body
    assert [scan.path for scan in body.scans] == [".", ".", "x.spdx.json"]


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_no_trivy_no_evidence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(Unavailable, match="not installed"):
        look(request(tmp_path))


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_no_database_no_evidence(fake: Trivy, tmp_path: Path) -> None:
    fake()
    with pytest.raises(Unavailable, match="no database"):
        look(request(tmp_path, database=""))


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_what_trivy_warns_of_is_kept_without_paths_of_this_machine(fake: Trivy, tmp_path: Path) -> None:
    fake("print('t\\tWARN\\tCannot read ' + target, file=sys.stderr); print(json.dumps(report))")
    found = look(request(tmp_path), files=()).body.warnings
    assert [(each.scan.mode, each.text) for each in found] == [("fs", "Cannot read ."), ("rootfs", "Cannot read .")]


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
@pytest.mark.parametrize(
    ("path", "told"),
    [
        ("requirements.txt", True),
        ("sub/go.mod", True),
        ("lib/site-packages/a-1.dist-info/METADATA", True),
        ("var/lib/dpkg/status", True),
        ("image/lib/apk/db/installed", True),
        ("lib/log4j-core-2.14.1.jar", True),
        ("app/shop.war", True),
        ("shop.deps.json", True),
        ("opt/conda/conda-meta/zlib-1.2.11-0.json", True),
        ("gems/3.2.0/specifications/rack-2.2.0.gemspec", True),
        ("lib/site-packages/a.egg-info/PKG-INFO", True),
        ("node_modules/a/package.json", True),
        ("node_modules/@b/a/package.json", True),
        ("node_modules/a/dist/package.json", False),
        ("node_modules/@b/a/dist/package.json", False),
        ("renv.lock", True),
        ("docs/PKG-INFO", False),
        ("docs/shop.gemspec", False),
        ("node_modules/a/package-lock.json", False),
        ("docs/METADATA", False),
        ("weights.bin", False),
    ],
)
def test_a_file_that_names_packages_and_was_left_out_is_told(fake: Trivy, tmp_path: Path, path: str, told: bool) -> None:
    fake("report['Results'] = []; print(json.dumps(report))")
    assert look(request(tmp_path), files=(path,)).body.unlisted == ((path,) if told else ())


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_a_file_of_which_trivy_listed_packages_is_not_told(fake: Trivy, tmp_path: Path) -> None:
    fake("result['Target'] = 'requirements.txt'; print(json.dumps(report))")
    assert look(request(tmp_path), files=("requirements.txt",)).body.unlisted == ()


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
@pytest.mark.parametrize(("comment", "told"), [("#trivy:ignore:DS-0001", True), ("#tfsec:ignore:*", True), ("# kept", False)])
def test_comments_that_silence_checks_are_told(fake: Trivy, tmp_path: Path, comment: str, told: bool) -> None:
    fake("report['Results'] = [{'Target': 'Dockerfile', 'Class': 'config', 'Type': 'dockerfile'}]; print(json.dumps(report))")
    asked = request(tmp_path)
    (tmp_path / "-model" / "Dockerfile").write_text(f"{comment}\nFROM scratch\n")
    assert look(asked, files=("Dockerfile",)).body.excused == (("Dockerfile",) if told else ())


@pytest.mark.requirement("ARC-A4/trivy-is-run-safely")
def test_checks_in_the_data_directory_are_tried_on_a_file_with_a_fault(fake: Trivy, tmp_path: Path) -> None:
    fake()
    assert look(request(tmp_path)).body.checks_work
    (tmp_path / "data" / "trivy" / "policy").mkdir()
    assert not look(request(tmp_path)).body.checks_work
    fake("result['Misconfigurations'] = [{'Status': 'FAIL'}]; print(json.dumps(report))")
    assert look(request(tmp_path)).body.checks_work
