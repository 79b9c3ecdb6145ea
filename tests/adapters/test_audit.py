"""``arcops audit``: what a person sees of the audit log, and what its exit code says."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.public_key import load_public_key
from capabilities.audit.export import ExportAudit, export_audit
from capabilities.audit.query import QueryAudit, query_audit
from capabilities.audit.verify import VerifyAudit, verify_audit
from capabilities.contract import Scope
from flows.place import Place
from foundation.audit.keys import public_half
from foundation.audit.record import Actor, Outcome
from foundation.settings import Settings
from tests.adapters.typed import Done, typed
from tests.foundation.audit.home import AT, CALL, changed, place_in, settings_in, writer_in
from tests.models import Bench, bench, good_model

pytestmark = pytest.mark.requirement("BASE-4/audit-log")

RECORDS = [
    replace(CALL, at=AT + timedelta(hours=1), tool="check_model", outcome=Outcome.DONE),
    replace(CALL, at=AT + timedelta(hours=2), tool="trust_key", outcome=Outcome.DENIED, verdict="", reason="scope", object=""),
    replace(CALL, at=AT + timedelta(hours=3), tool="check_model", actor=Actor(issuer="https://i", tenant="t-2", id="other")),
    replace(CALL, at=AT + timedelta(days=1), tool="show_artifact", outcome=Outcome.FAILED, reason="Unavailable"),
]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("home")
    writer = writer_in(folder)
    writer.append([one.line for one in RECORDS[:2]], newest=RECORDS[1].at)
    writer.append([one.line for one in RECORDS[2:]], newest=RECORDS[3].at)
    writer.close()
    return folder


@pytest.fixture
def broken(home: Path, tmp_path: Path) -> Path:
    """A home whose log was changed: its first record has another verdict now."""
    writer = writer_in(tmp_path)
    writer.append([one.line for one in RECORDS], newest=RECORDS[-1].at)
    writer.close()
    changed(writer.log.path, lambda lines: [lines[0].replace(b"GREEN", b"AMBER"), *lines[1:]])
    return tmp_path


def audit(home: Path, *arguments: str) -> Done:
    return typed("audit", *arguments, environment={"ARCOPS_HOME": str(home)})


def queried(home: Path, *arguments: str) -> list[str]:
    done = audit(home, "query", "--format", "json", *arguments)
    assert done.returncode == 0, done.stderr
    return [one["record"]["tool"] for one in json.loads(done.stdout)["records"]]


def test_query_shows_the_newest_first(home: Path) -> None:
    assert queried(home) == ["show_artifact", "check_model", "trust_key", "check_model"]
    assert queried(home, "--limit", "1") == ["show_artifact"]
    line = audit(home, "query", "--outcome", "denied").stdout
    assert line == "2026-11-29 12:00:00 t-1/0f1e trust_key denied scope 1.2ms " + line.split()[-1] + "\n"
    assert line.split()[-1].endswith("-0001:2")


@pytest.mark.parametrize(
    ("arguments", "tools"),
    [
        (("--tool", "check_model"), ["check_model", "check_model"]),
        (("--tool", "check"), []),
        (("--actor", "other"), ["check_model"]),
        (("--actor", "t-2/other"), ["check_model"]),
        (("--actor", "https://i/t-2/other"), ["check_model"]),
        (("--actor", "t-1/other"), []),
        (("--actor", "the"), []),
        (("--outcome", "failed"), ["show_artifact"]),
        (("--object", CALL.object, "--since", "2026-11-30"), ["show_artifact"]),
        (("--since", "2026-11-29T12:00Z", "--until", "2026-11-29T13:00Z"), ["trust_key"]),
        (("--until", "2026-11-29T14:00:00+02:00"), ["check_model"]),
        (("--until", "2026-11-29"), []),
    ],
)
def test_query_finds_by(home: Path, arguments: tuple[str, ...], tools: list[str]) -> None:
    assert queried(home, *arguments) == tools


@pytest.mark.parametrize("moment", ["2026-13-01", "yesterday", "2026-11-29T25:00Z", "1", "2026-11-29T1:2:3"])
def test_query_refuses_what_is_no_moment(home: Path, moment: str) -> None:
    done = audit(home, "query", "--since", moment)
    assert (done.returncode, done.stdout) == (2, "")
    assert moment in done.stderr


def test_verify_says_what_it_read(home: Path) -> None:
    done = audit(home, "verify")
    assert done.returncode == 0
    assert "4 records; 6 lines, all signed, 6 of them remembered outside of it" in done.stdout
    assert done.stdout.endswith("1 log(s), 4 records, 0 problem(s)\n")


def test_a_changed_record_is_named_and_marked_everywhere(broken: Path) -> None:
    done = audit(broken, "verify")
    assert done.returncode == 3
    assert "Line 1 was changed since it was written." in done.stdout
    done = audit(broken, "query", "--limit", "1")
    assert (done.returncode, done.stdout[:12]) == (3, "NOT VERIFIED")
    assert "Line 1 was changed" in done.stderr
    done = audit(broken, "export")
    assert done.returncode == 3
    assert {json.loads(line)["verified"] for line in done.stdout.splitlines()} == {False}


def test_export_writes_every_record(home: Path, tmp_path: Path) -> None:
    done = audit(home, "export")
    assert done.returncode == 0
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["record"] for one in found] == [json.loads(one.line) for one in RECORDS]
    assert [one["line"] for one in found] == [1, 2, 4, 5]
    file = tmp_path / "events"
    done = audit(home, "export", "--format", "ocsf", "-o", str(file), "--since", "2026-11-30")
    assert (done.returncode, done.stdout) == (0, f"wrote 1 record(s) to {file}\n")
    (event,) = map(json.loads, file.read_text().splitlines())
    assert (event["class_uid"], event["api"]["operation"], event["status_id"]) == (6003, "show_artifact", 2)
    done = audit(home, "export", "-o", str(file))
    assert done.returncode == 2
    assert "exists already" in done.stderr


def test_key_is_what_verifies(home: Path, tmp_path: Path) -> None:
    pem = audit(home, "key").stdout
    assert load_public_key(pem.encode(), where="it").id == public_half(place_in(home)).id
    kept = tmp_path / "audit.pub"
    kept.write_text(pem)
    assert audit(home, "verify", "--key", str(kept)).returncode == 0
    other = tmp_path / "other"
    writer_in(other).close()
    kept.write_bytes(public_half(place_in(other)).pem)
    done = audit(home, "verify", "--key", str(kept))
    assert done.returncode == 3
    assert "no given key verifies" in done.stdout


def test_without_a_log_it_says_so(tmp_path: Path) -> None:
    """Mutation: an empty answer, which looks as if all was well."""
    for command in ("verify", "query", "export", "key"):
        done = audit(tmp_path, command)
        assert (done.returncode, done.stdout) == (2, "")
        assert "nothing was recorded yet, or it was removed" in done.stderr


def test_a_log_that_was_removed_whole_is_missed(broken: Path) -> None:
    for one in (broken / "audit").rglob("*"):
        if one.is_file():
            one.unlink()
    assert audit(broken, "verify").returncode == 3
    for one in (broken / "audit").iterdir():
        one.rmdir()
    done = audit(broken, "verify")
    assert done.returncode == 3
    assert "The log is gone" in done.stdout


def remote(settings: Settings, *roots: Path) -> Place:
    def no_one() -> None:
        raise AssertionError("nothing is signed")

    return Place(settings=settings, now=lambda: AT, signer=no_one, secret=str, roots=roots)  # type: ignore[arg-type]


def test_over_the_network_a_caller_chooses_no_key_and_sees_no_folder(broken: Path) -> None:
    at = remote(settings_in(broken))
    for one in (query_audit(QueryAudit(), at).problems, export_audit(ExportAudit(), at).problems):
        assert one
        assert not any(str(broken) in problem for problem in one)
    found = verify_audit(VerifyAudit(), at)
    assert found.problems
    assert not any(str(broken) in problem for log in found.logs for problem in log.problems)
    with pytest.raises(Refused, match="may not choose the key"):
        verify_audit(VerifyAudit(keys=(public_half(place_in(broken)).pem.decode(),)), at)
    with pytest.raises(Refused, match="writes no file for callers"):
        export_audit(ExportAudit(output=Path("x")), at)


def test_it_takes_a_scope_of_its_own() -> None:
    """Mutation: the scope to read artifacts is enough to read who did what."""
    assert {one.scope for one in (query_audit, verify_audit, export_audit)} == {Scope.AUDIT}


@pytest.mark.requirement("BASE-4/audit-report")
def test_a_report_names_records_for_each_control(home: Path) -> None:
    done = audit(home, "report", "--controls")
    assert done.returncode == 0
    assert done.stdout.startswith("4 records of 2 callers, in logs that verify\n")
    lines = done.stdout.splitlines()
    (denied,) = [one for one in lines if "AC-6(9)" in one]
    assert denied.endswith("-0001:2")
    assert "evidence that the use of privileged functions is recorded: 1 record(s)" in denied
    (none,) = [one for one in lines if "AC-7" in one]
    assert none.startswith("no evidence here: ")
    (all_calls,) = [one for one in lines if "AU-2:" in one]
    assert ": 4 record(s), " in all_calls
    for word in ("compliant", "compliance", "fulfils", "satisfies", "certified"):
        assert word not in done.stdout.lower()
    assert "AU-2" not in audit(home, "report").stdout


@pytest.mark.requirement("BASE-4/audit-report")
def test_every_record_that_a_report_names_is_there_and_verifies(home: Path) -> None:
    found = json.loads(audit(home, "report", "--controls", "--format", "json").stdout)
    exported = [json.loads(line) for line in audit(home, "export").stdout.splitlines()]
    there = {f"{one['log']}:{one['line']}" for one in exported if one["verified"]}
    for row in found["controls"]:
        assert set(row["named"]) <= there
        assert bool(row["named"]) == bool(row["records"])
    assert {row["framework"] for row in found["controls"]} == {"NIST SP 800-53 r5", "SOC 2 (TSC)", "HIPAA 45 CFR", "GDPR"}


@pytest.mark.requirement("BASE-4/audit-report")
def test_a_log_that_does_not_verify_is_no_evidence(broken: Path) -> None:
    """Mutation: a report that counts records which someone changed."""
    done = audit(broken, "report", "--controls", "--format", "json")
    assert done.returncode == 3
    found = json.loads(done.stdout)
    assert (found["records"], {row["records"] for row in found["controls"]}) == (0, {0})
    assert len(found["leftOut"]) == 1
    text = audit(broken, "report", "--controls").stdout
    assert "not counted, since nothing vouches for it here: " in text
    assert "no evidence here" in text


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """A home with a log, and an artifact that a trusted key signed."""
    here = bench(tmp_path_factory.mktemp("judged"))
    model = good_model(here)
    assert typed("check", str(model), "--policy", "bench", environment=here.environment).returncode == 0
    writer = writer_in(Path(here.environment["ARCOPS_HOME"]))
    writer.append([one.line for one in RECORDS], newest=RECORDS[-1].at)
    writer.close()
    return here


@pytest.mark.requirement("BASE-4/audit-report")
def test_artifacts_are_evidence_if_their_signer_counts_here(judged: Bench, tmp_path: Path) -> None:
    """Mutation: an artifact counts, though no one here trusts its signer."""
    done = typed("audit", "report", "--controls", environment=judged.environment)
    assert done.returncode == 0
    row = next(line for line in done.stdout.splitlines() if "CM-8: evidence by the gate sbom" in line)
    assert "1 GREEN, 0 AMBER, 0 RED, sha256:" in row
    assert "RA-5" in done.stdout.partition("no evidence here: ")[2]

    done = typed("audit", "report", "--controls", environment=judged.environment | {"ARCOPS_TRUST": str(tmp_path)})
    assert "evidence by the gate" not in done.stdout
    assert "1 artifact(s) that are un" in done.stdout


@pytest.mark.requirement("BASE-4/audit-report")
def test_an_assessment_links_every_observation_to_what_can_be_verified(judged: Bench, tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    done = typed("audit", "assessment", "-o", str(file), environment=judged.environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(file.read_text())["assessment-results"]
    (result,) = found["results"]
    assert done.stdout == f"wrote {len(result['observations'])} observation(s) to {file}\n"
    for one in result["observations"]:
        assert one["relevant-evidence"]
    kept = {one["rlinks"][0]["hashes"][0]["value"] for one in found["back-matter"]["resources"] if "rlinks" in one}
    (digest,) = kept
    done = typed("verify", f"sha256:{digest}", environment=judged.environment)
    assert done.returncode == 0, done.stderr
    assert typed("audit", "assessment", "-o", str(file), environment=judged.environment).returncode == 2


@pytest.mark.requirement("BASE-4/audit-report")
def test_an_assessment_of_a_changed_log_says_so_and_counts_nothing_of_it(broken: Path) -> None:
    done = audit(broken, "assessment")
    assert done.returncode == 3
    (result,) = json.loads(done.stdout)["assessment-results"]["results"]
    assert "observations" not in result
    assert "-0001" in result["remarks"]
