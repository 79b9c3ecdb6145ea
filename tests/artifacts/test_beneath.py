"""Opening below a root: no link leads out, put there before or meanwhile; by the kernel's own call, and without it."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from arcops.errors import Refused, Unavailable
from arcops.roots import Roots
from artifacts import beneath
from artifacts.beneath import held, is_folder, open_below, open_within, reach, stat_within
from artifacts.reading import read_at, read_file
from artifacts.writing import PARTIAL, replace_whole, vacant, write_new

pytestmark = pytest.mark.requirement("ARC-3/callers-are-bounded")

TELLING = "telling"


class Forbidding:
    """A C library under a filter of system calls that is older than openat2, or a kernel that is."""

    def __init__(self, code: int) -> None:
        self.code = code

    def syscall(self, *given: object) -> int:
        ctypes.set_errno(self.code)
        return -1


@pytest.fixture(params=["kernel", "steps", "old", "filtered"], autouse=True)
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    ways = {"steps": None, "old": Forbidding(errno.ENOSYS), "filtered": Forbidding(errno.EPERM)}
    if request.param in ways:
        monkeypatch.setattr(beneath, "_libc", ways[request.param])
    return str(request.param)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    served, outside = tmp_path / "served", tmp_path / "outside"
    for folder, text in ((served, "good"), (outside, TELLING)):
        (folder / "deep" / "er").mkdir(parents=True)
        (folder / "file").write_text(text)
        (folder / "deep" / "er" / "file").write_text(text)
    return served


def read(path: Path, within: Roots, *, follow: bool = True) -> str:
    return read_file(path, 100, follow=follow, within=within).decode()


def swapped(path: Path) -> None:
    """Put a link in place of *path*, to what lies at the same place outside."""
    root = next(parent for parent in path.parents if parent.name == "served")
    path.rename(path.with_name(f"{path.name}.was"))
    path.symlink_to(root.parent / "outside" / path.relative_to(root))


def swapping(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Swap *path* at the worst moment: after it was resolved, and before it is opened."""
    resolve = os.path.realpath
    waiting = [path]

    def resolved(name: str | os.PathLike[str]) -> str:
        found = resolve(name)
        if found.startswith((str(path), str(path.parent))) and waiting:
            swapped(waiting.pop())
        return found

    monkeypatch.setattr(os.path, "realpath", resolved)


def test_what_lies_below_a_root_is_opened_by_every_name_that_stays_inside(root: Path) -> None:
    (root / "relative").symlink_to("deep/er")
    (root / "absolute").symlink_to(root / "deep")
    (root.parent / "another name").symlink_to(root)
    within = held((root.parent / "another name",))
    for path in ("file", "deep/er/file", "relative/file", "absolute/er/file", "deep/../file", "./file"):
        assert read(root / path, within) == "good", path
    assert read(root.parent / "another name" / "file", within) == "good"
    assert is_folder(root, within)
    assert is_folder(root / "absolute", within)
    assert stat_within(root / "nothing", within) is None
    assert stat_within(root / "file" / "below", within) is None


@pytest.mark.parametrize("path", ["../outside/file", "out/file", "out/nothing", "up/file", "deep/out", "magic/file", "nul\0"])
def test_what_leads_out_is_refused_in_the_same_words_whether_it_is_there_or_not(root: Path, path: str) -> None:
    (root / "out").symlink_to(root.parent / "outside")
    (root / "up").symlink_to("../outside")
    (root / "deep" / "out").symlink_to("../../outside/file")
    (root / "magic").symlink_to(f"/proc/self/cwd{root.parent / 'outside'}")
    within = held((root,))
    said = set()
    for attempt in (
        lambda: read(root / path, within),
        lambda: stat_within(root / path, within),
        lambda: reach(root / path, (root,)),
    ):
        with pytest.raises(Refused) as refused:
            attempt()
        said.add(str(refused.value))
    assert said == {beneath.OUTSIDE}


@pytest.mark.parametrize("place", ["file", "deep", "deep/er", "deep/er/file"])
@pytest.mark.parametrize("follow", [True, False])
def test_a_link_put_there_after_the_path_was_resolved_leads_nowhere(
    root: Path, monkeypatch: pytest.MonkeyPatch, place: str, follow: bool
) -> None:
    within = held((root,))
    swapping(monkeypatch, root / place)
    with pytest.raises((Refused, Unavailable)) as raised:
        read(root / ("file" if place == "file" else "deep/er/file"), within, follow=follow)
    assert (root / place).is_symlink(), "the swap was made"
    assert TELLING not in str(raised.value)


