"""Whatever is put, killed and damaged, in any order: a check reads the store, and what was acknowledged is there or missed."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from unittest import mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from arcops.errors import Refused, Unavailable
from artifacts.bundle import seal
from artifacts.objects import digest_of
from artifacts.private_key import create
from artifacts.store import Store
from artifacts.writing import new_partial
from tests.artifacts.reports import AT, full_report

pytestmark = pytest.mark.requirement("ARC-1/kept-without-loss")
KEY = create()
SEALED = tuple(
    seal(replace(full_report(), subject=replace(full_report().subject, name=f"model-{number}")), KEY) for number in range(6)
)
CALLS = ("fsync", "link", "open", "pwrite", "ftruncate", "unlink", "replace", "mkdir", "write")


class Killed(BaseException):
    """The process ends here: nothing after it runs, whatever is in the way."""


class Killing:
    """Lets so many calls that change files pass, and none after that."""

    def __init__(self, after: int) -> None:
        self._left = after

    def of(self, real: Callable[..., object]) -> Callable[..., object]:
        def call(*arguments: object, **options: object) -> object:
            self._left -= 1
            if self._left < 0:
                raise Killed
            return real(*arguments, **options)

        return call


def put(folder: Path, number: int, kill: int) -> bool:
    """Put an artifact, and die at the call with the number *kill*, if there are so many. Was it acknowledged?"""
    killing = Killing(kill or 10**9)
    patched = {name: killing.of(getattr(os, name)) for name in CALLS}
    with (
        suppress(Killed, Refused, Unavailable),
        mock.patch.multiple(os, **patched),  # type: ignore[arg-type]  # functions in place of functions
        Store(folder / "store", memory=folder / "memory") as store,
    ):
        store.put(SEALED[number], {}, at=AT + timedelta(seconds=number), signer=KEY)
        return True
    return False


def noise(path: Path, seed: int) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[seed % len(data)] ^= 1 + seed % 255
        path.chmod(0o600)
        path.write_bytes(data)


def cut(path: Path, seed: int) -> None:
    path.chmod(0o600)
    os.truncate(path, seed % (path.stat().st_size + 1))


def gone(path: Path, seed: int) -> None:
    path.unlink()


def folder(path: Path, seed: int) -> None:
    path.unlink()
    path.mkdir()
    (path / "mine").write_text("x")


def pipe(path: Path, seed: int) -> None:
    path.unlink()
    os.mkfifo(path)


def litter(path: Path, seed: int) -> None:
    (path.parent / (new_partial(), "stray", ".hidden")[seed % 3]).write_bytes(b"x")


DAMAGE = (noise, cut, gone, folder, pipe, litter)
PUT = st.tuples(st.just("put"), st.integers(0, len(SEALED) - 1), st.integers(0, 90))
HARM = st.tuples(st.sampled_from(DAMAGE), st.integers(0, 40), st.integers(0, 10**6))


def harm(folder: Path, damage: Callable[[Path, int], None], which: int, seed: int) -> bool:
    """Damage a file of the store or its memory; the name of the log is left, because without it there is no store."""
    files = sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in ("origin", "lock"))
    if files:
        damage(files[which % len(files)], seed)
    return bool(files) and damage is not litter


@given(st.lists(st.one_of(PUT, PUT, HARM), min_size=1, max_size=6))
def test_a_check_reads_it_and_nothing_acknowledged_is_lost_in_silence(steps: list[tuple[object, int, int]]) -> None:
    place = Path(tempfile.mkdtemp(prefix="arcops-damage-"))
    real, os.fsync = os.fsync, lambda descriptor: None  # it dies with its process, and not with the machine
    try:
        kept: set[int] = set()
        harmed = False
        for what, number, seed in steps:
            if what == "put":
                if put(place, number, seed):
                    kept.add(number)
            else:
                harmed |= harm(place, what, number, seed)  # type: ignore[arg-type]
        if not (place / "store").exists():
            return
        with Store(place / "store", memory=place / "memory") as store:
            looked = store.look_through([KEY.public])
            there = set()
            for number in kept:
                with suppress(Refused, Unavailable):
                    assert store.get(digest_of(SEALED[number])) == SEALED[number], "changed, and no one was told"
                    there.add(number)
            named = "" if (place / "store" / "log").is_dir() else _log(place / "store" / "log")
            lost = {number for number in kept if number not in there or digest_of(SEALED[number]) not in named}
            assert not lost or looked.problems, "lost, and the check has no word about it"
            if not harmed:
                assert lost == set()
                assert {Path(one.path).name for one in looked.unexpected} <= {"stray", ".hidden"}
                assert not looked.problems or "and no checkpoint" in looked.problems[0], "the first one was killed before it"
                assert [path for path in place.rglob(".partial-*") if len(path.name) == 25] == []
    finally:
        os.fsync = real
        shutil.rmtree(place)


def _log(path: Path) -> str:
    return path.read_bytes().decode("utf-8", "replace") if path.is_file() else ""
