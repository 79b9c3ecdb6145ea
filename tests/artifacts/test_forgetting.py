"""The store does not forget: whatever was done to its folder, what is remembered outside of it or signed says so."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from arcops.errors import Broken, Refused, Unavailable
from arcops.policy import SKEW
from arcops.subject import Digest
from arcops.verdict import Verdict
from artifacts import store as room
from artifacts.bundle import seal, seal_statement
from artifacts.canonical import canonical
from artifacts.entries import About, Entry, read_line
from artifacts.index import Filter
from artifacts.log.lines import read_whole
from artifacts.log.memory import Memory, Remembered
from artifacts.log.merkle import Frontier, Proofs, inclusion_proof, leaf_hash, trees
from artifacts.objects import digest_of
from artifacts.private_key import create
from artifacts.statement import statement
from artifacts.store import Store
from artifacts.typed import dump
from tests.artifacts.reports import AT, full_report
from tests.artifacts.test_store import BODY, KEY, report

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss")
KEYS = [KEY.public]
EARLIEST, LATEST = datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
DIGEST = "sha256:" + "c3" * 32
"""The subject of each of these reports."""


def opened(home: Path) -> Store:
    return Store(home / "store", origin="example.org/log", memory=home / "remembered")


def put(home: Path, names: str) -> None:
    with opened(home) as store:
        for name in names:
            store.put(seal(report(name), KEY), {digest_of(BODY): BODY}, at=AT, signer=KEY)


def drop_index(home: Path) -> None:
    for file in (home / "store").glob("index.sqlite*"):
        file.unlink()


def cut(home: Path) -> None:
    lines = (home / "store" / "log").read_bytes().splitlines(keepends=True)
    (home / "store" / "log").write_bytes(b"".join(lines[:-1]))


def cut_without_a_trace(home: Path) -> None:
    cut(home)
    (home / "store" / "checkpoint").unlink()
    drop_index(home)


def rolled_back(home: Path) -> None:
    """The whole store as it was after two entries, with its checkpoint of that time, soundly signed."""
    shutil.rmtree(home / "store")
    shutil.copytree(home / "earlier", home / "store")


def another_of_the_same_size(home: Path) -> None:
    shutil.rmtree(home / "store")
    with Store(home / "store", origin="example.org/log") as other:
        for name in "xyz":
            other.put(seal(report(name), KEY), {digest_of(BODY): BODY}, at=AT, signer=KEY)


def a_longer_one(home: Path) -> None:
    shutil.rmtree(home / "store")
    with Store(home / "store", origin="example.org/log") as other:
        for name in "vwxyz":
            other.put(seal(report(name), KEY), {digest_of(BODY): BODY}, at=AT, signer=KEY)


def begun_again(home: Path) -> None:
    shutil.rmtree(home / "store")


def turned_to_another(home: Path) -> None:
    """The folder is a link now, to a store that is sound in itself and that nothing remembers by its real name."""
    (home / "store").rename(home / "hidden")
    shutil.copytree(home / "earlier", home / "elsewhere")
    (home / "store").symlink_to(home / "elsewhere")


def renamed(home: Path) -> None:
    shutil.rmtree(home / "store")
    with Store(home / "store", origin="example.org/another") as other:
        for name in "abc":
            other.put(seal(report(name), KEY), {digest_of(BODY): BODY}, at=AT, signer=KEY)


def only_the_log_rolled_back(home: Path) -> None:
    for name in ("log", "checkpoint"):
        shutil.copy(home / "earlier" / name, home / "store" / name)
    drop_index(home)


ATTACKS = [
    cut,
    cut_without_a_trace,
    rolled_back,
    only_the_log_rolled_back,
    another_of_the_same_size,
    a_longer_one,
    begun_again,
    turned_to_another,
    renamed,
]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of three entries, and what it was after two of them."""
    folder = tmp_path_factory.mktemp("made")
    put(folder, "ab")
    with closing(sqlite3.connect(folder / "store" / "index.sqlite")) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copytree(folder / "store", folder / "earlier")
    put(folder, "c")
    with opened(folder) as store:
        assert store.check(KEYS) == store.sound(KEYS) == ()
        assert len(store.about(DIGEST)) == 3
    return folder