@pytest.mark.parametrize("place", ["deep", "deep/er", "deep/er/file"])
def test_nor_does_stat_follow_it(root: Path, monkeypatch: pytest.MonkeyPatch, place: str) -> None:
    within = held((root,))
    outside = (root.parent / "outside" / "deep" / "er" / "file").stat().st_ino
    swapping(monkeypatch, root / place)
    try:
        found = stat_within(root / "deep" / "er" / "file", within)
    except Refused:
        found = None
    assert (root / place).is_symlink(), "the swap was made"
    assert found is None or found.st_ino != outside


def test_another_folder_is_not_taken_for_the_root(root: Path) -> None:
    within = held((root,))
    root.rename(root.parent / "was")
    (root.parent / "outside").rename(root)
    with pytest.raises(Refused, match="replaced"):
        read(root / "file", within)
    assert held((root.parent / "nothing", root / "file")) == ()
    with pytest.raises(Refused):
        read(root / "file", ())


def test_no_part_below_a_handle_may_be_a_link(root: Path) -> None:
    (root / "relative").symlink_to("deep")
    (root / "link").symlink_to("file")
    folder = os.open(root, os.O_RDONLY)
    try:
        assert read_at(folder, "deep/er/file", 100) == b"good"
        for path in ("relative/er/file", "link"):
            with pytest.raises((Refused, Unavailable)):
                read_at(folder, path, 100)
        for path in ("../outside/file", "/etc/passwd", "deep/../../outside/file"):
            with pytest.raises(Refused):
                open_below(folder, path, os.O_RDONLY)
    finally:
        os.close(folder)


def test_no_bounds_are_no_bounds(root: Path) -> None:
    (root / "out").symlink_to(root.parent / "outside")
    assert read(root / "out" / "file", None) == TELLING
    assert reach(Path("x"), None) == Path.cwd() / "x"


def test_errors_stay_what_they_were(root: Path) -> None:
    within = held((root,))
    with pytest.raises(Refused, match="does not exist"):
        read(root / "nothing", within)
    with pytest.raises(Refused, match="not a regular file"):
        read(root / "deep", within)
    (root / "link").symlink_to("file")
    with pytest.raises(Unavailable, match="symbolic links"):
        read(root / "link", within, follow=False)
    with pytest.raises(FileNotFoundError):
        open_within(root / "deep" / "nothing", os.O_RDONLY, within)


WRITERS: list[Callable[..., None]] = [write_new, replace_whole]


class TestWriting:
    @pytest.mark.parametrize("write", WRITERS)
    def test_a_file_is_written_below_the_root_and_nowhere_else(self, root: Path, write: Callable[..., None]) -> None:
        within = held((root,))
        (root / "out").symlink_to(root.parent / "outside")
        write(root / "deep" / "new", b"x", within=within)
        assert (root / "deep" / "new").read_bytes() == b"x"
        for path in (root / "out" / "new", root.parent / "new", root / ".." / "new"):
            with pytest.raises(Refused):
                write(path, b"x", within=within)
            assert not os.path.lexists(path)
        assert not list(root.parent.rglob(f"{PARTIAL}*"))

    @pytest.mark.parametrize("write", WRITERS)
    def test_a_folder_that_is_swapped_meanwhile_leads_nowhere(
        self, root: Path, monkeypatch: pytest.MonkeyPatch, write: Callable[..., None]
    ) -> None:
        within = held((root,))
        swapping(monkeypatch, root / "deep")
        with pytest.raises((Refused, Unavailable)):
            write(root / "deep" / "new", b"x", within=within)
        assert not (root.parent / "outside" / "deep" / "new").exists()

    @pytest.mark.parametrize("there", ["file", "link", "dangling", "folder"])
    def test_a_new_file_is_new(self, root: Path, there: str) -> None:
        within = held((root,))
        path = root / "there"
        match there:
            case "file":
                path.write_text("was")
            case "link":
                path.symlink_to(root.parent / "outside" / "file")
            case "dangling":
                path.symlink_to(root.parent / "outside" / "new")
            case _:
                path.mkdir()
        for attempt in (lambda: write_new(path, b"x", within=within), lambda: vacant(path, within=within)):
            with pytest.raises(Refused, match="exists already"):
                attempt()
        assert (root.parent / "outside" / "file").read_text() == TELLING
        assert not (root.parent / "outside" / "new").exists()
