"""Modules are found by their names alone: those that Python's own look finds, and no others."""

from __future__ import annotations

import pkgutil
from importlib.util import find_spec
from pathlib import Path

import pytest

from arcops.discovery import modules


class Gate:
    """What is asked for: a folder with ``gate.py`` counts as one module."""


@pytest.mark.parametrize("room", ["gates", "tasks", "capabilities", "policies", "arcops.subjects"])
def test_every_module_that_python_finds_is_found(room: str) -> None:
    spec = find_spec(room)
    assert spec is not None
    assert spec.submodule_search_locations is not None
    looked = pkgutil.walk_packages(spec.submodule_search_locations, f"{room}.")
    everywhere = {one.name for one in looked if not one.ispkg and "._" not in one.name}
    found = {module for those in modules(room, Gate).values() for module in those}
    alone = {name for name in everywhere if name.count(".") == room.count(".") + 1}
    assert alone <= found
    assert {module for module in found if find_spec(module) is None} == set()


def test_what_is_no_module_is_not_taken_for_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = tmp_path / "room"
    room.mkdir()
    for name in ("__init__.py", "one_two.py", "_hidden.py", "notes.txt", "old.py.orig", "data.json"):
        (room / name).write_text("")
    (room / "no_package").mkdir()
    (room / "own").mkdir()
    for name in ("__init__.py", "gate.py", "other.py"):
        (room / "own" / name).write_text("")
    (room / "subject").mkdir()
    for name in ("__init__.py", "three.py"):
        (room / "subject" / name).write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert dict(modules("room", Gate)) == {
        "one-two": ("room.one_two",),
        "own": ("room.own.gate",),
        "three": ("room.subject.three",),
    }