@pytest.fixture
def home(made: Path, tmp_path: Path) -> Path:
    """A copy of it, remembered under its own name: writing it again for each test is slow."""
    shutil.copytree(made, tmp_path, dirs_exist_ok=True)
    (old,) = Memory(made / "remembered", made / "store").paths
    (new,) = Memory(tmp_path / "remembered", tmp_path / "store").paths
    said = json.loads(old.read_bytes())
    new.write_bytes(canonical({**said, "store": str(tmp_path / "store")}))
    new.chmod(0o600)
    (tmp_path / "remembered" / old.name).unlink()
    return tmp_path


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_store_that_was_put_back_is_refused_everywhere(home: Path, attack: Callable[[Path], None]) -> None:
    attack(home)

    with opened(home) as store:
        assert store.check(KEYS)
        assert store.sound(KEYS)
        for use in (
            lambda: store.about(DIGEST),
            lambda: store.put(seal(report("d"), KEY), {}, at=AT),
            lambda: store.put(seal(report("d"), KEY), {}, at=AT, signer=KEY),
            lambda: store.checkpoint(KEY),
            lambda: store.newest(10),
            store.entries,
        ):
            with pytest.raises(Refused, match=r"was removed|were removed|are not those|names its log"):
                use()  # type: ignore[no-untyped-call]
        (problem, *_) = [one for one in store.check(KEYS) if "remembers this" in one]
        assert str(home / "remembered") in problem
        assert "made it new" in problem


@pytest.mark.parametrize("attack", [cut, cut_without_a_trace, rolled_back, begun_again, turned_to_another])
def test_a_listing_of_a_shorter_store_is_refused(home: Path, attack: Callable[[Path], None]) -> None:
    attack(home)

    with opened(home) as store:
        for use in (store.list, store.totals, store.choices, lambda: store.count(Filter()), lambda: store.size):
            with pytest.raises(Refused, match="were removed"):
                use()


def test_the_memory_that_its_owner_deletes_lets_the_store_begin_again(home: Path) -> None:
    begun_again(home)
    for path in Memory(home / "remembered", home / "store").paths:
        path.unlink()
    put(home, "n")

    with opened(home) as store:
        assert store.check(KEYS) == store.sound(KEYS) == ()
        assert [one.entry.artifact for one in store.about(DIGEST)] == [store.entries()[0].artifact]


def test_without_a_memory_the_check_passes_and_says_so(home: Path) -> None:
    shutil.rmtree(home / "remembered")

    with opened(home) as store:
        looked = store.look_through(KEYS)
        assert (looked.problems, looked.remembered, looked.signed) == ((), None, 3)
        assert store.sound(KEYS) == ()
        assert store.look_through(KEYS).remembered == 3, "what is signed is remembered once it was looked at"


def test_a_log_without_its_checkpoint_is_a_problem_even_where_nothing_remembers(home: Path) -> None:
    (home / "store" / "checkpoint").unlink()
    for memory in (home / "remembered", None, home / "never"):
        with Store(home / "store", memory=memory) as store:
            assert any("no checkpoint" in one for one in store.check(KEYS)), memory
            assert any("no checkpoint" in one for one in store.sound(KEYS)), memory
    with opened(home) as store, pytest.raises(Refused, match="restore it from a copy"):
        store.checkpoint(KEY)
    with Store(home / "store", memory=home / "never") as store, pytest.raises(Refused, match="no checkpoint and no memory"):
        store.put(seal(report("d"), KEY), {}, at=AT, signer=KEY)


