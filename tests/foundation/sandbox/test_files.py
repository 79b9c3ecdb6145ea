"""A caller's files: theirs alone, read in parts, removed only if unchanged, and bounded."""

from __future__ import annotations

import hashlib
import os
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from arcops.errors import Refused, Unavailable
from foundation.sandbox.files import Sandbox
from foundation.sandbox.index import FileIndex

pytestmark = pytest.mark.requirement("BASE-10/storage-sandbox")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


@pytest.fixture
def mine(tmp_path: Path) -> Sandbox:
    (tmp_path / "out" / "sub").mkdir(parents=True)
    index = FileIndex(path=tmp_path / "files" / "index.sqlite")
    return Sandbox(folder=tmp_path / "out", index=index, owner="https://i||ada", most=1000)


def write(mine: Sandbox, name: str, data: bytes = b"content") -> Path:
    path = mine.folder / name
    path.write_bytes(data)
    mine.record(path, "export_store", NOW)
    return path


def test_a_file_is_its_owners_alone(mine: Sandbox) -> None:
    write(mine, "sub/a.tar")
    other = replace(mine, owner="https://i||bob")
    ((one, state),) = mine.files()
    assert (one.path, one.size, state, one.tool) == ("sub/a.tar", 7, "there", "export_store")
    assert one.sha256 == hashlib.sha256(b"content").hexdigest()
    assert not other.files()
    for act in (lambda: other.part("sub/a.tar", 0, 1), lambda: other.remove("sub/a.tar")):
        with pytest.raises(Refused, match="was written for you"):
            act()
    assert mine.index.totals(mine.owner) == (1, 7)
    assert mine.index.totals(other.owner) == (0, 0)
    assert [one.path for one, _ in mine.files("sub/")] == ["sub/a.tar"]
    assert not mine.files("sub_")


def test_parts_are_read_and_no_more(mine: Sandbox) -> None:
    write(mine, "a", bytes(range(100)))
    data, one = mine.part("a", 90, 50)
    assert (data, one.size) == (bytes(range(90, 100)), 100)


@pytest.mark.parametrize("what", ["bytes", "link", "folder", "another", "gone"])
def test_what_is_another_file_by_now_is_neither_read_nor_removed(mine: Sandbox, tmp_path: Path, what: str) -> None:
    path = write(mine, "a")
    (tmp_path / "secret").write_text("SECRET!")
    if what == "bytes":
        path.write_bytes(b"CONTENT")
        os.utime(path, ns=(0, 1))
    else:
        path.unlink()
        if what == "link":
            path.symlink_to(tmp_path / "secret")
        elif what == "folder":
            path.mkdir()
        elif what == "another":
            path.write_bytes(b"another")
    with pytest.raises(Refused):
        mine.part("a", 0, 10)
    ((_, state),) = mine.files()
    assert state == ("gone" if what == "gone" else "changed")
    if what == "gone":
        mine.remove("a")
        assert not mine.files()
        return
    with pytest.raises(Refused):
        mine.remove("a")
    assert os.path.lexists(path)
    assert (tmp_path / "secret").exists()


def test_a_folder_that_became_a_link_leads_nowhere(mine: Sandbox, tmp_path: Path) -> None:
    path = write(mine, "sub/a")
    elsewhere = tmp_path / "elsewhere"
    path.parent.rename(elsewhere)
    path.parent.symlink_to(elsewhere)
    for act in (lambda: mine.part("sub/a", 0, 1), lambda: mine.remove("sub/a")):
        with pytest.raises(Refused):
            act()
    assert (elsewhere / "a").exists()


def test_what_is_removed_is_gone_from_both(mine: Sandbox) -> None:
    path = write(mine, "a")
    assert mine.remove("a").path == "a"
    assert not path.exists()
    assert not mine.files()


def test_who_writes_last_owns_it(mine: Sandbox) -> None:
    write(mine, "a")
    other = replace(mine, owner="https://i||bob")
    write(other, "a", b"theirs")
    assert not mine.files()
    assert other.part("a", 0, 10)[0] == b"theirs"


@pytest.mark.parametrize("place", ["elsewhere", "folder", "link", "pipe"])
def test_what_is_no_file_below_the_folder_is_not_recorded(mine: Sandbox, tmp_path: Path, place: str) -> None:
    path = mine.folder / "x"
    if place == "elsewhere":
        path = tmp_path / "x"
        path.write_text("x")
    elif place == "folder":
        path.mkdir()
    elif place == "link":
        path.symlink_to(tmp_path)
    else:
        os.mkfifo(path)
    mine.record(path, "t", NOW)
    assert not mine.files()


def test_there_is_an_end(mine: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    write(mine, "a", bytes(999))
    mine.refuse_full()
    write(mine, "b", b"x")
    with pytest.raises(Refused, match="the limit is"):
        mine.refuse_full()
    mine.remove("a")
    monkeypatch.setattr("foundation.sandbox.files.MOST_FILES", 1)
    with pytest.raises(Refused, match="1 files"):
        mine.refuse_full()
    replace(mine, owner="bob").refuse_full()


def test_an_index_that_is_damaged_is_said_and_one_that_is_not_there_is_empty(mine: Sandbox) -> None:
    assert not mine.files()
    assert not mine.index.path.exists(), "looking makes nothing"
    write(mine, "a")
    with sqlite3.connect(mine.index.path) as database:
        database.execute("PRAGMA journal_mode = DELETE")
    mine.index.path.write_bytes(b"garbage" * 1000)
    with pytest.raises(Unavailable):
        mine.files()
