"""What the checklist calls done: only what is shown now, by evidence that counts, or by a person with a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from arcops.errors import Refused
from services.host.checklist.items import checklist, item, parsed
from services.host.checklist.judging import REHEARSED_DAYS, Facts, Found, Mark, judged

pytestmark = pytest.mark.requirement("HOST-008-012/feedback-and-checklist")

NOW = datetime(2026, 12, 1, tzinfo=UTC)
ARTIFACT = Found(artifact=f"sha256:{'1' * 64}", made=NOW - timedelta(days=1))
BAD = replace(ARTIFACT, problem="it was revoked")
MARK = Mark(author="ann", made=NOW, note="read all of it")
WELL = Facts(
    now=NOW,
    owner="team",
    network="none",
    leak="",
    verdict="sha256:2",
    allowed_by="ann",
    record="log:1",
    row="sha256:3",
    snapshot=ARTIFACT,
    rollback=ARTIFACT,
    marks={"tools-read": MARK, "data-classified": MARK},
)


def test_all_of_a_good_server_is_done_and_says_by_what() -> None:
    for one in checklist().items:
        found = judged(one, WELL)
        assert found.done, found
        assert found.evidence or found.by, "nothing shows it"


@pytest.mark.parametrize(
    ("id_", "change"),
    [
        ("judged", {"missing": "its verdict is RED"}),
        ("judged", {"verdict": ""}),
        ("allowed", {"allowed_by": ""}),
        ("allowed", {"record": ""}),
        ("owned", {"owner": ""}),
        ("no-secret", {"leak": "--env TOKEN holds what looks like a secret"}),
        ("no-network", {"network": "open"}),
        ("kept", {"snapshot": None}),
        ("kept", {"snapshot": BAD}),
        ("rollback-rehearsed", {"rollback": None}),
        ("rollback-rehearsed", {"rollback": BAD}),
        ("rollback-rehearsed", {"rollback": replace(ARTIFACT, made=NOW - timedelta(days=REHEARSED_DAYS + 1))}),
        ("tools-read", {"marks": {}}),
        ("tools-read", {"marks": {"tools-read": replace(MARK, evidence=BAD)}}),
        ("data-classified", {"marks": {"tools-read": MARK}}),
    ],
)
def test_each_thing_that_is_missing_leaves_exactly_its_item_open(id_: str, change: dict[str, Any]) -> None:
    facts = replace(WELL, **change)
    found = judged(item(id_), facts)
    assert not found.done
    assert found.why
    others = [one for one in checklist().items if one.id != id_ and "marks" not in change]
    assert all(judged(one, facts).done for one in others)


def test_a_person_may_accept_the_network_and_is_named() -> None:
    facts = replace(WELL, network="open", marks={"no-network": replace(MARK, evidence=ARTIFACT)})
    found = judged(item("no-network"), facts)
    assert (found.done, found.by, found.evidence) == (True, "ann", ARTIFACT.artifact)


ONE = "{id: a, title: t, why: w, references: [r], mandatory: true, shown: owner}"


@pytest.mark.parametrize(
    "items", [f"[{ONE}, {ONE}]", ONE, "[{id: a}]", f"[{ONE.replace('owner', 'trust-me')}]", f"[{ONE.replace('[r]', '[]')}]"]
)
def test_a_checklist_that_is_not_right_is_refused(items: str) -> None:
    assert parsed(f"{{version: 1, updated: '2026-11-30', items: [{ONE}]}}".encode())
    with pytest.raises(Refused):
        parsed(f"{{version: 1, updated: '2026-11-30', items: {items}}}".encode())