@pytest.mark.parametrize("keys", [[], [create().public]])
def test_a_checkpoint_that_no_given_key_signed_is_a_problem(home: Path, keys: list[object]) -> None:
    with opened(home) as store:
        assert any("cannot be used" in one for one in store.check(keys))  # type: ignore[arg-type]
        assert any("cannot be used" in one for one in store.sound(keys))  # type: ignore[arg-type]
        assert store.check(keys, store.last_checkpoint())  # type: ignore[arg-type]


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_link_to_nothing(path: Path) -> None:
    path.unlink()
    path.symlink_to("nowhere")


@pytest.mark.parametrize("name", ["log", "checkpoint"])
@pytest.mark.parametrize("instead", [a_pipe, a_folder, a_link_to_nothing])
def test_what_is_no_file_is_no_log_and_holds_no_one_up(home: Path, name: str, instead: Callable[[Path], None]) -> None:
    instead(home / "store" / name)
    with opened(home) as store:
        for use in (store.check, store.sound):
            with suppress(Unavailable):
                assert use(KEYS)
        with pytest.raises((Refused, Unavailable)):
            store.put(seal(report("d"), KEY), {}, at=AT, signer=KEY)


def test_what_was_signed_here_is_known_without_the_key_and_only_here(home: Path) -> None:
    with opened(home) as store:
        assert store.sound([], own=True) == ()
        with Store(home / "store", memory=home / "never") as elsewhere:
            assert elsewhere.sound([], own=True)
        (home / "store" / "log").write_bytes((home / "store" / "log").read_bytes().replace(b"12:00:00Z", b"12:00:01Z", 1))
        assert store.sound([], own=True)
    rolled_back(home)
    with opened(home) as store:
        assert store.sound([], own=True)


@pytest.mark.parametrize("note", [b"", b"nonsense\n", b"example.org/log\n9\nAAAA\n\nx\n"])
def test_nothing_is_signed_over_a_checkpoint_that_was_changed(home: Path, note: bytes) -> None:
    (home / "store" / "checkpoint").write_bytes(note)
    with opened(home) as store:
        assert store.check(KEYS)
        with pytest.raises(Refused, match="is not signed"):
            store.put(seal(report("d"), KEY), {}, at=AT, signer=KEY)
        assert len(store.entries()) == 3


@pytest.mark.parametrize("attack", [cut, another_of_the_same_size])
def test_nothing_is_signed_over_a_log_that_another_machine_finds_cut(home: Path, attack: Callable[[Path], None]) -> None:
    """This machine remembers nothing, so that the checkpoint alone shows it."""
    note = (home / "store" / "checkpoint").read_bytes()
    attack(home)
    (home / "store" / "checkpoint").write_bytes(note)
    drop_index(home)
    with Store(home / "store", memory=home / "never") as store:
        assert store.check(KEYS)
        with pytest.raises(Refused, match="is not signed"):
            store.checkpoint(KEY)
        with pytest.raises(Refused, match="is not signed"):
            store.put(seal(report("d"), KEY), {}, at=AT, signer=KEY)


def test_an_entry_that_only_a_writer_of_the_store_added_is_not_sound(home: Path) -> None:
    other = Entry(artifact=digest_of(b"x"), evidence=(), at=AT)
    with opened(home) as store:
        for count in (1, 2):
            with (home / "store" / "log").open("ab") as log:
                log.write(other.line + b"\n")
            (problem,) = store.sound(KEYS)
            assert f"The last {count} of the log's" in problem


def edited(line: bytes) -> bytes:
    return line.replace(b"c3" * 32, b"c4" * 32, 1)


def test_a_line_that_was_edited_to_be_about_something_else_is_refused(home: Path) -> None:
    log = home / "store" / "log"
    lines = log.read_bytes().splitlines(keepends=True)
    log.write_bytes(lines[0] + lines[1] + edited(lines[2]))
    with opened(home) as store:
        assert store.sound(KEYS)
        with pytest.raises(Refused, match="are not those"):
            store.about(DIGEST)


def test_the_memory_is_private_small_and_named_by_the_store(home: Path) -> None:
    (path,) = Memory(home / "remembered", home / "store").paths
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.parent.stat().st_mode & 0o777 == 0o700
    assert path.stat().st_size < 1000
    said = json.loads(path.read_bytes())
    assert (said["store"], said["size"], said["signed"]) == (str(home / "store"), 3, 3)


