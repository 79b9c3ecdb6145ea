"""The box of a hosted server bites, as root and as an ordinary user: files, network, processes, memory, others' memory."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from arcops.errors import Broken
from foundation.processes import box as boxes
from foundation.processes import crowd, landlock
from foundation.processes.box import Box, boxed

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")

ROOT = Path(__file__).resolve().parents[2]
OTHER = 65534
BECOME = """
import json, os, sys
sys.path.insert(0, {root!r})
import ctypes, array, resource, socket, struct, encodings.idna
from foundation.processes.box import Box, enter
from foundation.processes.crowd import alone
box = Box(**{{name: tuple(value) if isinstance(value, list) else value for name, value in json.loads({box!r}).items()}})
if os.getuid() == 0:
    os.setgroups([]); os.setresgid({other}, {other}, {other}); os.setresuid({other}, {other}, {other})
    ctypes.CDLL(None).prctl(4, 1, 0, 0, 0)  # a process that was root is closed to itself (PR_SET_DUMPABLE)
enter(box, apart=alone(network=box.network))
"""
"""An ordinary user enters the box; what Python still needs was imported before: that user may not read this checkout."""


@pytest.fixture(params=["as it is", "as an ordinary user"])
def ordinary(request: pytest.FixtureRequest) -> bool:
    return bool(request.param == "as an ordinary user")


@pytest.fixture
def home(tmp_path: Path) -> Path:
    place = tmp_path / "home"
    place.mkdir()
    made_here = Path("/tmp")  # pytest makes its folders there
    for one in (place, *place.parents):
        if one.is_relative_to(made_here) and one != made_here:
            one.chmod(0o777)
    return place


def inside(home: Path, code: str, *, ordinary: bool, **more: object) -> str:
    """What *code* prints in the box, or its last line of error."""
    base = os.path.realpath(sys.base_prefix)
    box = Box(runs=(base,), writes=(str(home),), **more)  # type: ignore[arg-type]  # fields of one type each
    if ordinary:
        whole = BECOME.format(root=str(ROOT), box=json.dumps(asdict(box)), other=OTHER) + code
        command = [sys.executable, "-I", "-c", whole]
    else:
        command = boxed(box, [str(getattr(sys, "_base_executable", sys.executable)), "-I", "-c", code])
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, cwd=home, env={"PATH": os.defpath, "HOME": str(home)}
    )
    return (done.stdout or done.stderr).strip().splitlines()[-1] if done.stdout or done.stderr else str(done.returncode)


def test_it_may_write_its_own_folder_and_no_other(home: Path, ordinary: bool) -> None:
    assert inside(home, f"print(open({str(home / 'x')!r}, 'w').write('abc'))", ordinary=ordinary) == "3"
    beside = home.parent / "beside"
    assert "PermissionError" in inside(home, f"open({str(beside)!r}, 'w')", ordinary=ordinary)
    assert not beside.exists()


def test_it_may_not_read_what_its_row_does_not_name(home: Path, ordinary: bool) -> None:
    other = home.parent / "other"
    other.write_text("of someone else")
    other.chmod(0o644)
    code = f"print(open({str(other)!r}).read())"
    assert "PermissionError" in inside(home, code, ordinary=ordinary)
    assert inside(home, code, ordinary=ordinary, reads=(str(other),)) == "of someone else"


def test_it_reaches_no_one_without_the_network(home: Path, ordinary: bool) -> None:
    for kind in ("STREAM", "DGRAM"):
        code = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_{kind})"
        assert "PermissionError" in inside(home, code, ordinary=ordinary)
    assert "PermissionError" in inside(home, "import socket; socket.socket(socket.AF_UNIX)", ordinary=ordinary)
    code = "import socket; socket.create_connection(('127.0.0.1', 1))"
    assert "ConnectionRefusedError" in inside(home, code, ordinary=ordinary, network=True)


def test_a_fork_bomb_has_a_most(home: Path, ordinary: bool) -> None:
    code = (
        "import os, signal\n"
        "count = 0\n"
        "try:\n"
        "    while count < 5000:\n"
        "        if not os.fork(): signal.pause()\n"
        "        count += 1\n"
        "except OSError: pass\n"
        "print(count, flush=True)\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN); os.killpg(0, signal.SIGTERM)\n"
    )
    code = f"import os; os.setpgid(0, 0)\n{code}"
    count = int(inside(home, code, ordinary=ordinary, processes=40))
    assert 0 < count <= 40


def test_memory_and_files_have_a_most(home: Path, ordinary: bool) -> None:
    assert "MemoryError" in inside(home, "bytearray(1 << 31)", ordinary=ordinary, bytes=1 << 30)
    code = "import os\n[os.open('/dev/null', 0) for _ in range(100)]"
    assert "Too many open files" in inside(home, code, ordinary=ordinary, files=50)


def test_it_sees_nothing_of_other_processes(home: Path, ordinary: bool) -> None:
    code = f"print(open('/proc/{os.getpid()}/environ').read())"
    assert "PermissionError" in inside(home, code, ordinary=ordinary)
    code = f"import os; os.kill({os.getpid()}, 0)"
    if ordinary or landlock.version() >= 6:
        assert "PermissionError" in inside(home, code, ordinary=ordinary)


def test_what_this_machine_cannot_hold_is_refused_with_the_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(landlock, "version", lambda: 0)
    assert "lacks Landlock" in boxes.lacking()
    with pytest.raises(Broken, match="cannot hold a hosted server to its row"):
        boxes.enter(Box(runs=()), apart=False)
    monkeypatch.setattr(os, "getuid", lambda: 0)
    monkeypatch.setattr(crowd, "_tops", list)
    with pytest.raises(Broken, match="run the host as an ordinary user"):
        crowd.bound(10, alone=False)


def test_a_first_start_is_refused_if_what_it_starts_could_outlive_it(home: Path) -> None:
    box = json.dumps(asdict(Box(runs=(), watched=99)))
    code = (
        f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv = ['box', {box!r}, '/bin/true']\n"
        "from foundation.processes import box, crowd\n"
        "from foundation.processes.kernel import only_files_of_root\n"
        "only_files_of_root()\n"  # as in a container: neither root's rights nor namespaces of users
        "crowd._UNSHARE.clear() if __import__('os').getuid() else None\n"
        "box.main()\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=False, cwd=home)
    assert done.returncode == 126
    assert "could outlive its first words" in done.stderr
