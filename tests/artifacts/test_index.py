"""Listing: every filter finds what it names and nothing else, page by page, and an index of an older version is made again."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from arcops.errors import Refused
from arcops.finding import Outcome
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.bundle import seal
from artifacts.index import Choices, Filter
from artifacts.private_key import create
from artifacts.store import Store
from foundation.settings import read_settings
from tests.artifacts.reports import AT, full_report

pytestmark = pytest.mark.requirement("ARC-D3/lists-can-be-filtered")


def green(name: str, site: str, day: int) -> Report:
    report = full_report()
    passing = replace(report.results[0].findings[0], outcome=Outcome.PASS)
    return replace(
        report,
        subject=replace(report.subject, name=name),
        verdict=Verdict.GREEN,
        results=(replace(report.results[0], findings=(passing,)),),
        judged_at=AT + timedelta(days=day),
        valid_until=AT + timedelta(days=day + 7),
        site=site,
    )


def red(name: str, site: str, day: int) -> Report:
    at = AT + timedelta(days=day)
    subject = replace(full_report().subject, name=name)
    return replace(full_report(), subject=subject, judged_at=at, valid_until=at + timedelta(days=7), site=site)


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    signer = create()
    with Store(tmp_path_factory.mktemp("listed") / "store") as kept:
        for report in (green("mini", "north", 0), red("mini", "south", 1), green("Maxi", "", 2), red("maxi-%", "north", 3)):
            kept.put(seal(report, signer), {}, at=report.judged_at)
        yield kept


@pytest.mark.parametrize(
    ("what", "found"),
    [
        (Filter(), ["maxi-%", "Maxi", "mini", "mini"]),
        (Filter(subject="mini"), ["mini", "mini"]),
        (Filter(subject="min"), []),
        (Filter(subject_part="MAX"), ["maxi-%", "Maxi"]),
        (Filter(subject_part="%"), ["maxi-%"]),
        (Filter(site="north"), ["maxi-%", "mini"]),
        (Filter(verdict=Verdict.GREEN, site="north"), ["mini"]),
        (Filter(gate="vulnerabilities"), ["maxi-%", "mini"]),
        (Filter(gate="signatures", gate_verdict=Verdict.RED), []),
        (Filter(gate="vulnerabilities", gate_verdict=Verdict.RED, site="south"), ["mini"]),
        (Filter(gate_verdict=Verdict.RED), ["maxi-%", "mini"]),
        (Filter(judged_from=AT + timedelta(days=2)), ["maxi-%", "Maxi"]),
        (Filter(judged_before=AT + timedelta(days=2)), ["mini", "mini"]),
        (Filter(judged_from=AT + timedelta(days=1), judged_before=AT + timedelta(days=1, seconds=1)), ["mini"]),
        (Filter(limit=1, offset=1), ["Maxi"]),
        (Filter(site="' OR 1=1 --"), []),
    ],
)
def test_each_filter_finds_what_it_names(store: Store, what: Filter, found: list[str]) -> None:
    assert [listed.subject for listed in store.list(what)] == found
    assert store.count(replace(what, limit=1000, offset=0)) == len(found) or what.limit == 1


def test_a_row_names_site_and_every_gate_with_its_verdict(store: Store) -> None:
    listed = store.list(Filter(site="south"))[0]

    assert (listed.site, {gate.gate: gate.verdict for gate in listed.gates}) == (
        "south",
        {"signatures": Verdict.GREEN, "vulnerabilities": Verdict.RED},
    )
    assert store.choices() == Choices(sites=("north", "south"), gates=("signatures", "vulnerabilities"))


def test_an_index_of_an_older_version_is_made_again(tmp_path: Path) -> None:
    with Store(tmp_path) as kept:
        kept.put(seal(red("mini", "south", 0), create()), {}, at=AT)
    with sqlite3.connect(tmp_path / "index.sqlite") as database:
        for (table,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            database.execute(f"DROP TABLE {table}")
        database.execute("CREATE TABLE done (entries INTEGER)")
        database.execute("PRAGMA user_version = 1")
    database.close()

    with Store(tmp_path) as kept:
        assert [listed.site for listed in kept.list()] == ["south"]


@pytest.mark.parametrize("name", ["a\nb", "x" * 101, " padded", "bidi\u202e"])
def test_a_site_that_no_page_could_show_is_refused(name: str) -> None:
    with pytest.raises(Refused, match="ARCOPS_SITE"):
        read_settings({"ARCOPS_HOME": "/nowhere", "ARCOPS_SITE": name})


def test_the_site_comes_from_the_environment_into_the_artifact(tmp_path: Path) -> None:
    from tests.models import bench, good_model

    here = bench(tmp_path)
    model = good_model(here)
    named = replace(here, settings=replace(here.settings, site="Werk 7, Süd"))
    checked = named.check(model)

    with Store(here.settings.store) as kept:
        assert checked.report.site == "Werk 7, Süd" == kept.list()[0].site
        assert here.open(kept.path(checked.artifact)).site == "Werk 7, Süd"