@pytest.mark.parametrize("words", [b"", b"{}", b"null", b'{"size":0}', b"\xff"])
def test_a_memory_that_cannot_be_understood_is_refused_and_not_begun_again(home: Path, words: bytes) -> None:
    (path,) = Memory(home / "remembered", home / "store").paths
    path.write_bytes(words)
    with opened(home) as store:
        assert store.check(KEYS)
        assert store.sound(KEYS)
        with pytest.raises(Refused, match="cannot be understood"):
            store.put(seal(report("d"), KEY), {}, at=AT)
        with pytest.raises(Refused, match="cannot be understood"):
            store.about(DIGEST)
    assert path.read_bytes() == words


def test_a_memory_never_shrinks(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "remembered", tmp_path / "store")

    def remember(size: int, signed: int, newest: datetime) -> Remembered:
        memory.remember(
            Remembered(store="s", origin="o", size=size, bytes=size * 10, root=f"{size:064}", newest=newest, signed=signed)
        )
        (recalled,) = memory.recall()
        return recalled.what

    assert remember(5, 4, AT).size == 5
    smaller = remember(3, 0, AT - timedelta(days=1))
    assert (smaller.size, smaller.root, smaller.signed, smaller.newest) == (5, f"{5:064}", 4, AT)
    assert remember(6, 0, AT).signed == 4


def test_a_memory_that_everybody_can_write_is_refused(home: Path) -> None:
    (home / "remembered").chmod(0o777)
    with opened(home) as store:
        assert store.sound(KEYS)
        with pytest.raises(Refused, match="every user of this machine can write"):
            store.put(seal(report("d"), KEY), {}, at=AT)


