"""Advisories, offline: exports are imported whole or not at all, and an unclear comparison never counts as safe."""

from __future__ import annotations

import json
import sqlite3
import subprocess
import sys
import zipfile
from collections.abc import Iterable
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused
from arcops.seen.sboms import Component, SbomSeen
from arcops.seen.vulnerabilities import Certainty, Vulnerabilities
from tasks.model.osv.advisory import Event, Range, RangeKind, Turn
from tasks.model.osv.importing import ImportSummary, import_osv
from tasks.model.osv.matching import match
from tasks.model.osv.ranges import Coverage
from tests.vectors import vectors

pytestmark = pytest.mark.requirement("ARC-A4/advisories-match-offline")

NOW = datetime(2026, 11, 21, tzinfo=UTC)


def advisory(name: str = "PYSEC-2026-1", package: str = "thing", **changes: object) -> dict[str, object]:
    return {
        "schema_version": "1.6.0",
        "id": name,
        "modified": "2026-11-20T00:00:00Z",
        "affected": [
            {
                "package": {"ecosystem": "PyPI", "name": package},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "1.0"}, {"fixed": "2.0"}]}],
            }
        ],
        **changes,
    }


def export(folder: Path, *advisories: object, name: str = "export.zip") -> Path:
    path = folder / name
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for number, entry in enumerate(advisories):
            text = entry if isinstance(entry, bytes) else json.dumps(entry)
            archive.writestr(f"A-{number}.json", text)
    return path


def bring_in(folder: Path, *advisories: object) -> ImportSummary:
    (folder / "data").mkdir(exist_ok=True)
    return import_osv(export(folder, *advisories), folder / "data", ecosystem=None, now=NOW)


def document(*components: Component) -> SbomSeen:
    return SbomSeen(path="a.cdx.json", sha256="00" * 32, format="CycloneDX", spec_version="1.6", components=components)


def library(purl: str, *, version: str = "") -> Component:
    return Component(ref=purl, name="x", kind="library", version=version, purl=purl)


def ask(folder: Path, *purls: str) -> Vulnerabilities:
    return match([document(*(library(purl) for purl in purls))], folder / "data")


def standing(found: Vulnerabilities) -> list[tuple[str, Certainty]]:
    return [(one.advisory, one.affected) for one in found.matches]


@pytest.mark.xdist_group("osv")
class TestRealData:
    @pytest.fixture(scope="class")
    @staticmethod
    def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
        folder = tmp_path_factory.mktemp("real")
        (folder / "data").mkdir()
        summary = import_osv(vectors("osv") / "PyPI.zip", folder / "data", ecosystem=None, now=NOW)
        assert summary.ecosystem == "PyPI"
        assert summary.advisories + summary.withdrawn + summary.unreadable == 2661
        assert summary.unreadable == 0
        assert summary.dated is not None
        assert summary.dated.year == 2024
        return folder

    @pytest.mark.parametrize(
        ("affected", "fixed", "known_as"),
        [
            ("requests@2.30.0", "requests@2.31.0", "PYSEC-2023-74"),
            ("pillow@10.0.0", "pillow@10.0.1", "PYSEC-2023-175"),
            ("cryptography@41.0.5", "cryptography@41.0.6", "PYSEC-2023-254"),
            ("certifi@2023.7.21", "certifi@2023.7.22", "PYSEC-2023-135"),
            ("onnx@1.12.0", "onnx@1.13.0", "PYSEC-2023-38"),
            ("Pillow@10.0.0", "PILLOW@10.0.1", "PYSEC-2023-175"),
        ],
    )
    def test_the_fix_is_the_border(self, folder: Path, affected: str, fixed: str, known_as: str) -> None:
        assert (known_as, Certainty.YES) in standing(ask(folder, f"pkg:pypi/{affected}"))
        assert known_as not in {one.advisory for one in ask(folder, f"pkg:pypi/{fixed}").matches}

    def test_two_branches_of_one_advisory(self, folder: Path) -> None:
        name = "PYSEC-2023-192"
        for version, covered in (("1.26.16", True), ("1.26.17", False), ("2.0.5", True), ("2.0.6", False)):
            found = {one.advisory for one in ask(folder, f"pkg:pypi/urllib3@{version}").matches}
            assert (name in found) is covered, version


