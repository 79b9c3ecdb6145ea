"""Any change of an installed tree shows: in its digest, and in a look that reads no file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from arcops.errors import Refused
from tasks.server.installed_tree import look, seen

pytestmark = pytest.mark.requirement("HOST-020/only-allowed-locks-start")


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = tmp_path / "tree"
    (folder / "a" / "b").mkdir(parents=True)
    (folder / "a" / "one.py").write_text("print(1)\n")
    (folder / "a" / "b" / "two").write_bytes(b"\0" * 3000)
    (folder / "link").symlink_to("a/one.py")
    (folder / "empty").mkdir()
    return folder


def overwritten(tree: Path) -> None:
    file = tree / "a" / "one.py"
    before = file.stat()
    file.write_text("print(2)\n")
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # its time is set back


CHANGES: dict[str, Callable[[Path], object]] = {
    "a byte, with its time set back": overwritten,
    "a file more": lambda tree: (tree / "new").write_text(""),
    "a file less": lambda tree: (tree / "a" / "b" / "two").unlink(),
    "a folder less": lambda tree: (tree / "empty").rmdir(),
    "a right to execute": lambda tree: (tree / "a" / "one.py").chmod(0o755),
    "another target": lambda tree: ((tree / "link").unlink(), (tree / "link").symlink_to("a/b/two")),
    "a file in place of a link": lambda tree: ((tree / "link").unlink(), (tree / "link").write_text("a/one.py")),
    "another name": lambda tree: (tree / "a" / "one.py").rename(tree / "a" / "two.py"),
}


@pytest.mark.parametrize("what", CHANGES)
def test_a_change_shows(tree: Path, what: str) -> None:
    before = seen(tree)
    assert seen(tree) == before
    assert look(tree) == before.look
    CHANGES[what](tree)
    assert look(tree) != before.look
    assert seen(tree).digest != before.digest


def test_a_copy_has_the_same_digest(tree: Path, tmp_path: Path) -> None:
    import shutil

    copy = tmp_path / "copy"
    shutil.copytree(tree, copy, symlinks=True)
    assert seen(copy).digest == seen(tree).digest


def test_what_is_no_file_is_refused(tree: Path) -> None:
    os.mkfifo(tree / "pipe")
    with pytest.raises(Refused, match="neither a file, a folder nor a link"):
        seen(tree)


def test_too_much_is_refused(tree: Path) -> None:
    with pytest.raises(Refused, match="more than 2999 bytes"):
        seen(tree, most=2999)
