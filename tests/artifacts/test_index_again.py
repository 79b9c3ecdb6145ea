"""The index is only a cache: whatever is done to its file, it is made again from the log, once, and that is said."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Unavailable
from arcops.verdict import Verdict
from artifacts.bundle import seal
from artifacts.index import Filter
from artifacts.private_key import create
from artifacts.store import Store
from tests.artifacts.reports import AT, full_report

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss")
KEY = create()


def report(name: str) -> bytes:
    return seal(replace(full_report(), subject=replace(full_report().subject, name=name)), KEY)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "store"
    with Store(folder) as store:
        for name in "abc":
            store.put(report(name), {}, at=AT, signer=KEY)
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    shutil.copytree(made, tmp_path / "store")
    return tmp_path / "store"


def truncated(index: Path) -> None:
    os.truncate(index, index.stat().st_size // 2)


def odd_length(index: Path) -> None:
    os.truncate(index, 5000)


def a_page_of_noise(index: Path) -> None:
    data = bytearray(index.read_bytes())
    data[4096:8192] = os.urandom(4096)
    index.write_bytes(data)


def noise_in_all_pages(index: Path) -> None:
    data = bytearray(index.read_bytes())
    for start in range(4096, len(data), 4096):
        data[start : start + 8] = os.urandom(8)
    index.write_bytes(data)


def folder_in_its_place(index: Path) -> None:
    index.unlink()
    index.mkdir()


def full_folder_in_its_place(index: Path) -> None:
    folder_in_its_place(index)
    (index / "mine").write_text("keep me")


def pipe_in_its_place(index: Path) -> None:
    index.unlink()
    os.mkfifo(index)


def link_in_its_place(index: Path) -> None:
    index.rename(index.with_name("elsewhere"))
    index.symlink_to("elsewhere")


def dangling_link(index: Path) -> None:
    index.unlink()
    index.symlink_to("nowhere")


def other_database(index: Path) -> None:
    index.unlink()
    with closing(sqlite3.connect(index)) as database, database:
        database.execute("CREATE TABLE entry (position INTEGER)")


def by(command: str) -> Callable[[Path], None]:
    def change(index: Path) -> None:
        with closing(sqlite3.connect(index)) as database, database:
            database.execute(command)

    change.__name__ = command.split(" VALUES")[0].replace(" ", "-")
    return change


def beside(name: str, make: Callable[[Path], object]) -> Callable[[Path], None]:
    def change(index: Path) -> None:
        index.write_bytes(b"garbage")
        make(index.with_name(f"index.sqlite{name}"))

    change.__name__ = f"beside{name}"
    return change


DAMAGE: list[Callable[[Path], object]] = [
    lambda index: index.write_bytes(b""),
    lambda index: index.write_bytes(b"garbage" * 999),
    lambda index: index.write_bytes(b"SQLite format 3\0" + b"\xff" * 9999),
    truncated,
    odd_length,
    a_page_of_noise,
    noise_in_all_pages,
    folder_in_its_place,
    full_folder_in_its_place,
    pipe_in_its_place,
    link_in_its_place,
    dangling_link,
    other_database,
    by("PRAGMA user_version = 3"),
    by("PRAGMA user_version = 99"),
    by("PRAGMA journal_mode = WAL"),
    by("DROP TABLE gate"),
    by("DROP INDEX entry_site"),
    by("ALTER TABLE entry ADD COLUMN more TEXT"),
    by("ALTER TABLE entry RENAME COLUMN site TO place"),
    by("CREATE TRIGGER odd AFTER INSERT ON entry BEGIN DELETE FROM entry; END"),
    by("DELETE FROM done"),
    by("UPDATE done SET bytes = 'many'"),
    by("UPDATE done SET entries = 'x'"),
    by("UPDATE done SET peaks = x'00'"),
    by("UPDATE done SET entries = -1"),
    by("UPDATE entry SET at = 'once' WHERE position = 1"),
    by("UPDATE entry SET verdict = 'BLUE' WHERE position = 1"),
    by("UPDATE entry SET site = x'ff' WHERE position = 1"),
    by("UPDATE entry SET site = CAST(x'ff' AS TEXT) WHERE position = 1"),
    by("INSERT INTO gate VALUES ('x', 'y', 'GREEN')"),
    beside("-journal", lambda path: path.write_bytes(os.urandom(2000))),
    beside("-journal", lambda path: path.mkdir()),
    beside("-wal", lambda path: path.write_bytes(b"\x37\x7f\x06\x82" + os.urandom(2000))),
    beside("-shm", lambda path: path.write_bytes(os.urandom(32768))),
    beside("-shm", lambda path: (path.mkdir(), (path / "x").mkdir())),
]


def listed(folder: Path) -> list[str]:
    with Store(folder) as store:
        assert store.count(Filter()) == store.size == 3
        assert store.choices().gates == ("signatures", "vulnerabilities")
        assert sum(store.totals().values()) == 3
        assert len(store.list(Filter(verdict=Verdict.RED, gate="vulnerabilities"))) == 3
        return [one.subject for one in store.list()]


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_listing_is_as_the_log(folder: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture) -> None:
    damage(folder / "index.sqlite")
    assert listed(folder) == ["c", "b", "a"]
    said = list(caplog.messages)
    assert len(said) <= 1, "it is said once"
    assert all("made again from the log" in one for one in said)
    assert listed(folder) == ["c", "b", "a"]
    assert caplog.messages == said, "it was made again for good"
    with Store(folder) as store:
        assert store.check([KEY.public]) == ()


@pytest.mark.parametrize("damage", DAMAGE)
def test_a_check_reads_the_store_and_what_is_put_is_kept(folder: Path, damage: Callable[[Path], object]) -> None:
    damage(folder / "index.sqlite")
    with Store(folder) as store:
        assert all("index" in one for one in store.check([KEY.public])), "a row that is no longer true is told, nothing else"
    with Store(folder) as store:
        store.put(report("d"), {}, at=AT, signer=KEY)
        assert [one.subject for one in store.list()] == ["d", "c", "b", "a"]
        assert store.check([KEY.public]) == ()


@pytest.mark.parametrize("damage", [DAMAGE[0], DAMAGE[1], truncated, full_folder_in_its_place, pipe_in_its_place])
def test_damage_is_told_with_what_was_done(
    folder: Path, damage: Callable[[Path], object], caplog: pytest.LogCaptureFixture
) -> None:
    damage(folder / "index.sqlite")
    listed(folder)
    (said,) = caplog.messages
    assert str(folder / "index.sqlite") in said
    assert "only a cache" in said


def test_a_missing_index_is_made_without_a_word(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    (folder / "index.sqlite").unlink()
    assert listed(folder) == ["c", "b", "a"]
    assert caplog.messages == []


def test_what_someone_keeps_in_its_place_is_moved_aside_and_shows(folder: Path) -> None:
    full_folder_in_its_place(folder / "index.sqlite")
    assert listed(folder) == ["c", "b", "a"]
    with Store(folder) as store:
        (aside,) = store.unexpected()
    assert (folder / aside.path / "mine").read_text() == "keep me"


def test_an_index_that_is_damaged_while_it_is_open_is_made_again(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with Store(folder) as store:
        assert len(store.list()) == 3
        truncated(folder / "index.sqlite")
        assert [one.subject for one in store.list()] == ["c", "b", "a"]


def look(folder: Path, barrier: object, said: object) -> None:
    import logging

    class Lines(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            said.put(record.getMessage())  # type: ignore[attr-defined]

    logging.getLogger().addHandler(Lines())
    barrier.wait()  # type: ignore[attr-defined]
    assert listed(folder) == ["c", "b", "a"]


def test_of_many_processes_one_makes_it_again(folder: Path) -> None:
    (folder / "index.sqlite").write_bytes(b"garbage" * 999)
    forked = multiprocessing.get_context("fork")
    barrier, said = forked.Barrier(4), forked.Queue()
    processes = [forked.Process(target=look, args=(folder, barrier, said)) for _ in range(4)]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    assert "made again" in said.get()
    assert said.empty()
    assert sorted(path.name for path in folder.iterdir() if "index" in path.name or "partial" in path.name) == ["index.sqlite"]


def test_a_store_that_cannot_be_written_is_listed_and_checked(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """As on a disk that is mounted read-only: the index is made in memory."""
    (folder / "index.sqlite").write_bytes(b"garbage")
    real = os.open

    def read_only(path: object, flags: int, *arguments: int, **options: int) -> int:
        if str(path).startswith(str(folder)) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(30, "Read-only file system", path)
        return real(path, flags, *arguments, **options)  # type: ignore[call-overload,no-any-return]

    monkeypatch.setattr(os, "open", read_only)
    monkeypatch.setattr(os, "access", lambda path, mode: False)
    assert listed(folder) == ["c", "b", "a"]
    with Store(folder) as store:
        assert store.check([KEY.public]) == ()
    assert all("cannot be written here" in one for one in caplog.messages)
    assert (folder / "index.sqlite").read_bytes() == b"garbage"


def test_a_busy_index_is_not_damaged(folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    from artifacts import index_place

    monkeypatch.setattr(index_place, "BUSY_SECONDS", 0.01)
    with closing(sqlite3.connect(folder / "index.sqlite", isolation_level=None)) as other:
        other.execute("BEGIN EXCLUSIVE")
        with Store(folder) as store, pytest.raises(Unavailable, match="locked"):
            store.list()
    assert listed(folder) == ["c", "b", "a"]
    assert caplog.messages == []