class TestMatching:
    @pytest.mark.parametrize(
        ("version", "expected"),
        [
            ("0.9", []),
            ("1.0", [Certainty.YES]),
            ("1.9.post1", [Certainty.YES]),
            ("2.0rc1", [Certainty.YES]),
            ("2.0", []),
            ("2.1", []),
        ],
    )
    def test_a_range_has_two_ends(self, tmp_path: Path, version: str, expected: list[Certainty]) -> None:
        bring_in(tmp_path, advisory())
        assert [one.affected for one in ask(tmp_path, f"pkg:pypi/thing@{version}").matches] == expected

    def test_a_version_that_cannot_be_read_is_unknown(self, tmp_path: Path) -> None:
        bring_in(tmp_path, advisory())
        assert standing(ask(tmp_path, "pkg:pypi/thing@one-point-five")) == [("PYSEC-2026-1", Certainty.UNKNOWN)]

    def test_a_range_of_commits_cannot_be_told(self, tmp_path: Path) -> None:
        commits = advisory()
        by_commit = {"type": "GIT", "repo": "https://x.example", "events": [{"introduced": "0"}]}
        commits["affected"][0]["ranges"] = [by_commit]  # type: ignore[index]  # a test digs into its own JSON
        bring_in(tmp_path, commits)
        assert standing(ask(tmp_path, "pkg:pypi/thing@1.5")) == [("PYSEC-2026-1", Certainty.UNKNOWN)]

    def test_semver_ranges_are_understood(self, tmp_path: Path) -> None:
        entry = advisory("GHSA-1", "left-pad")
        entry["affected"][0]["package"]["ecosystem"] = "npm"  # type: ignore[index]  # a test digs into its own JSON
        entry["affected"][0]["ranges"][0]["type"] = "SEMVER"  # type: ignore[index]  # a test digs into its own JSON
        entry["affected"][0]["ranges"][0]["events"] = [{"introduced": "0"}, {"fixed": "1.3.0"}]  # type: ignore[index]  # a test digs into its own JSON
        bring_in(tmp_path, entry)
        assert standing(ask(tmp_path, "pkg:npm/left-pad@1.2.9")) == [("GHSA-1", Certainty.YES)]
        assert standing(ask(tmp_path, "pkg:npm/left-pad@1.3.0")) == []
        assert standing(ask(tmp_path, "pkg:npm/left-pad@1.3.0-rc.1")) == [("GHSA-1", Certainty.YES)]

    def test_names_are_compared_as_the_ecosystem_compares_them(self, tmp_path: Path) -> None:
        bring_in(tmp_path, advisory(package="My_Thing.x"))
        assert len(ask(tmp_path, "pkg:pypi/my-thing-x@1.5").matches) == 1

    def test_withdrawn_advisories_do_not_count(self, tmp_path: Path) -> None:
        bring_in(tmp_path, advisory(withdrawn="2026-11-19T00:00:00Z"), advisory("PYSEC-2026-2", "other"))
        found = ask(tmp_path, "pkg:pypi/thing@1.5")
        assert not found.matches
        assert found.compared == 1

    @pytest.mark.parametrize(
        "component",
        [
            library("pkg:pypi/thing"),
            library("pkg:cargo/thing@1.5"),
            library(""),
            library("pkg:nonsense"),
            library("pkg:generic/x@1"),
        ],
    )
    def test_what_cannot_be_compared_is_said(self, tmp_path: Path, component: Component) -> None:
        bring_in(tmp_path, advisory())
        found = match([document(component)], tmp_path / "data")
        assert found.compared == 0
        assert len(found.unmatched) == 1
        assert found.unmatched[0].reason

    def test_files_and_models_are_no_packages(self, tmp_path: Path) -> None:
        bring_in(tmp_path, advisory())
        components = (
            Component(ref="f", name="a.bin", kind="file"),
            Component(ref="m", name="m", kind="machine-learning-model"),
        )
        found = match([document(*components)], tmp_path / "data")
        assert (found.compared, len(found.unmatched), len(found.not_applicable)) == (0, 0, 2)

    def test_without_a_database_nothing_is_compared(self, tmp_path: Path) -> None:
        with pytest.raises(Refused, match="arcops data import"):
            ask(tmp_path, "pkg:pypi/thing@1.5")

    def test_a_damaged_database_is_refused(self, tmp_path: Path) -> None:
        bring_in(tmp_path, advisory())
        (database,) = (tmp_path / "data").glob("osv.sqlite")
        database.write_bytes(database.read_bytes()[:5000])
        with pytest.raises(Refused):
            ask(tmp_path, "pkg:pypi/thing@1.5")