def test_a_memory_that_cannot_be_written_stays_behind_and_nothing_else_happens(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(self: Memory, what: Remembered) -> None:
        raise Unavailable("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(Memory, "remember", full)
        put(home, "d")
    with opened(home) as store:
        looked = store.look_through(KEYS)
        assert (looked.problems, looked.entries, looked.remembered) == ((), 4, 3)
    put(home, "e")
    with opened(home) as store:
        assert store.look_through(KEYS).remembered == 5


def _write(home: Path, name: str, start: object) -> None:
    start.wait()  # type: ignore[attr-defined]
    with opened(home) as store:
        for number in range(8):
            store.put(seal(report(f"{name}{number}"), KEY), {}, at=AT, signer=KEY)


def test_two_processes_that_write_keep_the_memory_right(tmp_path: Path) -> None:
    put(tmp_path, "a")
    here = multiprocessing.get_context("fork")
    start = here.Event()
    writers = [here.Process(target=_write, args=(tmp_path, name, start)) for name in "xy"]
    for writer in writers:
        writer.start()
    start.set()
    with opened(tmp_path) as store:
        while any(writer.is_alive() for writer in writers):
            assert store.sound(KEYS) == (), "a reader beside writers sees no ghosts"
    for writer in writers:
        writer.join()
        assert writer.exitcode == 0
    with opened(tmp_path) as store:
        looked = store.look_through(KEYS)
        assert (looked.problems, looked.entries, looked.remembered, looked.signed) == ((), 17, 17, 17)
        assert store.sound(KEYS) == ()


class TestIndex:
    """A changed index never decides, is made again before it is shown, and is named by the check."""

    CHANGES = (
        "DELETE FROM entry WHERE position = 1",
        "DELETE FROM entry WHERE position = 2",
        "DELETE FROM named WHERE position = 1",
        "DELETE FROM gate WHERE position = 1",
        "UPDATE entry SET verdict = 'GREEN' WHERE position = 1",
        "UPDATE entry SET subject = 'other' WHERE position = 2",
        "UPDATE gate SET verdict = 'GREEN' WHERE position = 0",
        "UPDATE named SET digest = 'sha256:0' WHERE position = 0",
        "INSERT INTO gate VALUES (9, 'weights', 'GREEN')",
        "INSERT INTO named VALUES ('sha256:0', 1)",
        "INSERT INTO entry SELECT 7, artifact, at, predicate, subject, verdict, policy, judged, until, site, kind FROM entry "
        "LIMIT 1",
        "UPDATE done SET chain = x''",
    )

    def change(self, home: Path, command: str) -> None:
        with closing(sqlite3.connect(home / "store" / "index.sqlite")) as database, database:
            assert database.execute(command).rowcount > 0

    @pytest.mark.parametrize("command", CHANGES[:-1])
    def test_the_check_names_it(self, home: Path, command: str) -> None:
        self.change(home, command)
        with opened(home) as store:
            (problem, *_) = store.check(KEYS)
            assert "index" in problem
            assert "a row was" in problem
            assert "delete index.sqlite" in problem
            assert store.sound(KEYS) == (), "nothing that counts was changed"

    @pytest.mark.parametrize("command", CHANGES)
    def test_a_listing_is_as_the_log(self, home: Path, command: str) -> None:
        self.change(home, command)
        with opened(home) as store:
            assert [one.subject for one in store.list()] == ["c", "b", "a"]
        with opened(home) as store:
            assert store.count(Filter(verdict=Verdict.RED)) == 3
            assert sum(store.totals().values()) == 3
            assert [one.subject for one in store.list(Filter(digest=DIGEST))] == ["c", "b", "a"]
            assert store.check(KEYS) == ()

    @pytest.mark.parametrize("command", CHANGES)
    def test_what_decides_reads_the_log(self, home: Path, command: str) -> None:
        self.change(home, command)
        with opened(home) as store:
            assert [one.position for one in store.about(DIGEST)] == [0, 1, 2]
            assert [(one.subject, one.verdict) for one in store.newest(2)] == [("c", Verdict.RED), ("b", Verdict.RED)]
            again = store.put(seal(report("d"), KEY), {}, at=AT)
            assert store.put(store.get(again.artifact), {}, at=AT) == again
            assert len(store.entries()) == 4

    def test_an_index_that_was_forged_with_its_digest_shows_in_the_check(self, home: Path) -> None:
        """Anyone who can write the file can make it consistent; the check reads the artifacts."""
        self.change(home, "UPDATE entry SET verdict = 'GREEN' WHERE position = 1")
        with opened(home) as store:
            chain = b""
            for row in store._index.rows():
                chain = room_linked(chain, row)
            store._index._database.execute("UPDATE done SET chain = ?", (chain,))
            assert store._index.whole()
            assert any("a row was edited" in one for one in store.check(KEYS))


def room_linked(chain: bytes, row: object) -> bytes:
    from artifacts.rows import linked

    return linked(chain, row)  # type: ignore[arg-type]


class TestAbout:
    def old_line(self, line: bytes) -> bytes:
        return replace(read_line(line), subjects=()).line

    def old_store(self, home: Path) -> None:
        """As a store from before entries named subjects, with its checkpoint signed over such lines."""
        lines = [self.old_line(line) for line in (home / "store" / "log").read_bytes().splitlines()]
        (home / "store" / "log").write_bytes(b"".join(line + b"\n" for line in lines))
        (home / "store" / "checkpoint").unlink()
        shutil.rmtree(home / "remembered")
        drop_index(home)
        with Store(home / "store") as store:
            store.checkpoint(KEY)

    def test_an_entry_names_its_subjects_and_their_kind(self, home: Path) -> None:
        line = (home / "store" / "log").read_bytes().splitlines()[0]
        assert read_line(line).subjects == (
            About(digest=DIGEST, kind="model"),
            About(digest="sha512:" + "d4" * 64, kind="model"),
        )
        assert self.old_line(line) == canonical({"artifact": read_line(line).artifact, "at": "2026-11-21T12:00:00Z",
                                                 "evidence": [digest_of(BODY)]})  # fmt: skip

    def test_an_old_store_opens_checks_and_answers(self, home: Path) -> None:
        self.old_store(home)
        with opened(home) as store:
            assert store.check(KEYS) == store.sound(KEYS) == ()
            assert [one.position for one in store.about(DIGEST)] == [0, 1, 2]
            assert store.about("sha256:" + "99" * 32) == ()
        put(home, "d")
        with opened(home) as store:
            assert [one.position for one in store.about(DIGEST)] == [0, 1, 2, 3]
            assert [bool(entry.subjects) for entry in store.entries()] == [False, False, False, True]
            assert store.check(KEYS) == ()

    def test_an_old_entry_that_cannot_be_opened_may_be_about_anything(self, home: Path) -> None:
        self.old_store(home)
        with opened(home) as store:
            gone = store.entries()[1].artifact
            store.path(gone).unlink()
            assert [one.entry.artifact for one in store.about("sha256:" + "99" * 32)] == [gone]

    def test_an_artifact_whose_bytes_are_gone_is_still_named(self, home: Path) -> None:
        with opened(home) as store:
            store.path(store.entries()[2].artifact).unlink()
            assert [one.position for one in store.about(DIGEST)] == [0, 1, 2]

    def test_logging_an_old_artifact_again_makes_it_no_newer(self, home: Path) -> None:
        sealed = seal(report("q"), KEY)
        with opened(home) as store:
            old = store.get(store.entries()[0].artifact)
            assert store.put(old, {}, at=AT) == store.entries()[0]
            first = store.put(sealed, {}, at=AT, signer=KEY)
            store.put(seal(report("z"), KEY), {}, at=AT, signer=KEY)
            again = store.put(sealed, {digest_of(BODY): BODY}, at=AT, signer=KEY)
            assert again != first
            assert [one.position for one in store.about(DIGEST)] == [0, 1, 2, 3, 4]

    def test_other_predicates_other_digests_and_parts_of_digests(self, home: Path) -> None:
        other = replace(full_report().subject, digests=(Digest(algorithm="sha256", value="ab" * 32),))
        with opened(home) as store:
            entry = store.put(seal_statement(statement("https://example.org/p/v1", [other], {}), KEY), {}, at=AT)
            assert entry.subjects == (About(digest="sha256:" + "ab" * 32, kind=""),)
            assert [one.entry for one in store.about("sha256:" + "ab" * 32)] == [entry]
            assert store.about("sha256:" + "ab" * 31) == ()
            assert store.about(entry.artifact) == (), "its own digest is not what it is about"
            assert store.about(digest_of(BODY)) == (), "evidence is not what it is about"

    def test_a_subject_that_an_entry_invents_shows_in_the_check(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        with monkeypatch.context() as patch:
            patch.setattr(room, "subjects_of", lambda words: (About(digest="sha256:" + "11" * 32, kind="model"),))
            put(tmp_path, "a")
        with opened(tmp_path) as store:
            (problem,) = store.check(KEYS)
            assert "names other subjects" in problem

    def test_five_thousand_entries_are_searched_in_no_time(self, tmp_path: Path) -> None:
        put(tmp_path, "a")
        line = (tmp_path / "store" / "log").read_bytes()
        entry = read_line(line.rstrip())
        others = [
            replace(entry, artifact=f"sha256:{number:064x}", subjects=(About(digest=f"sha256:{number:064x}", kind="model"),))
            for number in range(5000)
        ]
        (tmp_path / "store" / "log").write_bytes(line + b"".join(one.line + b"\n" for one in others))
        with opened(tmp_path) as store:
            spent = []
            for _ in range(5):
                store.log._seen = None  # as if it were opened again
                began = time.process_time()
                assert [one.position for one in store.about(DIGEST)] == [0]
                spent.append(time.process_time() - began)
            assert min(spent) < 0.1


class TestClock:
    def test_a_clock_that_was_set_back_is_refused_and_nothing_is_kept(self, home: Path) -> None:
        with opened(home) as store:
            assert store.newest_time() == AT
            late = AT - SKEW - timedelta(seconds=1)
            with pytest.raises(Unavailable, match=r"says 2026-11-21 11:57:59 UTC.* 2026-11-21 12:00:00 UTC.*set the clock"):
                store.put(seal(report("d"), KEY), {}, at=late)
            with pytest.raises(Unavailable, match="set the clock"):
                store.refuse_clock(late)
            assert len(store.entries()) == 3

    def test_within_the_skew_it_is_kept_and_the_logs_time_does_not_go_back(self, home: Path) -> None:
        with opened(home) as store:
            for number in range(3):
                entry = store.put(seal(report(f"d{number}"), KEY), {}, at=AT - SKEW)
                assert entry.at == AT, "or many small steps would lead back to any time"
            later = store.put(seal(report("e"), KEY), {}, at=AT + timedelta(seconds=5))
            assert later.at == AT + timedelta(seconds=5) == store.newest_time()

    def test_the_memory_knows_the_time_when_the_log_was_cut(self, home: Path) -> None:
        with opened(home) as store:
            store.put(seal(report("d"), KEY), {}, at=AT + timedelta(days=3), signer=KEY)
        cut(home)
        with opened(home) as store:
            assert store.newest_time() == AT + timedelta(days=3)

    def test_the_log_knows_the_time_when_nothing_is_remembered(self, home: Path) -> None:
        with Store(home / "store") as store:
            assert store.newest_time() == AT
        with Store(home / "empty") as store:
            assert store.newest_time() is None
            store.refuse_clock(AT - timedelta(days=9999))

    @pytest.mark.parametrize("at", [EARLIEST, LATEST])
    def test_no_moment_is_too_early_or_too_late_to_be_compared(self, home: Path, at: datetime) -> None:
        with Store(home / "other") as store:
            store.put(seal(report("d"), KEY), {}, at=at)
            for now in (EARLIEST, LATEST):
                if now >= at:
                    store.refuse_clock(now)
                else:
                    with pytest.raises(Unavailable, match="set the clock"):
                        store.refuse_clock(now)

    def test_the_same_again_needs_no_clock(self, home: Path) -> None:
        with opened(home) as store:
            first = store.entries()[0]
            assert store.put(store.get(first.artifact), {}, at=AT - timedelta(days=1)) == first


def test_many_trees_are_the_same_as_one_leaf_after_another() -> None:
    lines = [bytes([number]) * number for number in range(70)]
    tree, grown = Frontier(), {0: Frontier()}
    for line in lines:
        tree = tree.append(leaf_hash(line))
        grown[tree.size] = tree
    assert trees(lines, set(range(71))) == grown
    assert trees(lines, {3, 99}) == {3: grown[3], 70: grown[70]}
    assert trees([], {0, 1}) == {0: Frontier()}


def test_many_proofs_are_the_same_as_one_after_another() -> None:
    leaves = [leaf_hash(bytes([number])) for number in range(40)]
    for size in range(1, 41):
        proofs = Proofs(leaves[:size])
        assert [proofs.inclusion(at) for at in range(size)] == [inclusion_proof(leaves[:size], at) for at in range(size)]
    with pytest.raises(Broken, match="no leaf 40"):
        proofs.inclusion(40)


def test_the_whole_log_is_its_finished_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    assert read_whole(path) == ()
    for data, lines in ((b"", ()), (b"a", ()), (b"a\n", (b"a",)), (b"a\n\nb\nc", (b"a", b"", b"b"))):
        path.write_bytes(data)
        assert read_whole(path) == lines
    path.write_bytes(b"x" * 1024 * 1024 + b"\n")
    with pytest.raises(Refused, match="a line of more than"):
        read_whole(path)


def test_an_empty_subject_list_is_not_written_and_not_read() -> None:
    entry = Entry(artifact="a", evidence=(), at=AT)
    assert b"subjects" not in entry.line
    with pytest.raises(Refused, match="leave an empty one out"):
        read_line(canonical({**dump(entry), "subjects": []}))  # type: ignore[dict-item]
