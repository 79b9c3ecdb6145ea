"""Trivy itself, through the whole of `arcops check`: a database in its own format, projects on disk, and what goes wrong."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tasks.model import trivy as collector
from tasks.program import Limits
from tests.adapters.typed import typed
from tests.deep.generators import program, sboms
from tests.deep.projects import MAKERS, alpine, as_json, debian, installed, npm, python, write
from tests.deep.trivy_database import ADVISORIES, write_database, write_java_database
from tests.models import Bench, bench
from tests.waiting import until

pytestmark = pytest.mark.requirement("ARC-A4/trivy-is-run-safely", "ARC-A4/trivy-findings-are-judged")

GREEN, RED, AMBER = 0, 3, 4
KEY = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0" + "k1L2m3N4o5P6q7R8"  # in two pieces, so that this file holds no credential
DOCKERFILE = "FROM debian:latest\nRUN apt-get install curl\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a check said: its exit code, and each finding that is not PASS by rule, outcome and what it is about."""

    code: int
    bad: frozenset[tuple[str, str, str]]
    text: str

    def rules(self) -> set[tuple[str, str]]:
        return {(rule.removeprefix("trivy/"), outcome) for rule, outcome, _ in self.bad}


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """A bench with the real Trivy on the PATH, and a folder that is the subject."""

    bench: Bench
    subject: Path
    environment: dict[str, str]

    @property
    def data(self) -> Path:
        return self.bench.settings.data / "trivy"

    def check(self, *more: str | Path, policy: str = "{}") -> Said:
        path = self.subject.parent / "trivy.yaml"
        path.write_text(f"name: trivy\nvalidFor: P1D\ngates:\n  trivy: {policy}\n")
        done = typed("check", self.subject, "--policy", path, "--format", "json", *more, environment=self.environment)
        assert done.returncode in (GREEN, AMBER, RED), done.stderr
        (result,) = (each for each in json.loads(done.stdout)["predicate"]["results"] if each["gate"] == "trivy")
        bad = {(each["rule"], each["outcome"], each["about"]) for each in result["findings"] if each["outcome"] != "PASS"}
        return Said(code=done.returncode, bad=frozenset(bad), text="\n".join(each["text"] for each in result["findings"]))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """The database is a day old, and the subject is empty."""
    found = program("trivy")
    alone = tmp_path / "bin"
    alone.mkdir()
    (alone / "trivy").symlink_to(found)
    here = bench(tmp_path)
    subject = tmp_path / "subject"
    subject.mkdir()
    environment = {**os.environ, **here.environment, "PATH": f"{alone}{os.pathsep}{os.environ['PATH']}"}
    made = Desk(bench=here, subject=subject, environment=environment)
    write_database(made.data, updated=datetime.now(UTC) - timedelta(days=1))
    return made


def safe(folder: Path) -> None:
    """A lock file without a known vulnerability, and what was installed from it."""
    write(folder / "requirements.txt", "requests==2.32.3\n")
    installed(folder / "lib/python3.11/site-packages", "requests", "2.32.3")


def test_what_is_sound_is_green_and_both_runs_are_told(desk: Desk) -> None:
    safe(desk.subject)
    said = desk.check()
    assert (said.code, said.bad) == (GREEN, frozenset())
    assert "lock files: 1, installed: 1, SBOMs: 0" in said.text
    assert not list(desk.bench.settings.cache.glob("trivy-*"))


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_each_ecosystem_has_its_advisory_found(desk: Desk, name: str) -> None:
    MAKERS[name](desk.subject)
    found = {about.split()[0] for rule, outcome, about in desk.check().bad if rule == "trivy/vulnerabilities"}
    bucket = {"python": "pip::", "npm": "npm::", "go": "go::"}.get(name, name)
    assert found == {each.id for each in ADVISORIES if each.source.startswith(bucket)}


@pytest.mark.parametrize(
    "make",
    [
        lambda folder: installed(folder / "lib/python3.11/site-packages", "requests", "2.31.0"),
        lambda folder: as_json(folder / "node_modules/lodash/package.json", {"name": "lodash", "version": "4.17.20"}),
    ],
    ids=["python", "npm"],
)
def test_what_is_installed_counts_though_the_lock_file_is_sound(desk: Desk, make: Callable[[Path], None]) -> None:
    write(desk.subject / "requirements.txt", "requests==2.32.3\n")
    make(desk.subject)
    assert desk.check().rules() == {("vulnerabilities", "FAIL")}


