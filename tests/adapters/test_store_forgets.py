"""What the doors say about a store that was put back to an older state, and about a clock that was set back."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.cli.exits import GREEN, RED
from adapters.cli.main import run
from adapters.http.stored import StoreWatch
from arcops.errors import Refused, Unavailable
from artifacts.log.memory import Memory
from artifacts.private_key import create
from artifacts.store import Store
from capabilities.artifact.store import CheckStore, ExportStore, ImportStore, check_store, export_store, import_store
from flows.evaluate import NotKept
from flows.place import Place
from flows.runners import direct
from foundation.settings import read_settings
from tests.kept import checkpoint, finding, keep, report, result
from tests.models import CLOCK, Bench, bench

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss", "ARC-2/crosses-an-air-gap")
GOOD = result("g", finding("g/one"))


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    made = bench(tmp_path)
    for name, value in made.environment.items():
        monkeypatch.setenv(name, value)
    for name in ("one", "two"):
        keep(made, report(name, GOOD))
    checkpoint(made)
    shutil.copytree(made.settings.store, tmp_path / "earlier")
    keep(made, report("three", GOOD))
    checkpoint(made)
    return made


def check(here: Bench) -> int:
    return run(["store", "check", "--key", str(here.public)])


def cut(here: Bench) -> None:
    store = here.settings.store
    lines = (store / "log").read_bytes().splitlines(keepends=True)
    (store / "log").write_bytes(b"".join(lines[:-1]))
    (store / "checkpoint").unlink()
    for file in store.glob("index.sqlite*"):
        file.unlink()


def put_back(here: Bench) -> None:
    shutil.rmtree(here.settings.store)
    shutil.copytree(here.home.parent / "earlier", here.settings.store)


def one_row_deleted(here: Bench) -> None:
    with closing(sqlite3.connect(here.settings.store / "index.sqlite")) as database, database:
        database.execute("DELETE FROM entry WHERE position = 2")


def checkpoint_deleted(here: Bench) -> None:
    (here.settings.store / "checkpoint").unlink()


def all_gone(here: Bench) -> None:
    shutil.rmtree(here.settings.store)


@pytest.mark.parametrize("attack", [cut, put_back, one_row_deleted, checkpoint_deleted, all_gone])
def test_the_check_exits_red_and_promises_nothing(
    here: Bench, attack: Callable[[Bench], None], capsys: pytest.CaptureFixture[str]
) -> None:
    assert check(here) == GREEN
    said = capsys.readouterr().out
    assert "3 entries and the 3 objects that they name were read; they match the checkpoint over 3 of them" in said
    assert str(here.settings.memory) in said
    assert "nothing was removed" not in said

    attack(here)
    assert check(here) == RED
    said = capsys.readouterr().out
    assert "problem(s)" in said
    assert "they match" not in said


def test_the_sentence_names_what_no_checkpoint_signs_and_what_is_not_remembered(
    here: Bench, capsys: pytest.CaptureFixture[str]
) -> None:
    keep(here, report("four", GOOD))
    shutil.rmtree(here.settings.memory)
    assert check(here) == GREEN
    said = capsys.readouterr().out
    assert "1 came later and no checkpoint signs them yet" in said
    assert "Nothing outside the store remembers it yet" in said


def test_who_asks_over_the_network_is_told_no_folders(here: Bench) -> None:
    place = replace(here.place(), roots=())
    ask = CheckStore(keys=(here.public.read_text(),))
    assert str(here.home) not in check_store(ask, place).said
    put_back(here)
    found = check_store(ask, place)
    assert any("(memory)" in one for one in found.problems)
    assert str(here.home) not in " ".join((found.said, *found.problems))


def test_another_key_is_red(here: Bench) -> None:
    found = check_store(CheckStore(keys=(create().public.pem.decode(),)), here.place())
    assert any("no given key verifies" in one for one in found.problems)


def test_nothing_is_kept_in_a_store_that_was_put_back(here: Bench) -> None:
    model = here.home.parent / "model"
    model.mkdir()
    (model / "a.txt").write_text("a")
    put_back(here)
    with pytest.raises(NotKept, match="entries were removed"):
        here.check(model)


def test_a_clock_that_was_set_back_is_noticed_before_the_work(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    model = here.home.parent / "model"
    model.mkdir()
    (model / "a.txt").write_text("a")

    def looked(*arguments: object, **options: object) -> object:
        raise AssertionError("it worked first")

    monkeypatch.setattr(direct, "collect", looked)
    with pytest.raises(Unavailable, match="set the clock"):
        here.check(model, now=CLOCK - timedelta(days=1))


def test_a_flow_notices_it_before_the_work_too(here: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    from flows.prefect import flow
    from flows.subjects.model import READINESS

    monkeypatch.setattr(flow, "_now", lambda: CLOCK - timedelta(days=1))
    monkeypatch.setattr(flow, "collect", None)
    with pytest.raises(Unavailable, match="set the clock"):
        asyncio.run(flow.evaluate(READINESS, {"target": str(here.home), "policy": "sovereign"}))


def test_what_is_kept_is_dated_by_the_clock_at_that_moment(here: Bench) -> None:
    model = here.home.parent / "model"
    model.mkdir()
    (model / "a.txt").write_text("a")
    moments = iter(CLOCK + timedelta(minutes=minutes) for minutes in range(1, 100))
    place = replace(here.place(), now=lambda: next(moments))
    from capabilities.model.check import Check, check_model

    checked = check_model(Check(target=model, policy=str(here.policy)), place)
    with Store.at(here.settings) as store:
        entry = store.entries()[-1]
        assert entry.artifact == checked.artifact
        assert entry.at > checked.report.judged_at
        assert store.newest_time() == entry.at


class TestCarried:
    def other(self, here: Bench) -> Place:
        settings = read_settings({"ARCOPS_HOME": str(here.home.parent / "other")})
        return replace(here.place(now=CLOCK + timedelta(days=9)), settings=settings)

    def test_an_import_is_logged_as_of_now_in_order_and_signed(self, here: Bench) -> None:
        mirror, keys = here.home.parent / "mirror.tar", (here.public.read_text(),)
        export_store(ExportStore(mirror=mirror, keys=keys), here.place())
        there = self.other(here)
        assert import_store(ImportStore(mirror=mirror, keys=keys), there).artifacts == 3
        assert check_store(CheckStore(keys=keys), there).problems == ()
        with Store.at(there.settings) as store:
            assert [entry.at for entry in store.entries()] == [CLOCK + timedelta(days=9)] * 3
            assert [one.subject for one in store.list()] == ["three", "two", "one"]
            before = {path: path.read_bytes() for path in (store.folder / "log", store.folder / "checkpoint")}
        again = replace(there, now=lambda: CLOCK + timedelta(days=20))
        import_store(ImportStore(mirror=mirror, keys=keys), again)
        assert {path: path.read_bytes() for path in before} == before

    def test_without_a_key_of_this_site_nothing_is_imported(self, here: Bench) -> None:
        mirror, keys = here.home.parent / "mirror.tar", (here.public.read_text(),)
        export_store(ExportStore(mirror=mirror, keys=keys), here.place())

        def no_key() -> object:
            raise Refused("there is no key")

        there = replace(self.other(here), signer=no_key)  # type: ignore[arg-type]
        with pytest.raises(Refused, match="no key"):
            import_store(ImportStore(mirror=mirror, keys=keys), there)
        assert not there.settings.store.exists()


@pytest.mark.parametrize("attack", [cut, put_back, all_gone])
def test_the_readiness_probe_says_that_the_store_is_damaged(here: Bench, attack: Callable[[Bench], None]) -> None:
    watch = StoreWatch(here.settings.store, here.settings.memory)
    assert watch.said() == ""
    attack(here)
    assert "damaged" in watch.said()


def test_the_memory_lies_outside_of_the_store_and_can_be_moved(tmp_path: Path) -> None:
    home = read_settings({"ARCOPS_HOME": str(tmp_path)})
    assert home.memory == tmp_path / "remembered"
    assert not home.memory.is_relative_to(home.store)
    assert read_settings({"ARCOPS_HOME": str(tmp_path), "ARCOPS_REMEMBERED": "/elsewhere"}).memory == Path("/elsewhere")
    assert read_settings(dict(os.environ) | {"ARCOPS_HOME": ""}).memory.name == "remembered"
    assert Memory(home.memory, home.store).recall() == ()
    for inside in ("store", "store/remembered", "store/a/../b"):
        with pytest.raises(Refused, match="ARCOPS_REMEMBERED"):
            read_settings({"ARCOPS_HOME": str(tmp_path), "ARCOPS_REMEMBERED": str(tmp_path / inside)})
