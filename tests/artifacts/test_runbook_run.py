"""The record of a runbook as a statement: what is not read as one."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from arcops.errors import Refused
from artifacts.canonical import canonical
from artifacts.runbook_run import RUNBOOK_RUN, RunbookRun, RunbookStep, RunbookValue
from tests.artifacts.reports import AT

pytestmark = pytest.mark.requirement("HOST-008-012/runbooks-execute")


def run() -> RunbookRun:
    return RunbookRun(
        id="3f2a9c1b04de",
        site="plant",
        runbook="rollback",
        version=1,
        content=f"sha256:{'1' * 64}",
        role="sre",
        values=(RunbookValue(name="server", value="time"), RunbookValue(name="to", value="1")),
        by="ann",
        ended=AT,
        steps=(
            RunbookStep(
                number=1,
                title="Go back",
                state="done",
                command=("host", "rollback", "time", "--to", "1"),
                evidence=f"sha256:{'2' * 64}",
                began=AT - timedelta(seconds=3),
                ended=AT,
            ),
        ),
    )


def _set(name: str, value: object) -> Callable[[Any], None]:
    def change(document: Any) -> None:
        document["predicate"][name] = value

    return change


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (_set("role", 1), "does not match its schema"),
        (_set("content", f"sha256:{'3' * 64}"), "about another subject"),
        (_set("runbook", "deploy"), "about another subject"),
        (_set("more", ""), "does not match its schema"),
        (lambda document: document.update(predicateType="https://arcops.dev/predicates/runbook-run/v2"), "another version"),
        (lambda document: document.update(predicateType="https://arcops.dev/predicates/runbook/v1"), "is not the record"),
        (lambda document: document["subject"].append(document["subject"][0]), "does not match its schema"),
        (lambda document: document["predicate"]["steps"][0].pop("evidence"), "does not match its schema"),
    ],
)
def test_what_differs_is_no_record(change: Callable[[Any], None], why: str) -> None:
    data = RUNBOOK_RUN.statement(run())
    assert RUNBOOK_RUN.read(data) == run()
    document = json.loads(data)
    change(document)
    with pytest.raises(Refused, match=why):
        RUNBOOK_RUN.read(canonical(document))
    with pytest.raises(Refused, match="canonically"):
        RUNBOOK_RUN.read(json.dumps(json.loads(data)).encode())
