"""The first start of a server, as the user of the tests and as an ordinary one: walls and watch are the same."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")
ROOT = Path(__file__).resolve().parents[3]
OTHER = 65534


def _reachable(path: Path) -> bool:
    return all(one.stat().st_mode & 0o005 == 0o005 for one in (path, *path.parents))


def _python() -> str:
    """An interpreter of this version that an ordinary user may run, with everything that it needs; or skip."""
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    mine = Path(os.path.realpath(getattr(sys, "_base_executable", sys.executable)))
    for one in (mine, Path(shutil.which(version, path=os.defpath) or mine)):
        if _reachable(one.resolve()) and _reachable(ROOT) and _reachable(Path(sysconfig.get_path("purelib"))):
            return str(one)
    pytest.skip(f"no {version}, or not this checkout, may be read by an ordinary user")


@pytest.fixture(params=["as it is", "as an ordinary user"])
def other(request: pytest.FixtureRequest) -> bool:
    if request.param == "as an ordinary user" and os.getuid():
        pytest.skip("the tests are run by an ordinary user already")
    return bool(request.param == "as an ordinary user")


@pytest.fixture
def folder(other: bool) -> Iterator[Path]:
    place = Path(tempfile.mkdtemp(prefix="arcops-ordinary-", dir="/tmp"))  # every user may look for it there
    (place / "mine").mkdir()
    (place / "foreign").mkdir()
    (place / "foreign" / "a").write_text("of someone else")
    place.chmod(0o755)
    (place / "foreign").chmod(0o777)
    (place / "foreign" / "a").chmod(0o666)
    if other:
        os.chown(place / "mine", OTHER, OTHER)
    yield place
    shutil.rmtree(place)


def seen(folder: Path, other: bool, *words: str) -> Any:
    user: dict[str, Any] = {"user": OTHER, "group": OTHER, "extra_groups": []} if other else {}
    python = _python() if other else sys.executable
    done = subprocess.run(
        [python, "-m", "tests.tasks.server.as_ordinary", str(folder / "mine"), *words],
        env={"PATH": os.defpath, "HOME": str(folder / "mine"), "PYTHONPATH": f"{ROOT}:{sysconfig.get_path('purelib')}"},
        capture_output=True, text=True, check=False, cwd=ROOT, **user,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["uid"] == (OTHER if other else os.getuid())
    return found


def test_a_plain_server_is_heard_and_watched(folder: Path, other: bool) -> None:
    found = seen(folder, other)
    assert (found["eras"], found["watched"], found["tried"]) == (["legacy"], True, [])


def test_what_it_tries_is_noted_and_refused(folder: Path, other: bool) -> None:
    place = str(folder / "foreign")
    act = (
        f"import os, socket, ctypes\nPLACE = {place!r}\n"
        "for one in (\n"
        "    lambda: open(PLACE + '/a').read(),\n"
        "    lambda: open(PLACE + '/b', 'w'),\n"
        "    lambda: os.unlink(PLACE + '/a'),\n"
        "    lambda: os.chmod(PLACE + '/a', 0o600),\n"
        "    lambda: socket.create_connection(('203.0.113.7', 443), timeout=1),\n"
        "    lambda: ctypes.CDLL(None).ptrace(16, 1, 0, 0),\n"
        "):\n"
        "    try:\n        one()\n    except OSError:\n        pass\n"
    )
    found = seen(folder, other, "act", act)
    tried = [tuple(one) for one in found["tried"]]
    for one in (("read", f"{place}/a"), ("write", f"{place}/b"), ("write", f"{place}/a"), ("use", "ptrace")):
        assert one in tried
    assert ("connect", "203.0.113.7:443") in tried
    assert sorted(one.name for one in (folder / "foreign").iterdir()) == ["a"]
    assert (folder / "foreign" / "a").stat().st_mode & 0o777 == 0o666


def test_a_fork_bomb_has_a_most(folder: Path, other: bool) -> None:
    found = seen(folder, other, "bomb")
    assert any(text.startswith("Stopped by") for text in found["texts"])
