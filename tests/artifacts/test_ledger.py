"""Checkpoints: signed notes that others can read, and that say nothing once changed."""

from __future__ import annotations

import base64
import hashlib

import pytest

from arcops.errors import Refused
from artifacts.log.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from artifacts.private_key import Algorithm, create

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss")
CHECKPOINT = Checkpoint(origin="example.org/log", size=7, root=hashlib.sha256(b"x").digest())


@pytest.mark.parametrize("algorithm", list(Algorithm))
def test_it_comes_back(algorithm: Algorithm) -> None:
    key = create(algorithm)

    assert open_checkpoint(sign_checkpoint(CHECKPOINT, key), [create().public, key.public]) == CHECKPOINT


def test_the_note_is_written_as_c2sp_says() -> None:
    key = create()
    text, line = sign_checkpoint(CHECKPOINT, key).decode().split("\n\n")
    raw = key.public.raw.public_bytes_raw()  # type: ignore[union-attr]  # an Ed25519 key
    blob = base64.b64decode(line.split(" ")[2])

    assert text.split("\n") == ["example.org/log", "7", base64.b64encode(CHECKPOINT.root).decode()]
    assert line.startswith("— example.org/log ")
    assert blob[:4] == hashlib.sha256(b"example.org/log\n\x01" + raw).digest()[:4]
    key.public.raw.verify(blob[4:], (text + "\n").encode())  # type: ignore[union-attr,call-arg,arg-type]  # an Ed25519 key


def test_a_witness_beside_is_allowed_and_counts_for_nothing() -> None:
    log, witness = create(), create()
    other = Checkpoint(origin="witness.example", size=7, root=CHECKPOINT.root)
    line = sign_checkpoint(other, witness).decode().split("\n\n")[1]
    note = sign_checkpoint(CHECKPOINT, log) + line.encode()

    assert open_checkpoint(note, [log.public]) == CHECKPOINT
    with pytest.raises(Refused, match="no given key"):
        open_checkpoint(note, [witness.public])


def test_anything_changed_is_refused() -> None:
    key = create()
    note = sign_checkpoint(CHECKPOINT, key)
    root = base64.b64encode(CHECKPOINT.root)
    changes = {
        b"\n7\n": b"\n8\n",
        b"example.org/log\n7": b"example.net/log\n7",
        root: base64.b64encode(bytes(32)),
        b"\n7\n" + root: b"\n07\n" + root,
        root + b"\n": root + b"\nextension\n",
        "— ".encode(): b"- ",
    }
    for old, new in changes.items():
        assert old in note
        with pytest.raises(Refused):
            open_checkpoint(note.replace(old, new, 1), [key.public])
    for bad in (b"", b"\n\n", note[:-1], note[:20], b"\xff", note * 1000, note.replace(b"\n\n", b"\n")):
        with pytest.raises(Refused):
            open_checkpoint(bad, [key.public])
    with pytest.raises(Refused, match="not of 'other'"):
        open_checkpoint(note, [key.public], origin="other")


@pytest.mark.parametrize("origin", ["", "a b", "a\nb", "a+b"])
def test_a_name_that_no_note_can_carry_is_refused(origin: str) -> None:
    with pytest.raises(Refused, match="cannot name a log"):
        Checkpoint(origin=origin, size=0, root=bytes(32))