@pytest.mark.parametrize(
    ("updated", "expected"),
    [
        (timedelta(days=8), {("database", "FAIL")}),
        (timedelta(days=400), {("database", "FAIL")}),
        (timedelta(days=-3), {("database", "FAIL")}),
        (timedelta(days=6), set()),
    ],
    ids=str,
)
def test_the_age_of_the_database(desk: Desk, updated: timedelta, expected: set[tuple[str, str]]) -> None:
    safe(desk.subject)
    write_database(desk.data, updated=datetime.now(UTC) - updated)
    assert desk.check().rules() == expected


def _without(name: str) -> Callable[[Path], None]:
    return lambda data: (data / "db" / name).unlink()


def _schema(version: int) -> Callable[[Path], None]:
    def change(data: Path) -> None:
        path = data / "db/metadata.json"
        path.write_text(json.dumps({**json.loads(path.read_text()), "Version": version}))

    return change


def _cut(size: int) -> Callable[[Path], None]:
    return lambda data: os.truncate(data / "db/trivy.db", size)


@pytest.mark.parametrize(
    "break_",
    [shutil.rmtree, _without("trivy.db"), _without("metadata.json"), _schema(1), _schema(3), _cut(0), _cut(6000)],
    ids=["no folder", "no database", "no metadata", "schema 1", "schema 3", "empty", "cut"],
)
def test_without_a_sound_database_nothing_is_known(desk: Desk, break_: Callable[[Path], None]) -> None:
    safe(desk.subject)
    break_(desk.data)
    assert desk.check().code == RED


def jar(folder: Path) -> None:
    """A jar that does not say which package it is."""
    with zipfile.ZipFile(folder / "log4j-core-2.14.1.jar", "w") as made:
        made.writestr("META-INF/MANIFEST.MF", "Manifest-Version: 1.0\nImplementation-Version: 2.14.1\n\n")


def test_a_jar_needs_the_java_database_and_is_told_if_that_does_not_know_it(desk: Desk) -> None:
    safe(desk.subject)
    jar(desk.subject)
    said = desk.check()
    assert said.code == RED
    assert "--download-java-db-only" in said.text
    write_java_database(desk.data, updated=datetime.now(UTC) - timedelta(days=1))
    assert desk.check().bad == {("trivy/scanned", "WARN", "log4j-core-2.14.1.jar")}


def test_secrets_and_misconfigurations(desk: Desk) -> None:
    safe(desk.subject)
    write(desk.subject / "settings.py", f'TOKEN = "{KEY}"\n')
    write(desk.subject / "Dockerfile", DOCKERFILE)
    said = desk.check()
    assert said.rules() == {("secrets", "FAIL"), ("misconfigurations", "WARN")}
    assert "found 1 string(s)" in said.text


def test_files_of_the_subject_that_configure_trivy_have_no_effect(desk: Desk) -> None:
    python(desk.subject)
    write(desk.subject / "settings.py", f'TOKEN = "{KEY}"\n')
    write(desk.subject / ".trivyignore", "CVE-2024-35195\ngithub-pat\n")
    write(desk.subject / "trivy.yaml", "scan:\n  scanners: []\n")
    write(desk.subject / "trivy-secret.yaml", "disable-rules:\n  - github-pat\n")
    assert {("vulnerabilities", "FAIL"), ("secrets", "FAIL")} <= desk.check().rules()


def test_a_comment_that_silences_a_check_is_told(desk: Desk) -> None:
    safe(desk.subject)
    write(desk.subject / "Dockerfile", "".join(f"#trivy:ignore:*\n{line}\n" for line in DOCKERFILE.splitlines()))
    assert ("trivy/misconfigurations", "WARN", "Dockerfile") in desk.check().bad


@pytest.mark.parametrize("content", [{}, {"a.rego": "package x\n"}], ids=["empty", "without checks"])
def test_checks_in_the_cache_that_check_nothing(desk: Desk, content: dict[str, str]) -> None:
    safe(desk.subject)
    write(desk.subject / "Dockerfile", DOCKERFILE)
    (desk.data / "policy/content").mkdir(parents=True)
    as_json(desk.data / "policy/metadata.json", {"Digest": f"sha256:{'0' * 64}", "DownloadedAt": "2026-11-01T00:00:00Z"})
    for name, text in content.items():
        write(desk.data / "policy/content" / name, text)
    said = desk.check()
    assert ("misconfigurations", "UNKNOWN") in said.rules()


def system(folder: Path, release: str, more: str = "") -> None:
    """A Debian that says that it is another one."""
    debian(folder)
    (folder / "etc/debian_version").unlink()
    write(folder / "etc/os-release", release)
    if more:
        write(folder / "etc/debian_version", more)


