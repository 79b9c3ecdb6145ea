"""What was just sealed is kept by the report of which it was made, and read back as far as its schema tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.bundle import seal, seal_statement
from artifacts.said import said, said_as
from artifacts.statement import to_statement
from artifacts.store import Store
from tests.artifacts.test_store import AT, KEY, report


def test_the_report_says_the_same_as_its_bytes() -> None:
    made = report("a")
    assert said_as(made, seal(made, KEY)) == said(seal(made, KEY))


def test_an_artifact_of_another_report_is_not_kept_as_this_one(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as store:
        with pytest.raises(Refused, match="was not made of this report"):
            store.put(seal(report("a"), KEY), {}, at=AT, report=report("b"))
        assert not list(store.entries())


def test_what_breaks_the_schema_is_not_kept(tmp_path: Path) -> None:
    made = replace(report("a"), site="edge-07")
    broken = seal_statement(to_statement(made).replace(b'"site":"edge-07"', b'"site":7'), KEY)
    with Store(tmp_path / "store") as store, pytest.raises(Refused, match="does not match its schema"):
        store.put(broken, {}, at=AT, report=made)
