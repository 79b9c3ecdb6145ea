"""The store keeps what it was given, whole or not at all, and notices whatever is done to it afterwards."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused, Unavailable
from arcops.result import Report
from arcops.verdict import Verdict
from artifacts.bundle import seal, seal_statement
from artifacts.index import Filter
from artifacts.log import lines
from artifacts.log.checkpoint import claimed
from artifacts.objects import digest_of
from artifacts.private_key import create
from artifacts.statement import statement
from artifacts.store import Store
from tests.artifacts.reports import AT, full_report

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss")
KEY = create()
BODY = b'{"seen":"something"}'


def report(name: str) -> Report:
    """A report on *name* whose first evidence is BODY."""
    base = full_report()
    records = (replace(base.evidence[0], digest=digest_of(BODY)), base.evidence[1])
    finding = replace(base.results[0].findings[0], cites=(digest_of(BODY),))
    results = (replace(base.results[0], findings=(finding,)), base.results[1])
    return replace(base, subject=replace(base.subject, name=name), evidence=records, results=results)


def filled(folder: Path, names: str = "abcde") -> Store:
    store = Store(folder, origin="example.org/log")
    for name in names:
        store.put(seal(report(name), KEY), {digest_of(BODY): BODY}, at=AT)
    return store


def test_what_is_put_is_got_listed_and_found(tmp_path: Path) -> None:
    with filled(tmp_path / "store", "ab") as store:
        sealed = seal(report("c"), KEY)
        entry = store.put(sealed, {digest_of(BODY): BODY}, at=AT)

        assert store.get(entry.artifact) == sealed
        assert store.get(digest_of(BODY)) == BODY
        assert [listed.subject for listed in store.list()] == ["c", "b", "a"]
        assert [listed.position for listed in store.list(Filter(subject="b", verdict=Verdict.RED))] == [1]
        assert store.list(Filter(verdict=Verdict.GREEN)) == ()
        assert len(store.list(Filter(digest="sha256:" + "c3" * 32, limit=2))) == 2
        assert store.list()[0].valid_until == full_report().valid_until


def test_the_same_again_changes_nothing_and_more_evidence_is_a_new_entry(tmp_path: Path) -> None:
    sealed = seal(report("a"), KEY)
    with Store(tmp_path / "store") as store:
        first = store.put(sealed, {}, at=AT)
        again = store.put(sealed, {}, at=AT.replace(hour=13))
        more = store.put(sealed, {digest_of(BODY): BODY}, at=AT)

        assert again == first
        assert more.evidence == (digest_of(BODY),)
        assert store.entries() == (first, more)


def test_another_predicate_is_kept_too(tmp_path: Path) -> None:
    words = statement("https://example.org/p/v1", [full_report().subject], {})
    with Store(tmp_path / "store") as store:
        store.put(seal_statement(words, KEY), {}, at=AT)

        assert [(item.predicate_type, item.verdict) for item in store.list()] == [("https://example.org/p/v1", None)]


def test_what_does_not_belong_is_refused_and_nothing_is_stored(tmp_path: Path) -> None:
    sealed = seal(report("a"), KEY)
    with Store(tmp_path / "store") as store:
        for data, evidence in (
            (b"junk", {}),
            (sealed, {digest_of(b"other"): BODY}),
            (sealed, {digest_of(b"other"): b"other"}),
        ):
            with pytest.raises(Refused):
                store.put(data, evidence, at=AT)
        with pytest.raises(Refused, match="holds nothing"):
            store.get(digest_of(b"other"))
        with pytest.raises(Refused, match="not a digest"):
            store.get("sha256:../../etc/passwd")

        assert store.entries() == ()
        assert not any((tmp_path / "store" / "objects").rglob("*"))


def test_the_index_may_be_lost(tmp_path: Path) -> None:
    with filled(tmp_path / "store") as store:
        store.checkpoint(KEY)
    for file in (tmp_path / "store").glob("index.sqlite*"):
        file.unlink()

    with Store(tmp_path / "store") as store:
        assert [listed.subject for listed in store.list()] == list("edcba")
        assert store.check([KEY.public]) == ()


def remove_tail(store: Path) -> None:
    lines = (store / "log").read_bytes().splitlines(keepends=True)
    (store / "log").write_bytes(b"".join(lines[:-1]))


def reorder(store: Path) -> None:
    lines = (store / "log").read_bytes().splitlines(keepends=True)
    (store / "log").write_bytes(b"".join([lines[1], lines[0], *lines[2:]]))


def remove_middle(store: Path) -> None:
    lines = (store / "log").read_bytes().splitlines(keepends=True)
    (store / "log").write_bytes(b"".join([*lines[:1], *lines[2:]]))


def edit_entry(store: Path) -> None:
    (store / "log").write_bytes((store / "log").read_bytes().replace(b"12:00:00Z", b"12:00:01Z", 1))


def edit_object(store: Path) -> None:
    path = max((store / "objects").rglob("*"), key=lambda file: file.stat().st_size if file.is_file() else 0)
    path.chmod(0o644)
    path.write_bytes(path.read_bytes() + b" ")


def remove_evidence(store: Path) -> None:
    value = digest_of(BODY).removeprefix("sha256:")
    (store / "objects" / value[:2] / value[2:]).unlink()


def remove_log(store: Path) -> None:
    (store / "log").unlink()


TAMPERING = [remove_tail, reorder, remove_middle, edit_entry, edit_object, remove_evidence, remove_log]


@pytest.mark.parametrize("tamper", TAMPERING)
def test_tampering_shows_even_when_the_index_is_forged_as_well(tmp_path: Path, tamper: Callable[[Path], None]) -> None:
    folder = tmp_path / "store"
    with filled(folder) as store:
        kept = store.checkpoint(KEY)
        assert store.check([KEY.public], kept) == ()
    tamper(folder)
    for file in folder.glob("index.sqlite*"):
        file.unlink()

    with Store(folder) as store:
        assert store.check([KEY.public], kept)
        assert store.check([KEY.public])


@pytest.mark.parametrize("tamper", [remove_tail, remove_middle, remove_log])
def test_a_shorter_log_stops_the_store_at_once(tmp_path: Path, tamper: Callable[[Path], None]) -> None:
    with filled(tmp_path / "store") as store:
        tamper(tmp_path / "store")

        with pytest.raises(Refused, match="entries were removed"):
            store.list()
        with pytest.raises(Refused, match="entries were removed"):
            store.put(seal(report("z"), KEY), {}, at=AT)


def test_a_checkpoint_of_another_key_or_log_does_not_count(tmp_path: Path) -> None:
    with filled(tmp_path / "store", "a") as store, Store(tmp_path / "other", origin="example.org/other") as other:
        assert store.check([KEY.public], other.checkpoint(KEY))
        assert store.check([KEY.public], store.checkpoint(create()))


def test_an_unfinished_line_counts_for_nothing_and_is_cut_off(tmp_path: Path) -> None:
    folder = tmp_path / "store"
    with filled(folder, "ab") as store:
        with (folder / "log").open("ab") as log:
            log.write(b'{"artifact":"sha256:')
        store.checkpoint(KEY)

        assert len(store.list()) == 2
        assert store.check([KEY.public]) == ()
        store.put(seal(report("c"), KEY), {}, at=AT)
        assert len(store.entries()) == 3
        assert store.check([KEY.public]) == ()


def test_a_full_disk_stores_nothing_and_the_next_put_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with filled(tmp_path / "store", "ab") as store:
        store.checkpoint(KEY)
        before = (tmp_path / "store" / "log").read_bytes()

        def full(descriptor: int, data: bytes, offset: int) -> None:
            os.pwrite(descriptor, data[:10], offset)
            raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr(lines, "_write_all", full)
            with pytest.raises(Unavailable, match="No space left"):
                store.put(seal(report("c"), KEY), {}, at=AT)

        assert (tmp_path / "store" / "log").read_bytes() == before
        store.put(seal(report("c"), KEY), {}, at=AT)
        assert store.check([KEY.public]) == ()


def killed_at(moment: int, folder: Path, memory: Path) -> bool:
    """In a process of its own, put into the store in *folder* and end at the given call that changes a file. Did it?"""
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    calls = 0

    def counted(real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            nonlocal calls
            calls += 1
            if calls == moment:
                os._exit(9)
            return real(*arguments, **options)

        return call

    try:
        with Store(folder, memory=memory) as store:
            os.fsync = lambda descriptor: None  # it dies with its process, and not with the machine
            for name in ("fsync", "link", "open", "pwrite", "ftruncate", "unlink", "replace", "rename", "mkdir"):
                setattr(os, name, counted(getattr(os, name)))
            store.put(seal(report("killed"), KEY), {digest_of(BODY): BODY}, at=AT, signer=KEY)
        os._exit(0)
    finally:
        os._exit(1)


def from_nodes(store: Store) -> list[bytes | None]:
    """The entries that the last checkpoint signs, as far as the derived nodes prove them."""
    known = claimed(store.last_checkpoint() or b"")
    found = [store.log.nodes.inclusion(position, known) for position in range(known.size)]
    return [one.line if one else None for one in found]


def test_a_kill_at_any_moment_leaves_a_sound_store(tmp_path: Path) -> None:
    places = {"store": tmp_path / "store", "remembered": tmp_path / "remembered"}

    def open_it() -> Store:
        return Store(places["store"], memory=places["remembered"])

    with open_it() as store:
        store.put(seal(report("before"), KEY), {}, at=AT, signer=KEY)
    for name, place in places.items():
        place.rename(tmp_path / f"{name}-before")
    behind, moment = set(), 0
    while True:
        moment += 1
        for name, place in places.items():
            shutil.copytree(tmp_path / f"{name}-before", place)
        if not killed_at(moment, places["store"], places["remembered"]):
            break
        with open_it() as store:
            assert store.check([KEY.public]) == store.sound([KEY.public]) == ()
            behind.add(len(store.entries()) - max(one.what.size for one in store.log.recall()))
            assert len(store.entries()) in (1, 2)
            assert set(from_nodes(store)) <= {None, *(entry.line for entry in store.entries())}
            store.put(seal(report("after"), KEY), {digest_of(BODY): BODY}, at=AT, signer=KEY)
            assert store.list()[0].subject == "after"
            assert from_nodes(store) == [entry.line for entry in store.entries()], "the nodes are made again if they must be"
            assert store.check([KEY.public]) == store.sound([KEY.public]) == ()
        for place in places.values():
            shutil.rmtree(place)
    assert moment > 30, "it was not killed at many moments, so this shows little"
    assert behind == {0, 1}, "the memory is behind at most, by the entry that was being written"


def test_two_writers_both_count(tmp_path: Path) -> None:
    with Store(tmp_path / "store") as one, Store(tmp_path / "store") as two:
        for name in "abc":
            one.put(seal(report(name), KEY), {}, at=AT)
            two.put(seal(report(name + name), KEY), {}, at=AT)

        one.checkpoint(KEY)
        assert len(one.list()) == len(two.list()) == 6
        assert one.check([KEY.public]) == ()
