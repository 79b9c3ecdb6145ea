"""Whatever is done to an audit log shows, with the line that it was done to."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.errors import Refused
from artifacts.log.merkle import Frontier, grown, leaf_hash
from artifacts.private_key import create
from artifacts.public_key import load_public_key
from foundation.audit.audit import Audit
from foundation.audit.keys import open_keys, public_half
from foundation.audit.seals import BEGINNING, opened, seal
from foundation.audit.verifying import read_logs
from foundation.secrets import secret_files
from tests.foundation.audit.home import (
    CALL,
    changed,
    place_in,
    problems_in,
    read_in,
    settings_in,
    writer_in,
    written,
)

pytestmark = pytest.mark.requirement("BASE-4/audit-log")

Lines = list[bytes]


def test_a_log_is_what_was_written(tmp_path: Path) -> None:
    written(tmp_path, [3, 1, 4])
    (log,) = read_in(tmp_path)
    assert log.problems == ()
    assert (log.records, len(log.lines), log.unsigned, log.remembered) == (8, 11, 0, 11)


def test_its_checkpoints_are_signed_notes_that_others_read(tmp_path: Path) -> None:
    """C2SP ``tlog-checkpoint`` and RFC 6962, computed here from the lines alone."""
    path = written(tmp_path, [3])
    lines = path.read_bytes().split(b"\n")[:-1]
    note = json.loads(lines[3])["checkpoint"]
    origin, size, root, *_ = note.split("\n")
    assert (origin, size) == (f"arcops.local/audit/{path.parent.name}", "3")
    assert base64.b64decode(root) == grown(Frontier(), map(leaf_hash, lines[:3])).root
    assert opened(lines[3], [public_half(place_in(tmp_path))], origin).size == 3


CHANGES: dict[str, tuple[Callable[[Lines], Lines], str]] = {
    "a value": (lambda one: [*one[:1], one[1].replace(b"GREEN", b"AMBER"), *one[2:]], "Line 2 was changed"),
    "one byte of the last record": (lambda one: [*one[:-2], one[-2][:-2] + b"2}", one[-1]], "Line 8 was changed"),
    "a removed record": (lambda one: one[:4] + one[5:], "Line 5 was removed."),
    "the first record": (lambda one: one[1:], "Line 1 was removed."),
    "two in another order": (lambda one: [one[1], one[0], *one[2:]], "was moved"),
    "a record added": (lambda one: [*one[:2], CALL.line, *one[2:]], "Line 3 was added"),
    "a record twice": (lambda one: [*one[:2], one[1], *one[2:]], "was added"),
    "the end": (lambda one: one[:-4], "removed, at the end of the log"),
    "the last checkpoint": (lambda one: one[:-1], "Line 9 was removed, at the end of the log"),
    "a checkpoint in the middle": (lambda one: one[:3] + one[4:], "Line 4 was removed."),
    "everything": (lambda one: [], "Line 1 was removed"),
    "a batch at the end, with its checkpoint": (lambda one: one[:4], "Line 5 was removed, at the end of the log"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_is_found_with_its_line(tmp_path: Path, what: str) -> None:
    change, said = CHANGES[what]
    path = written(tmp_path, [3, 4])
    changed(path, change)
    found = problems_in(tmp_path)
    assert any(said in one for one in found), found
    with pytest.raises(Refused, match="was changed"):
        writer_in(tmp_path)  # and nothing is added to it


@pytest.mark.parametrize("what", CHANGES)
def test_it_is_found_without_the_memory_unless_only_the_end_is_gone(tmp_path: Path, what: str) -> None:
    """The checkpoint in the log alone shows everything but a log that was cut at an earlier checkpoint."""
    change, said = CHANGES[what]
    path = written(tmp_path, [3, 4])
    for one in path.parent.parent.parent.joinpath("remembered", "audit").glob("*.json"):
        one.unlink()
    changed(path, change)
    found = problems_in(tmp_path)
    cut = what in {"everything", "a batch at the end, with its checkpoint", "the end", "the last checkpoint"}
    assert bool(found) is not cut
    if not cut:
        assert any(said in one for one in found), found


@pytest.mark.parametrize("what", [one for one in CHANGES if one != "everything"])
def test_it_is_found_without_the_kept_hashes(tmp_path: Path, what: str) -> None:
    """Then the line is not known, but that it is after what an earlier checkpoint signs."""
    change, _ = CHANGES[what]
    path = written(tmp_path, [2, 3, 4])
    (leaves,) = place_in(tmp_path).outside.glob("*.leaves")
    for spoil in (lambda: leaves.write_bytes(bytes(len(leaves.read_bytes()))), leaves.unlink):
        spoil()
        if what not in {"a value", "the first record", "two in another order", "a removed record"}:
            continue
        copy = path.read_bytes()
        changed(path, change)
        assert any("hashes of the lines are gone" in one for one in problems_in(tmp_path))
        path.write_bytes(copy)
    changed(path, lambda one: [*one[:-2], one[-2].replace(b"GREEN", b"AMBER"), one[-1]])
    assert any("lines 1 to 7 are as they were written" in one for one in problems_in(tmp_path))


def test_a_checkpoint_by_another_key_does_not_count(tmp_path: Path) -> None:
    """Someone who writes the log anew has no key that counts; the memory, too, remembers another log."""
    path = written(tmp_path, [3])
    lines = [replace(CALL, verdict="RED").line] * 3
    other = seal(grown(Frontier(), map(leaf_hash, lines)), f"arcops.local/audit/{path.parent.name}", create())
    path.write_bytes(b"\n".join([*lines, other, b""]))
    found = problems_in(tmp_path)
    assert any("does not count: no given key verifies" in one for one in found)
    assert any("Line 1 was changed" in one for one in found)


def test_a_log_under_the_name_of_another_does_not_count(tmp_path: Path) -> None:
    first = written(tmp_path, [1])
    keep = writer_in(tmp_path)
    second = writer_in(tmp_path)
    second.append([CALL.line], newest=CALL.at)
    keep.close()
    second.close()
    shutil.copyfile(second.log.path, first)
    assert any("is of the log" in one for one in problems_in(tmp_path))


def test_a_log_that_is_gone_is_named_and_may_have_been_carried_away(tmp_path: Path) -> None:
    path = written(tmp_path, [3])
    elsewhere = tmp_path / "archive"
    elsewhere.mkdir()
    path.parent.rename(elsewhere / path.parent.name)
    (gone,) = problems_in(tmp_path)
    assert "remembers 4 lines of it" in gone
    place = place_in(tmp_path)
    (found,) = read_logs(place, [public_half(place)], [elsewhere])
    assert (found.problems, found.records) == ((), 3)
    changed(elsewhere / path.parent.name / "log", lambda one: one[1:])
    (found,) = read_logs(place, [public_half(place)], [elsewhere])
    assert "Line 1 was removed." in found.problems
    again = writer_in(tmp_path)
    assert again.log.name != path.parent.name  # its name is not used again
    again.close()


def test_a_torn_end_does_not_count_and_the_next_writer_cuts_it_off(tmp_path: Path) -> None:
    path = written(tmp_path, [3])
    whole = path.read_bytes()
    for torn in (CALL.line[:10], CALL.line + b"\n", CALL.line + b"\n" + CALL.line[:50], BEGINNING + b'"half'):
        path.write_bytes(whole + torn)
        (log,) = read_in(tmp_path)
        assert (log.problems, log.records) == ((), 3)
        writer = writer_in(tmp_path)
        assert path.read_bytes() == whole
        writer.close()
    writer = writer_in(tmp_path)
    writer.append([CALL.line], newest=CALL.at)
    writer.close()
    (log,) = read_in(tmp_path)
    assert (log.problems, log.records) == ((), 4)


def test_many_unsigned_lines_are_no_torn_end(tmp_path: Path) -> None:
    """Mutation: a writer that cuts them off would remove what someone put there."""
    path = written(tmp_path, [3])
    path.write_bytes(path.read_bytes() + (CALL.line + b"\n") * 1002)
    assert any("1,002 lines follow the last checkpoint" in one for one in problems_in(tmp_path))
    with pytest.raises(Refused, match="more than a writer leaves"):
        writer_in(tmp_path)


def test_without_its_key_nothing_is_written_and_nothing_counts(tmp_path: Path) -> None:
    written(tmp_path, [3])
    place = place_in(tmp_path)
    (place.outside / "audit.key").unlink()
    with pytest.raises(Refused, match=r"is gone, but .* was signed with it"):
        Audit.open(settings_in(tmp_path))
    with pytest.raises(Refused, match="gone"):
        open_keys(place)
    (log,) = read_logs(place, [create().public])
    assert any("no given key verifies" in one for one in log.problems)


def test_the_public_half_kept_elsewhere_verifies(tmp_path: Path) -> None:
    written(tmp_path, [3])
    place = place_in(tmp_path)
    pem = public_half(place).pem
    (log,) = read_logs(place, [load_public_key(pem, where="a copy")])
    assert log.problems == ()


def test_a_folder_that_others_can_write_proves_nothing(tmp_path: Path) -> None:
    path = written(tmp_path, [3])
    path.parent.parent.chmod(0o777)
    with pytest.raises(Refused, match="every user of this machine can write"):
        writer_in(tmp_path)


def test_what_is_private_is_private(tmp_path: Path) -> None:
    path = written(tmp_path, [1])
    place = place_in(tmp_path)
    for one in (path, path.parent, place.outside, place.outside / "audit.key", place.outside / "masking.key"):
        assert one.stat().st_mode & 0o077 == 0, one


def test_no_collector_may_read_its_keys(tmp_path: Path) -> None:
    """A program of others is kept from every secret file (`foundation.secrets.secret_files`)."""
    written(tmp_path, [1])
    place = place_in(tmp_path)
    secret = secret_files({"ARCOPS_HOME": str(tmp_path)})
    kept = {one for one in place.outside.iterdir() if one.suffix == ".key"}
    assert len(kept) == 2
    assert kept <= set(secret)