@pytest.mark.parametrize(
    ("release", "more"),
    [
        ("ID=unheard\nVERSION_ID=1\n", ""),
        ("", ""),
        ("ID=debian\nVERSION_ID=99\n", "99.1\n"),
        ("ID=kali\nID_LIKE=debian\nVERSION_ID=2024.1\n", "kali-rolling\n"),
    ],
    ids=["unheard of", "nameless", "of no known release", "derived"],
)
def test_packages_of_a_system_that_trivy_does_not_know_are_not_green(desk: Desk, release: str, more: str) -> None:
    safe(desk.subject)
    system(desk.subject, release, more)
    assert ("scanned", "UNKNOWN") in desk.check().rules()


def test_a_system_without_security_updates_is_not_green(desk: Desk) -> None:
    safe(desk.subject)
    alpine(desk.subject)
    write_database(desk.data, updated=datetime.now(UTC), advisories=())
    assert ("trivy/scanned", "FAIL", "alpine 3.18.5") in desk.check().bad


def test_packages_that_trivy_lists_and_does_not_compare_are_not_green(desk: Desk) -> None:
    safe(desk.subject)
    write(desk.subject / "environment.yml", "name: x\ndependencies:\n  - numpy=1.26.0=py311_0\n")
    assert ("scanned", "UNKNOWN") in desk.check().rules()


def test_requirements_that_trivy_leaves_out_are_told(desk: Desk) -> None:
    npm(desk.subject)
    write(desk.subject / "requirements.txt", "requests>=2\n")
    assert ("trivy/scanned", "WARN", "requirements.txt") in desk.check().bad


def test_an_empty_subject_is_not_green(desk: Desk) -> None:
    write(desk.subject / "weights.bin", "x")
    assert desk.check().rules() == {("scanned", "FAIL")}


@pytest.mark.parametrize("generator", ["trivy", "syft"])
def test_sboms_by_real_generators(desk: Desk, generator: str, tmp_path: Path) -> None:
    """A vulnerable package in an SBOM is found, or it is told that it could not be looked for."""
    safe(desk.subject)
    for made in sboms(tmp_path, **{generator: program(generator)}):
        if made.path.suffix == ".xml":
            continue  # Trivy reads CycloneDX as JSON only
        rules = desk.check("--attach", made.path).rules()
        assert ("vulnerabilities", "FAIL") in rules or ("scanned", "UNKNOWN") in rules or ("scanned", "FAIL") in rules, made


def test_no_socket_leaves(desk: Desk, tmp_path: Path) -> None:
    """Every call for a socket, of Trivy and of its threads, is for this machine's own kernel or refused by it."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed")
    safe(desk.subject)
    write(desk.subject / "pom.xml", "<project><modelVersion>4.0.0</modelVersion></project>\n")
    trace = tmp_path / "trace"
    trace.mkdir()
    flags = ["--cache-dir", str(desk.data), "--format", "json", "--scanners", "vuln,misconfig,secret"]
    for mode in ("fs", "rootfs"):
        command = [str(program("trivy")), mode, *flags, *collector._OFFLINE, *collector._QUIET[:-1], str(desk.subject)]
        log = trace / mode
        subprocess.run(
            [strace, "-f", "-qq", "-e", "trace=connect,sendto,sendmsg", "-o", str(log), *command],
            check=True,
            capture_output=True,
            cwd=trace,
            env={"PATH": os.defpath, "HOME": str(trace)},
            timeout=300,
        )
        assert "AF_INET" not in log.read_text()


def test_a_run_that_takes_too_long_is_ended(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    safe(desk.subject)
    monkeypatch.setattr(collector, "LIMITS", Limits(seconds=0.01, size=1 << 20))
    assert desk.check().code == RED
    assert not _running(desk.data)


def test_nothing_is_left_after_arcops_is_killed(desk: Desk) -> None:
    safe(desk.subject)
    write(desk.subject / "large.txt", "password is not here \n" * 5_000_000)  # seconds for the search for secrets
    policy = desk.subject.parent / "trivy.yaml"
    policy.write_text("name: trivy\nvalidFor: P1D\ngates:\n  trivy: {}\n")
    command = [sys.executable, "-m", "adapters.cli", "check", str(desk.subject), "--policy", str(policy)]
    process = subprocess.Popen(command, env=desk.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: _running(desk.data), "trivy runs", seconds=60)
        process.send_signal(signal.SIGKILL)
        process.wait(timeout=30)
        until(lambda: not _running(desk.data), "trivy ended", seconds=20)
    finally:
        process.kill()
        process.wait()


def _running(data: Path) -> list[int]:
    """The processes that are Trivy and were given this database."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            arguments = (folder / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if str(data).encode() in arguments and arguments[0].endswith(b"trivy"):
            found.append(int(folder.name))
    return found
