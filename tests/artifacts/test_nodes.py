"""A proof from the nodes is the proof from the lines, or none: whatever became of the nodes, nothing wrong is proven."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from arcops.errors import Broken, Refused, Unavailable
from artifacts.bundle import seal
from artifacts.entries import Entry
from artifacts.log import nodes as room
from artifacts.log.checkpoint import Checkpoint, claimed
from artifacts.log.merkle import Frontier, Proofs, consistency_proof, inclusion_path, leaf_hash, root, trees
from artifacts.log.nodes import Nodes, stamp_of
from artifacts.objects import digest_of
from artifacts.store import Store
from capabilities.artifact.standing import Ledgered, ledger_of
from foundation.processes import kernel
from tests.artifacts.reports import AT
from tests.artifacts.test_store import KEY, report

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss")
MOST = 300
_PR_SET_DUMPABLE = 4
LINES = tuple(b"line %d" % number * (number % 4 + 1) for number in range(MOST))
LEAVES = tuple(leaf_hash(line) for line in LINES)


@cache
def over(size: int) -> Checkpoint:
    return Checkpoint(origin="example.org/log", size=size, root=root(LEAVES[:size]))


def written(folder: Path, size: int) -> Nodes:
    """A log of the first *size* of LINES, with its nodes."""
    (folder / "log").write_bytes(b"".join(line + b"\n" for line in LINES[:size]))
    nodes = Nodes(folder)
    nodes.build(LINES[:size], stamp_of((folder / "log").stat()))
    return nodes


def stamped(folder: Path) -> None:
    """Forge the stamp, as somebody does who changed the log and wants the nodes to fit."""
    with (folder / "nodes").open("r+b") as file:
        file.write(room._stamped(stamp_of((folder / "log").stat())))


class TestNodes:
    def test_each_proof_of_each_tree_is_the_one_that_the_leaves_give(self, tmp_path: Path) -> None:
        with written(tmp_path, MOST)._opened() as opened:
            for size in range(1, MOST + 1):
                proofs = Proofs(LEAVES[:size])
                for index in range(size):
                    assert inclusion_path(opened.node, index, size) == proofs.inclusion(index)
            assert tuple(opened.line(position) for position in range(MOST)) == LINES

    def test_it_is_asked_with_a_checkpoint(self, tmp_path: Path) -> None:
        nodes = written(tmp_path, MOST)
        for size in (1, 2, 3, 7, 8, 9, 255, 256, 299, 300):
            for position in {0, 1, size // 2, size - 1} & set(range(size)):
                found = nodes.inclusion(position, over(size))
                assert found is not None
                assert (found.line, found.path) == (LINES[position], Proofs(LEAVES[:size]).inclusion(position))
            assert nodes.inclusion(size, over(size)) is None
            assert nodes.inclusion(-1, over(size)) is None
            assert nodes.inclusion(0, replace(over(size), root=bytes(32))) is None
        for size in (MOST + 1, 10**18 - 1):
            assert nodes.inclusion(0, Checkpoint(origin="x", size=size, root=bytes(32))) is None

    def test_consistency_is_proven_too(self, tmp_path: Path) -> None:
        nodes = written(tmp_path, 40)
        for size in range(41):
            for first in range(size + 1):
                assert nodes.consistency(over(first), over(size)) == consistency_proof(LEAVES[:size], first)
        assert nodes.consistency(over(41), over(40)) is None
        assert nodes.consistency(over(40), over(41)) is None
        assert nodes.consistency(replace(over(7), root=bytes(32)), over(40)) is None

    def test_what_grew_line_by_line_is_what_is_built_at_once(self, tmp_path: Path) -> None:
        grown, log, tree = Nodes(tmp_path), tmp_path / "log", Frontier()
        for size in range(1, 70):
            with log.open("ab") as file:
                file.write(LINES[size - 1] + b"\n")
            grown.add(tree, LINES[:size], stamp_of(log.stat()))
            tree = tree.append(LEAVES[size - 1])
            data = grown.path.read_bytes()
            grown.build(LINES[:size], stamp_of(log.stat()))
            assert data == grown.path.read_bytes()

    @pytest.mark.parametrize("keep", [0, 1, 39, 40, 41, 400, 439, -1, -40])
    @pytest.mark.parametrize("more", [0, 17, 80])
    def test_what_is_short_or_long_grows_to_what_it_should_be(self, tmp_path: Path, keep: int, more: int) -> None:
        nodes, log = written(tmp_path, 20), tmp_path / "log"
        nodes.path.write_bytes(nodes.path.read_bytes()[:keep] + b"x" * more)
        with log.open("ab") as file:
            file.write(LINES[20] + b"\n")
        nodes.add(trees(LINES[:20], ())[20], LINES[:21], stamp_of(log.stat()))
        data = nodes.path.read_bytes()
        nodes.build(LINES[:21], stamp_of(log.stat()))
        assert data == nodes.path.read_bytes()

    def test_each_damaged_byte_proves_nothing_wrong(self, tmp_path: Path) -> None:
        nodes = written(tmp_path, 13)
        good = nodes.path.read_bytes()
        none = 0
        for place in range(len(good)):
            nodes.path.write_bytes(good[:place] + bytes([good[place] ^ 1]) + good[place + 1 :])
            for position in (0, 5, 12):
                found = nodes.inclusion(position, over(13))
                none += found is None
                assert found is None or found.line == LINES[position]
        assert none > 500, "most bytes matter to some proof, or the damage was not seen"

    def test_the_nodes_of_another_log_prove_nothing(self, tmp_path: Path) -> None:
        nodes, log = written(tmp_path, 13), tmp_path / "log"
        others = (*LINES[:4], b"other", *LINES[5:13])
        log.write_bytes(b"".join(line + b"\n" for line in others))
        nodes.build(others, stamp_of(log.stat()))
        assert [nodes.inclusion(position, over(13)) for position in range(13)] == [None] * 13

    def test_a_log_that_was_changed_is_read_whole(self, tmp_path: Path) -> None:
        nodes, log = written(tmp_path, 13), tmp_path / "log"
        log.write_bytes(log.read_bytes().replace(b"line 4", b"line X"))
        assert nodes.inclusion(7, over(13)) is None

    def test_who_forges_the_stamp_gains_no_false_line_and_hides_no_lost_end(self, tmp_path: Path) -> None:
        nodes, log = written(tmp_path, 13), tmp_path / "log"
        whole = log.read_bytes()
        log.write_bytes(whole.replace(b"line 4", b"line X"))
        stamped(tmp_path)
        assert nodes.inclusion(4, over(13)) is None
        other = nodes.inclusion(7, over(13))
        assert other is not None
        assert other.line == LINES[7], "it is what was signed, whatever became of the others"
        for lost in (1, 5, len(LINES[12]) + 1, len(LINES[12]) + 2):
            log.write_bytes(whole[:-lost])
            stamped(tmp_path)
            assert nodes.inclusion(7, over(13)) is None

    def test_a_line_is_a_whole_line_of_the_log(self, tmp_path: Path) -> None:
        """A part of a longer line is not a line, even if it has the right hash."""
        nodes, log = written(tmp_path, 13), tmp_path / "log"
        log.write_bytes(log.read_bytes().replace(b"\n" + LINES[8] + b"\n", b"x" + LINES[8] + b"\n"))
        stamped(tmp_path)
        assert nodes.inclusion(8, over(13)) is None


def a_folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def a_link(path: Path) -> None:
    path.rename(path.with_name("elsewhere"))
    path.symlink_to("elsewhere")


def a_short_one(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:100])


def an_empty_one(path: Path) -> None:
    path.write_bytes(b"")


def zeros(path: Path) -> None:
    """As a machine may leave it that lost its power: the stamp is there, and what it stands for is not."""
    path.write_bytes(path.read_bytes()[:40] + bytes(path.stat().st_size - 40))


DAMAGES: list[Callable[[Path], None]] = [Path.unlink, a_folder, a_pipe, a_link, a_short_one, an_empty_one, zeros]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Store]:
    with Store(tmp_path / "store", origin="example.org/log") as store:
        for name in "abcde":
            store.put(seal(report(name), KEY), {}, at=AT, signer=KEY)
        yield store


def signed(store: Store) -> Checkpoint:
    note = store.last_checkpoint()
    assert note is not None
    return claimed(note)


def proves_all(store: Store) -> bool:
    """Does each entry have its proof, from the nodes alone?"""
    found = [store.log.nodes.inclusion(position, signed(store)) for position in range(signed(store).size)]
    return [one.line if one else b"" for one in found] == [entry.line for entry in store.entries()]


class TestStore:
    def test_what_is_put_is_proven_from_the_nodes(self, kept: Store) -> None:
        assert proves_all(kept)
        assert [kept.inclusion(position, signed(kept)).line for position in range(5)] == [one.line for one in kept.entries()]
        with pytest.raises(Broken, match="no leaf 5"):
            kept.inclusion(5, signed(kept))

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_without_nodes_it_is_proven_from_the_lines_and_they_are_made_again(
        self, kept: Store, damage: Callable[[Path], None]
    ) -> None:
        damage(kept.log.nodes.path)
        assert not proves_all(kept)
        entry = kept.entries()[2]
        assert ledger_of(entry.artifact, 2, kept, [KEY.public]).state is Ledgered.PROVEN
        assert kept.inclusion(2, signed(kept)).line == entry.line
        assert proves_all(kept) == (damage not in (a_folder, a_pipe, a_link))

    @pytest.mark.parametrize("damage", DAMAGES)
    def test_the_next_append_makes_them_again(self, kept: Store, damage: Callable[[Path], None]) -> None:
        damage(kept.log.nodes.path)
        kept.put(seal(report("f"), KEY), {}, at=AT, signer=KEY)
        assert len(kept.entries()) == 6
        assert kept.check([KEY.public]) == ()
        assert proves_all(kept) == (damage not in (a_folder, a_pipe, a_link))

    @pytest.mark.parametrize("damage", [None, *DAMAGES])
    def test_a_log_that_was_changed_is_never_proven(self, kept: Store, damage: Callable[[Path], None] | None) -> None:
        artifact = kept.entries()[2].artifact
        kept.log.path.write_bytes(kept.log.path.read_bytes().replace(b"12:00:00Z", b"12:00:01Z", 1))
        if damage is not None:
            damage(kept.log.nodes.path)
        assert ledger_of(artifact, 2, kept, [KEY.public]).state is Ledgered.BROKEN
        with pytest.raises(Refused, match="edited or moved"):
            kept.inclusion(2, signed(kept))
        kept.log.path.write_bytes(b"".join(kept.log.path.read_bytes().splitlines(keepends=True)[:3]))
        assert ledger_of(artifact, 2, kept, [KEY.public]).state is Ledgered.BROKEN
        with pytest.raises(Refused, match="2 of them were removed"):
            kept.inclusion(2, signed(kept))

    def test_what_a_forged_stamp_hides_from_one_proof_the_whole_log_tells(self, kept: Store) -> None:
        artifact, first = kept.entries()[2].artifact, kept.entries()[0].artifact
        kept.log.path.write_bytes(kept.log.path.read_bytes().replace(b"12:00:00Z", b"12:00:01Z", 1))
        stamped(kept.folder)
        assert ledger_of(artifact, 2, kept, [KEY.public]).state is Ledgered.PROVEN
        assert ledger_of(first, 0, kept, [KEY.public]).state is Ledgered.BROKEN
        assert any("edited or moved" in one for one in kept.sound([KEY.public]))
        assert kept.check([KEY.public])

    def test_what_was_edited_while_an_entry_was_added_is_not_passed(self, kept: Store) -> None:
        held = kept.log.read()
        kept.log.path.write_bytes(kept.log.path.read_bytes().replace(b"12:00:00Z", b"12:00:01Z", 1))
        kept.log.append(held, held.lines[0], at=AT)
        assert kept.log.nodes.inclusion(2, signed(kept)) is None

    def test_a_disk_that_takes_no_nodes_takes_the_entry(self, kept: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        def full(*_: object, **__: object) -> None:
            raise Unavailable("the disk is full")

        kept.log.nodes.path.unlink()
        with monkeypatch.context() as patch:
            patch.setattr(room, "replace_whole", full)
            kept.put(seal(report("f"), KEY), {}, at=AT, signer=KEY)
            assert kept.inclusion(5, signed(kept)).line == kept.entries()[5].line
        assert not kept.log.nodes.path.exists()

    def test_who_only_asks_waits_for_no_writer(self, kept: Store) -> None:
        kept.log.nodes.path.unlink()
        with (kept.folder / "lock").open("rb") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            assert kept.inclusion(2, signed(kept)).line == kept.entries()[2].line
            assert not kept.log.nodes.path.exists()
        kept.inclusion(2, signed(kept))
        assert proves_all(kept)

    def test_a_proof_among_twenty_thousand_reads_little(self, tmp_path: Path) -> None:
        counted = Path("/proc/self/io")
        if not counted.exists():
            pytest.skip("this system does not count what a process reads")
        kernel.prctl(_PR_SET_DUMPABLE, 1)  # another test of this process may have held a secret, which closes the file to us
        with Store(tmp_path / "store", origin="example.org/log") as store:
            lines = [Entry(artifact=digest_of(b"%d" % n), evidence=(), at=AT).line for n in range(20_000)]
            store.log.path.write_bytes(b"".join(line + b"\n" for line in lines))
            store.checkpoint(KEY)
            kept = signed(store)

            def read(ask: Callable[[], object]) -> int:
                before = int(counted.read_text().split()[1])
                ask()
                return int(counted.read_text().split()[1]) - before

            assert read(lambda: store.inclusion(12_345, kept)) > 1024 * 1024, "without nodes, the log is read"
            assert read(lambda: store.inclusion(12_345, kept)) < 16 * 1024
            artifact = digest_of(b"12345")
            assert ledger_of(artifact, 12_345, store, [KEY.public]).state is Ledgered.PROVEN
            assert read(lambda: ledger_of(artifact, 12_345, store, [KEY.public])) < 64 * 1024