class TestImport:
    def test_a_second_import_replaces_the_first_as_a_whole(self, tmp_path: Path) -> None:
        bring_in(tmp_path, advisory())
        bring_in(tmp_path, advisory("PYSEC-2026-9", "other"))
        assert not ask(tmp_path, "pkg:pypi/thing@1.5").matches

    def test_another_ecosystem_stays(self, tmp_path: Path) -> None:
        bring_in(tmp_path, advisory())
        npm = advisory("GHSA-1", "left-pad")
        npm["affected"][0]["package"]["ecosystem"] = "npm"  # type: ignore[index]  # a test digs into its own JSON
        bring_in(tmp_path, npm)
        assert len(ask(tmp_path, "pkg:pypi/thing@1.5").matches) == 1

    @pytest.mark.parametrize(
        "spoilt", [{"affected": [{"package": {"ecosystem": "PyPI", "name": "thing"}, "ranges": 7}]}, {"id": 7}]
    )
    def test_an_unreadable_advisory_is_counted_and_never_safe(self, tmp_path: Path, spoilt: dict[str, object]) -> None:
        summary = bring_in(tmp_path, advisory("PYSEC-2026-2", "other"), advisory(**spoilt))
        assert summary.unreadable == 1
        found = ask(tmp_path, "pkg:pypi/thing@1.5")
        assert found.databases[0].unreadable == 1
        assert [one.affected for one in found.matches] == [Certainty.UNKNOWN]

    @pytest.mark.parametrize("time", ["0001-01-01T00:00:00+23:59", "9999-12-31T23:59:59-23:59", "yesterday"])
    def test_a_time_that_is_none_is_counted(self, tmp_path: Path, time: str) -> None:
        assert bring_in(tmp_path, advisory(), advisory("PYSEC-2026-2", "other", modified=time)).unreadable == 1

    def test_what_is_no_json_is_counted(self, tmp_path: Path) -> None:
        assert bring_in(tmp_path, advisory(), b"{ not json").unreadable == 1

    def test_a_database_of_an_older_format_is_replaced_and_what_it_held_is_said(self, tmp_path: Path) -> None:
        bring_in(tmp_path, advisory())
        npm = advisory("GHSA-1", "left-pad")
        npm["affected"][0]["package"]["ecosystem"] = "npm"  # type: ignore[index]  # a test digs into its own JSON
        with closing(sqlite3.connect(tmp_path / "data" / "osv.sqlite")) as old:
            old.execute("PRAGMA user_version = 1")
        with pytest.raises(Refused, match="arcops data import"):
            ask(tmp_path, "pkg:pypi/thing@1.5")
        assert bring_in(tmp_path, npm).lost == ("PyPI",)
        assert ask(tmp_path, "pkg:pypi/thing@1.5").compared == 0
        assert bring_in(tmp_path, advisory()).lost == ()

    @pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x05\x06" + bytes(18)])
    def test_what_is_no_export_is_refused_and_the_old_data_stays(self, tmp_path: Path, content: bytes) -> None:
        bring_in(tmp_path, advisory())
        wrong = tmp_path / "wrong.zip"
        wrong.write_bytes(content)
        with pytest.raises(Refused):
            import_osv(wrong, tmp_path / "data", ecosystem=None, now=NOW)
        assert len(ask(tmp_path, "pkg:pypi/thing@1.5").matches) == 1

    @pytest.mark.parametrize(
        ("advisories", "why"),
        [
            ((), r"holds no advisory; give"),
            ((b"{ not json", b"{}"), r"none of its 2 members could be read as one \(A-0\.json: "),
            ((advisory(affected=[{"package": {"ecosystem": "PyPI", "name": "x"}, "ranges": 7}]),), "read: 1 could not"),
            ((advisory(withdrawn="2024-01-01T00:00:00Z"),), "only withdrawn advisories: all 1 of PyPI"),
        ],
    )  # fmt: skip
    def test_an_export_without_advisories_says_so(self, tmp_path: Path, advisories: tuple[object, ...], why: str) -> None:
        bring_in(tmp_path, advisory())
        with pytest.raises(Refused, match=why):
            bring_in(tmp_path, *advisories)  # type: ignore[arg-type]  # bytes in place of an advisory, too
        assert len(ask(tmp_path, "pkg:pypi/thing@1.5").matches) == 1, "the old data stays"

    def test_a_folder_is_refused_and_told_what_to_do(self, tmp_path: Path) -> None:
        folder = tmp_path / "advisories"
        folder.mkdir()
        with pytest.raises(Refused, match=r"is a folder.*no advisory"):
            import_osv(folder, tmp_path, ecosystem=None, now=NOW)
        (folder / "PYSEC-1.json").write_text("{}")
        with pytest.raises(Refused, match=r"is a folder.*pack"):
            import_osv(folder, tmp_path, ecosystem=None, now=NOW)

    def test_a_bomb_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(Refused):
            bring_in(tmp_path, b" " * 300_000_000)

    def test_a_kill_in_the_middle_leaves_the_old_data(self, tmp_path: Path) -> None:
        bring_in(tmp_path, advisory())
        many = export(tmp_path, *(advisory(f"PYSEC-2026-{number}", "other") for number in range(3000)), name="many.zip")
        program = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from tasks.model.osv.importing import import_osv

