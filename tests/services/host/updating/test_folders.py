"""A folder is kept as it was, without what is its writer's own; what differs between two of them is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from arcops.errors import Refused
from services.host.updating.folders import MOST_LINES, changes, kept


def folder(at: Path, **files: str | bytes) -> Path:
    for name, text in files.items():
        file = at / name.replace("__", "/")
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return at


def test_the_same_files_give_the_same_folder_and_a_change_another(tmp_path: Path) -> None:
    source, below = folder(tmp_path / "source", a="1", b__c="2"), tmp_path / "below"
    first = kept(source, below)
    assert kept(source, below) == first
    (source / "a").write_text("3")
    assert kept(source, below) != first
    assert (first / "a").read_text() == "1"
    assert not [one for one in below.iterdir() if one.name.startswith("taking-")]


def test_what_is_the_writers_own_is_left_out(tmp_path: Path) -> None:
    source = folder(tmp_path / "source", a="1")
    for name in (".env", ".git/config", "__pycache__/a.pyc", ".venv/x", "b.pyc"):
        (source / name).parent.mkdir(exist_ok=True)
        (source / name).write_text("TOKEN=secret")
    assert [one.name for one in kept(source, tmp_path / "below").rglob("*")] == ["a"]


def test_what_is_no_folder_with_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    for name in ("nothing", "empty"):
        with pytest.raises(Refused):
            kept(tmp_path / name, tmp_path / "below")


def test_what_is_the_same_or_long_is_not_read_as_text(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = b"a\n" * (1 << 20)
    old = folder(tmp_path / "old", same="2", long=long, text="a")
    new = folder(tmp_path / "new", same="2", long=long + b"b", text="b")
    read: list[str] = []
    whole = Path.read_bytes

    def noted(path: Path) -> bytes:
        read.append(path.name)
        return whole(path)

    monkeypatch.setattr(Path, "read_bytes", noted)
    assert changes(old, new, lines=True) == ["-long", "+long", "-text: a", "+text: b"]
    assert set(read) == {"text"}


def test_what_differs_is_said(tmp_path: Path) -> None:
    old = folder(tmp_path / "old", gone="1", same="2", text="a\nb\n", data=b"\0\1")
    new = folder(tmp_path / "new", came="1", same="2", text="a\nc\n", data=b"\0\2")
    (new / "link").symlink_to("text")
    assert changes(old, new, lines=True) == ["+came", "-data", "+data", "-gone", "+link", "-text: b", "+text: c"]
    assert changes(old, new, lines=False) == ["+came", "-data", "+data", "-gone", "+link", "-text", "+text"]
    assert changes(old, old, lines=True) == []
    (new / "link").unlink()
    (new / "link").write_text("text")
    (old / "link").symlink_to("text")
    assert "-link" in changes(old, new, lines=True), "a link and a file with its target are taken for the same"
    (new / "text").write_text("x\n" * (MOST_LINES + 100))
    assert len(changes(old, new, lines=True)) == MOST_LINES + 1
