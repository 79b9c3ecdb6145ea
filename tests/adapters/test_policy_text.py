"""``arcops policy`` prints YAML that a person copies, and the reader takes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from flows.policies.reading import parse_policy
from tests.adapters.typed import Done, typed

pytestmark = pytest.mark.requirement("ARC-4/a-wrong-policy-is-an-error", "ARC-1/errors-are-clear")

POLICY = "name: ours\nvalidFor: P7D\ngates:\n  integrity: {}\n  licence: {allowed: [MIT], componentLicences: root-only}\n"


def checked(folder: Path, text: str) -> Done:
    path = folder / "ours.yaml"
    path.write_text(text)
    return typed("policy", "check", path, environment={"ARCOPS_HOME": str(folder)})


def test_every_default_is_written_as_yaml_that_means_the_same(tmp_path: Path) -> None:
    done = checked(tmp_path, POLICY)
    assert done.returncode == 0, done.stderr
    gates = done.stdout[done.stdout.index("gates:") :]
    again = parse_policy(f"name: ours\nvalidFor: P7D\n{gates}".encode(), where="again")
    assert again.gates == parse_policy(POLICY.encode(), where="ours").gates
    assert "innerLinks" in gates


def test_what_is_misspelt_is_printed_to_copy_and_the_policy_is_still_refused(tmp_path: Path) -> None:
    done = checked(tmp_path, POLICY.replace("componentLicences", "componentLicenses"))
    assert done.returncode == 2
    assert "componentLicenses" in done.stderr
    assert done.stdout == (
        "# to copy into the policy, instead of what is wrong or lacking there:\n"
        'gates:\n  licence:\n    componentLicences: "root-only"\n'
    )


@pytest.mark.parametrize("days", [1, 40])
def test_a_waiver_for_a_day_counts_on_that_day_and_not_after(tmp_path: Path, days: int) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text(POLICY)
    day = f"{datetime.now(UTC) + timedelta(days=days):%Y-%m-%d}"
    line = ["integrity/links", "--owner", "Ada", "--reason", "for now", "--any-content", "--expires", day]
    done = typed("policy", "waive", path, *line, environment={"ARCOPS_HOME": str(tmp_path)})
    assert done.returncode == 0, done.stderr
    drafted = parse_policy(f"{POLICY}waivers:\n{done.stdout}".encode(), where="drafted").waivers
    written = parse_policy(f"{POLICY}waivers:\n{done.stdout}".replace("T23:59:59Z", "").encode(), where="written").waivers
    assert [one.expires for one in drafted] == [one.expires for one in written]
    assert drafted[0].expires == datetime.fromisoformat(f"{day}T23:59:59+00:00")
