"""What lies in a store and is not the store's shows, and what killed writers left is swept; no artifact is ever touched."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from artifacts import unfinished
from artifacts.bundle import seal
from artifacts.objects import digest_of, object_path
from artifacts.private_key import create
from artifacts.store import Store
from artifacts.unexpected import MOST_SHOWN, Unexpected, shown
from artifacts.writing import PARTIAL, new_partial, replace_whole, sweep, write_new
from tests.artifacts.reports import AT, full_report

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss")
KEY = create()
SEALED = seal(full_report(), KEY)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    with Store(tmp_path / "store", memory=tmp_path / "remembered") as store:
        store.put(SEALED, {}, at=AT, signer=KEY)
        assert store.unexpected() == ()
    return tmp_path / "store"


def opened(folder: Path) -> Store:
    return Store(folder, memory=folder.parent / "remembered")


def paths(folder: Path) -> list[str]:
    with opened(folder) as store:
        looked = store.look_through([KEY.public])
        assert looked.problems == ()
        assert looked.unexpected == store.unexpected()
        return [one.path for one in looked.unexpected]


@pytest.mark.parametrize(
    ("path", "make"),
    [
        ("notes.txt", lambda path: path.write_text("mine")),
        ("tools/", lambda path: path.mkdir()),
        ("here", lambda path: path.symlink_to("log")),
        ("pipe", os.mkfifo),
        ("log.bak", lambda path: path.write_bytes(b"")),
        (".partial-notes", lambda path: path.write_bytes(b"")),
        (".hidden", lambda path: path.write_bytes(b"")),
        ("index.sqlite.old", lambda path: path.write_bytes(b"")),
        ("objects/readme", lambda path: path.write_bytes(b"")),
        ("objects/zz/", lambda path: path.mkdir()),
        ("objects/AB/", lambda path: path.mkdir()),
        ("objects/abc/", lambda path: path.mkdir()),
        ("objects/00/short", lambda path: path.write_bytes(b"")),
        (f"objects/00/{'0' * 62}", lambda path: path.write_bytes(b"")),
        (f"objects/00/{'0' * 62}.tmp", lambda path: path.write_bytes(b"")),
        (f"objects/00/{'0' * 62}/", lambda path: path.mkdir()),
        (f"objects/00/{'A' * 62}", lambda path: path.write_bytes(b"")),
        ("bad\\xff", lambda path: Path(os.fsdecode(bytes(path.parent) + b"/bad\xff")).write_bytes(b"")),
    ],
)
def test_what_is_not_the_stores_shows_by_its_path(folder: Path, path: str, make: Callable[[Path], object]) -> None:
    (folder / path.rstrip("/")).parent.mkdir(exist_ok=True)
    make(folder / path.rstrip("/"))
    assert paths(folder) == [path]


def test_a_link_in_place_of_a_folder_of_objects_shows(folder: Path) -> None:
    used = {path.name for path in (folder / "objects").iterdir()}
    free = next(name for name in (f"{number:02x}" for number in range(256)) if name not in used)
    (folder / "objects" / free).symlink_to("/tmp")
    assert paths(folder) == [f"objects/{free}"]


def test_an_object_that_no_entry_names_shows(folder: Path) -> None:
    data = b"put here by hand"
    path = object_path(folder, digest_of(data))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    assert paths(folder) == [str(path.relative_to(folder))]
    assert path.exists(), "what no writer began to put is not removed"


def test_the_root_of_a_file_system_and_a_writer_at_work_are_expected(folder: Path) -> None:
    (folder / "lost+found").mkdir()
    partial = folder / "objects" / "00" / new_partial()
    partial.parent.mkdir(exist_ok=True)
    partial.write_bytes(b"")
    with partial.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        assert paths(folder) == []
        assert partial.exists()


def test_a_writer_that_died_before_its_entry_leaves_nothing(folder: Path) -> None:
    data = b"begun"
    path = object_path(folder, digest_of(data))
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    kept = object_path(folder, digest_of(SEALED))
    unfinished.begin(folder, [digest_of(data), digest_of(SEALED)])
    with opened(folder) as store:
        assert store.unexpected() == (), "it may still be at work"
    assert paths(folder) == []
    assert not path.exists()
    assert kept.read_bytes() == SEALED
    assert unfinished.named(folder) == frozenset()


@pytest.mark.parametrize("place", ["", "objects", "objects/ab", "../remembered"])
def test_litter_is_swept_by_the_next_writer_and_by_a_check(folder: Path, place: str) -> None:
    litter = folder / place / new_partial()
    for use in (lambda store: store.look_through([KEY.public]), lambda store: store.put(SEALED, {}, at=AT)):
        litter.parent.mkdir(exist_ok=True)
        litter.write_bytes(b"half")
        with opened(folder) as store:
            use(store)
        assert not litter.exists()


def test_only_files_with_the_whole_name_are_swept(tmp_path: Path) -> None:
    names = [f"{PARTIAL}notes", f"{new_partial()}x", f"x{new_partial()}"]
    for name in names:
        (tmp_path / name).write_text("mine")
    (tmp_path / new_partial()).mkdir()
    (tmp_path / new_partial()).symlink_to(names[0])
    before = sorted(tmp_path.iterdir())
    sweep(tmp_path)
    sweep(tmp_path / "none")
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize("write", [write_new, replace_whole])
def test_a_file_in_use_by_a_living_writer_is_never_swept(
    tmp_path: Path, write: Callable[[Path, bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """If a process sweeps at any moment of the writing, the file arrives whole."""
    real_open, real_fsync = os.open, os.fsync
    made: list[str] = []

    def opens(name: str, flags: int, *arguments: int, **options: int) -> int:
        descriptor = real_open(name, flags, *arguments, **options)
        if str(name).startswith(PARTIAL) and flags & os.O_CREAT:
            made.append(str(name))
            if len(made) == 1:
                sweep(tmp_path)  # before it is locked: the writer begins another one
        return descriptor

    def synced(descriptor: int) -> None:
        sweep(tmp_path)
        real_fsync(descriptor)

    monkeypatch.setattr(os, "open", opens)
    monkeypatch.setattr(os, "fsync", synced)
    write(tmp_path / "file", b"whole")
    monkeypatch.undo()
    assert len(made) == 2
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert (tmp_path / "file").read_bytes() == b"whole"


def test_not_more_are_shown_than_a_person_reads() -> None:
    many = tuple(Unexpected(path=f"{number:03}", said="x") for number in range(MOST_SHOWN + 5))
    assert len(shown(many)) == MOST_SHOWN + 1
    assert shown(many)[-1].said.startswith("5 more are not shown")
    assert shown(many[:3]) == many[:3]
