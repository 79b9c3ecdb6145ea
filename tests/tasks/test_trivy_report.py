"""Trivy's own reports are read; other files are refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.seen.trivy import Scan, Severity
from tasks.model.trivy_report import parse_log, parse_metadata, parse_report
from tests.vectors import vectors

FS = Scan(mode="fs", path=".")

# Counted in the files by hand: targets, targets with packages, vulnerabilities, those without a fix, failed checks.
REPORTS = {
    "alpine-39": (1, 1, 6, 0, 0),
    "busybox-with-lockfile": (1, 1, 2, 0, 0),
    "cocoapods": (1, 1, 1, 0, 0),
    "dockerfile-custom-policies": (1, 0, 0, 0, 2),
    "gomod-vex": (3, 3, 4, 0, 0),
    "helm_testchart.overridden": (3, 0, 0, 0, 8),
    "opensuse-tumbleweed": (1, 1, 1, 0, 0),
    "pnpm": (1, 1, 2, 0, 0),
    "rockylinux-8": (1, 1, 1, 0, 0),
    "swift": (1, 1, 1, 0, 0),
    "terraform-terraform-registry": (2, 0, 0, 0, 3),
    "ubuntu-gp2-x86-vm": (1, 1, 1, 1, 0),
}
# Written by Trivy too, but in other formats: CycloneDX, SPDX, and a list of ids.
OTHERS = ("conda-spdx", "npm-cyclonedx", "summary-ids")


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
def test_every_file_of_the_corpus_is_accounted_for() -> None:
    names = {path.name.removesuffix(".json.golden") for path in vectors("trivy").glob("*.golden")}
    assert names == {*REPORTS, *OTHERS}


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
@pytest.mark.parametrize("name", sorted(REPORTS))
def test_real_reports(name: str) -> None:
    parsed = parse_report((vectors("trivy") / f"{name}.json.golden").read_bytes(), FS)
    figures = (
        len(parsed.targets),
        sum(target.holds_packages for target in parsed.targets),
        len(parsed.vulnerabilities),
        sum(not found.fixed for found in parsed.vulnerabilities),
        parsed.misconfigurations,
    )
    assert figures == REPORTS[name]
    assert parsed.tool == "dev"
    assert parsed.secrets == 0
    assert all(found.purl.startswith("pkg:") and found.installed for found in parsed.vulnerabilities)


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
@pytest.mark.parametrize("name", OTHERS)
def test_other_formats_of_trivy_are_refused(name: str) -> None:
    data = (vectors("trivy") / f"{name}.json.golden").read_bytes()
    with pytest.raises(Refused, match="SchemaVersion"):
        parse_report(data, FS)


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
def test_one_vulnerability_in_full() -> None:
    parsed = parse_report((vectors("trivy") / "ubuntu-gp2-x86-vm.json.golden").read_bytes(), FS)
    (found,) = parsed.vulnerabilities
    assert (found.id, found.package, found.installed, found.fixed) == ("CVE-2022-3715", "bash", "5.1-6ubuntu1", "")
    assert (found.severity, found.status, found.source) == (Severity.HIGH, "affected", "nvd")
    assert found.purl == "pkg:deb/ubuntu/bash@5.1-6ubuntu1?arch=amd64&distro=ubuntu-22.04"
    assert found.target == "disk.img (ubuntu 22.04)"


def report(**changes: object) -> dict[str, object]:
    entry = {"VulnerabilityID": "CVE-1", "PkgName": "a", "InstalledVersion": "1", "Severity": "HIGH"}
    result = {"Target": "t", "Class": "lang-pkgs", "Type": "pip", "Vulnerabilities": [entry]}
    return {"SchemaVersion": 2, "ArtifactName": "m", "Results": [result], **changes}


def inside(change: Callable[[dict[str, object]], object]) -> dict[str, object]:
    """A valid report with one *change* to its one vulnerability."""
    document = json.loads(json.dumps(report()))
    change(document["Results"][0]["Vulnerabilities"][0])
    found: dict[str, object] = document
    return found


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
@pytest.mark.parametrize("nothing", [{}, {"Results": None}, {"Results": []}])
def test_a_report_without_results_has_no_target(nothing: dict[str, object]) -> None:
    document = {"SchemaVersion": 2, "ArtifactName": "m", **nothing}
    assert parse_report(json.dumps(document).encode(), FS).targets == ()


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
@pytest.mark.parametrize(
    "document",
    [
        report(SchemaVersion=1),
        report(SchemaVersion="2"),
        report(SchemaVersion=True),
        report(ArtifactName=None),
        report(Results={}),
        report(Results=[[]]),
        report(Results=[{"Class": "os-pkgs"}]),
        report(Results=[{"Target": "t", "Class": "lang-pkgs", "Vulnerabilities": {}}]),
        report(Results=[{"Target": "t", "Class": "lang-pkgs", "Vulnerabilities": ["CVE-1"]}]),
        report(Results=[{"Target": "t", "Class": "lang-pkgs", "Packages": 3}]),
        inside(lambda entry: entry.pop("Severity")),
        inside(lambda entry: entry.update(Severity="SEVERE")),
        inside(lambda entry: entry.pop("VulnerabilityID")),
        inside(lambda entry: entry.update(FixedVersion=["2"])),
        inside(lambda entry: entry.update(PkgIdentifier="pkg:pypi/a@1")),
        [],
    ],
)
def test_what_is_no_report_is_refused(document: object) -> None:
    with pytest.raises(Refused, match="trivy"):
        parse_report(json.dumps(document).encode(), FS)


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
def test_a_sound_report_is_not_refused() -> None:
    assert len(parse_report(json.dumps(report()).encode(), FS).vulnerabilities) == 1


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
@given(data=st.binary(max_size=200) | st.text(max_size=100).map(str.encode))
def test_any_bytes_are_a_report_or_refused(data: bytes) -> None:
    with pytest.raises(Refused):
        parse_report(data, FS)


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
def test_a_check_that_says_neither_pass_nor_fail_counts_as_failed() -> None:
    checks = [{"Status": "PASS"}, {"Status": "FAIL"}, {"Status": "EXCEPTION"}, {}]
    document = report(Results=[{"Target": "t", "Class": "config", "Misconfigurations": checks, "Secrets": [{}, {}]}])
    parsed = parse_report(json.dumps(document).encode(), FS)
    assert (parsed.misconfigurations, parsed.secrets) == (2, 2)


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
def test_the_dates_of_a_database() -> None:
    data = (
        b'{"Version":2,"UpdatedAt":"2026-11-20T06:15:42.123456789Z","NextUpdate":"0001-01-01T00:00:00Z","DownloadedAt":"soon"}'
    )
    found = parse_metadata("trivy-db", data)
    assert found.updated == datetime(2026, 11, 20, 6, 15, 42, 123456, tzinfo=UTC)
    assert found.next_update is None
    assert found.downloaded is None
    with pytest.raises(Refused):
        parse_metadata("trivy-db", b"[]")


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
@pytest.mark.parametrize(
    ("name", "upstream", "missed"),
    [("libssl3", "openssl", 1), ("bash", "bash%405.2.15-2", 0), ("libssl3", "", 0), ("dbus", "dbus-1.12-1.el8.src.rpm", 0)],
)
def test_a_package_whose_source_trivy_did_not_ask_for_is_counted(name: str, upstream: str, missed: int) -> None:
    purl = f"pkg:deb/debian/{name}@1?arch=amd64" + (f"&upstream={upstream}" if upstream else "")
    package = {"Name": name, "SrcName": name, "Identifier": {"PURL": purl}}
    document = report(Results=[{"Target": "t", "Class": "os-pkgs", "Type": "debian", "Packages": [package]}])
    assert [target.misnamed for target in parse_report(json.dumps(document).encode(), FS).targets] == [missed]


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
def test_the_operating_system_that_trivy_met() -> None:
    def system(**os: object) -> tuple[str, str, bool] | None:
        found = parse_report(json.dumps(report(Metadata={"OS": os or None})).encode(), FS).system
        return None if found is None else (found.family, found.release, found.ended)

    assert system() is None
    assert system(Family="alpine", Name="3.18.5", EOSL=True) == ("alpine", "3.18.5", True)
    assert system(Family="none", Name="") == ("none", "", False)
    assert system(Name="1") == ("none", "1", False)
    with pytest.raises(Refused):
        system(Family="alpine", EOSL="yes")


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
def test_packages_of_an_sbom_without_a_file_have_the_sbom_as_their_target() -> None:
    document = report(Results=[{"Target": "", "Class": "lang-pkgs", "Type": "gobinary", "Packages": [{}]}])
    (target,) = parse_report(json.dumps(document).encode(), FS).targets
    assert (target.target, target.packages) == (FS.path, 1)


@pytest.mark.requirement("ARC-A4/trivy-reports-are-read")
def test_warnings_are_read_from_the_log_once_and_without_paths_of_this_machine() -> None:
    line = b'2026-11-29T07:50:31Z\tWARN\tUnsupported os\tpath="/cache/x"\n'
    log = b"2026-11-29T07:50:31Z\tINFO\tScanning\n" + line * 3 + b"2026-11-29T07:50:31Z\tERROR\t\xff\x1b[1m\n\n"
    found = parse_log(log, FS, {"/cache": "the data directory"})
    assert [each.text for each in found] == ['Unsupported os path="the data directory/x"', "\ufffd [1m"]
    many = b"".join(b"t\tWARN\t%d\n" % number for number in range(103))
    assert [each.text for each in parse_log(many, FS, {})][-1] == "3 more warnings"