def die(done, total):
    if done > 1000:
        os._exit(9)

import_osv(Path(sys.argv[1]), Path(sys.argv[2]), ecosystem=None, now=datetime.now(UTC), progress=die)
"""
        done = subprocess.run([sys.executable, "-c", program, str(many), str(tmp_path / "data")], check=False)
        assert done.returncode == 9
        assert len(ask(tmp_path, "pkg:pypi/thing@1.5").matches) == 1


VERSIONS = [f"{number}.0" for number in range(12)]
EVENTS = st.lists(
    st.builds(
        Event,
        turn=st.sampled_from([Turn.INTRODUCED, Turn.FIXED, Turn.LAST_AFFECTED]),
        version=st.sampled_from([*VERSIONS[1:], "0"]),
    ),
    min_size=1,
    max_size=6,
    unique_by=lambda event: event.version,
)


def naive(events: Iterable[Event], version: str) -> bool:
    """The schema's evaluation (ossf/osv-schema, "Evaluation"), word for word: the events in order, one after another."""
    vulnerable = False
    for event in sorted(events, key=lambda one: float(one.version)):
        here = float(version)
        if event.turn is Turn.INTRODUCED and here >= float(event.version):
            vulnerable = True
        elif (event.turn is Turn.FIXED and here >= float(event.version)) or (
            event.turn is Turn.LAST_AFFECTED and here > float(event.version)
        ):
            vulnerable = False
    return vulnerable


@given(events=EVENTS, version=st.sampled_from(VERSIONS))
def test_ranges_are_evaluated_as_the_schema_says(events: list[Event], version: str) -> None:
    entry = Range(kind=RangeKind.ECOSYSTEM, events=tuple(events))
    answer = Coverage(ecosystem="PyPI", ranges=[entry], versions=(), enumerated=False).of(version)
    assert answer.standing is (Certainty.YES if naive(events, version) else None)
