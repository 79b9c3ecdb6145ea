"""One registry of the predicates that ArcOps states: each found by its name, with its schema and its golden, and no other."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import pytest

from arcops.errors import Broken, Refused
from artifacts.agent_export import AGENT_EXPORT
from artifacts.baseline import baseline_statement
from artifacts.client_release import release_statement
from artifacts.host_snapshot import HOST_SNAPSHOT
from artifacts.patch_proposal import PATCH_PROPOSAL
from artifacts.predicate import Predicate, name_of
from artifacts.predicate_schema import predicate_schema
from artifacts.predicates import all_predicates, known
from artifacts.quota_advisory import QUOTA_ADVISORY
from artifacts.revocation import RevocationList, revocation_statement
from artifacts.runbook_run import RUNBOOK_RUN
from artifacts.schemas import schema_text
from artifacts.site_backup import SITE_BACKUP
from artifacts.site_bundle import SITE_BUNDLE
from artifacts.statement import to_statement
from artifacts.waiver_approval import approval_statement
from tests.artifacts.reports import AT, full_report
from tests.artifacts.test_agent_export import agent
from tests.artifacts.test_baseline import baseline
from tests.artifacts.test_client_release import release
from tests.artifacts.test_host_snapshot import snapshot
from tests.artifacts.test_patch_proposal import proposal
from tests.artifacts.test_quota_advisory import advisory
from tests.artifacts.test_runbook_run import run
from tests.artifacts.test_signed_tar import site_backup, site_bundle
from tests.artifacts.test_waiver_approval import approval

pytestmark = pytest.mark.requirement("ARC-1/agents-can-read-it")
GOLDENS = Path(__file__).parent / "goldens"
PUBLISHED = [one for one in all_predicates() if one.published]

STATED: dict[str, tuple[Callable[[], bytes], Callable[[], object]]] = {
    "https://arcops.dev/predicates/readiness-report/v1": (lambda: to_statement(full_report()), full_report),
    "https://arcops.dev/predicates/benchmark-baseline/v1": (lambda: baseline_statement(baseline()), baseline),
    "https://arcops.dev/predicates/client-configuration-release/v1": (lambda: release_statement(release()), release),
    "https://arcops.dev/predicates/waiver-approval/v1": (lambda: approval_statement(approval()), approval),
    "https://arcops.dev/predicates/agent-export/v1": (lambda: AGENT_EXPORT.statement(agent()), agent),
    "https://arcops.dev/predicates/host-snapshot/v1": (lambda: HOST_SNAPSHOT.statement(snapshot()), snapshot),
    "https://arcops.dev/predicates/runbook-run/v1": (lambda: RUNBOOK_RUN.statement(run()), run),
    "https://arcops.dev/predicates/quota-advisory/v1": (lambda: QUOTA_ADVISORY.statement(advisory()), advisory),
    "https://arcops.dev/predicates/patch-proposal/v1": (lambda: PATCH_PROPOSAL.statement(proposal()), proposal),
    "https://arcops.dev/predicates/site-backup/v1": (lambda: SITE_BACKUP.statement(site_backup()), site_backup),
    "https://arcops.dev/predicates/site-bundle/v1": (lambda: SITE_BUNDLE.statement(site_bundle()), site_bundle),
    "https://arcops.dev/predicates/revocations/v1": (
        lambda: revocation_statement(RevocationList(issued_at=AT)),
        lambda: RevocationList(issued_at=AT),
    ),
}
"""A statement of each, and its content: a new predicate needs one here."""


def named(one: Predicate) -> str:
    return one.file


def test_each_is_shown_here() -> None:
    assert {one.uri for one in all_predicates()} == set(STATED)


@pytest.mark.parametrize("predicate", all_predicates(), ids=named)
def test_each_is_found_by_its_type_and_reads_its_own_statements_alone(predicate: Predicate) -> None:
    assert known(predicate.uri) is predicate, "its module has another name than its type"
    for uri, (made, meant) in STATED.items():
        if uri == predicate.uri:
            assert predicate.read(made()) == meant()
        else:
            with pytest.raises(Refused):
                predicate.read(made())


@pytest.mark.parametrize("predicate", PUBLISHED, ids=named)
def test_the_published_schema_is_what_the_types_say(predicate: Predicate) -> None:
    assert schema_text(predicate.uri) == predicate_schema(predicate)


@pytest.mark.parametrize("predicate", PUBLISHED, ids=named)
def test_what_is_published_has_the_golden_that_a_person_read(predicate: Predicate) -> None:
    assert STATED[predicate.uri][0]() == (GOLDENS / predicate.file).read_bytes()


def test_every_published_file_and_every_golden_of_a_predicate_is_one_s() -> None:
    files = {one.name for one in resources.files("artifacts.schemas").iterdir() if one.name.endswith(".json")}
    assert files == {one.file for one in PUBLISHED}
    stated = {path.name: json.loads(path.read_bytes())["predicateType"] for path in GOLDENS.glob("*.json")}
    assert {name for name, uri in stated.items() if known(uri)} == files


@pytest.mark.parametrize(
    "uri",
    [
        "",
        "https://arcops.dev/predicates/readiness-report/v2",
        "https://arcops.dev/predicates/readiness-report/v1/",
        "https://arcops.dev/predicates/readiness-report/v1\n",
        "https://arcops.dev/predicates/readiness_report/v1",
        "https://arcops.dev/predicates/../v1",
        "https://arcops.dev/predicates/no-such/v1",
        "https://example.org/predicates/readiness-report/v1",
        "https://slsa.dev/provenance/v1",
    ],
)
def test_what_is_none_is_not_known_and_has_no_schema(uri: str) -> None:
    assert known(uri) is None
    with pytest.raises(Refused, match="no published schema"):
        schema_text(uri)


def test_without_a_schema_none_is_given() -> None:
    with pytest.raises(Refused, match="no published schema"):
        schema_text("https://arcops.dev/predicates/revocations/v1")


def test_a_type_that_is_not_ours_is_our_bug() -> None:
    with pytest.raises(Broken, match="not a predicate type"):
        Predicate(uri="https://example.org/p/v1", title="t", holds=RevocationList, read=bytes)
    assert name_of("https://arcops.dev/predicates/some-name/v12") == "some-name"
