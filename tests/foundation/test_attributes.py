"""No program in the box changes modes, owners, times, attributes or flags of any file, which Landlock leaves to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from foundation.processes import landlock, seccomp
from tests.foundation.test_box import home, inside, ordinary

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")
__all__ = ["home", "ordinary"]

TRYING = """
import ctypes, json, os
libc = ctypes.CDLL(None, use_errno=True)
open(PATH, "ab").close()
path, fd, here, zero = PATH.encode(), os.open(PATH, os.O_RDONLY), -100, ctypes.c_void_p(0)
old = os.uname().machine == "x86_64"
args = ctypes.create_string_buffer(64)
def libc_call(name, *given):
    return getattr(libc, name)(*given)
def number(value, *given):
    return libc.syscall(ctypes.c_long(value), *given)
def ioctl(command, size):
    return libc.ioctl(fd, ctypes.c_ulong(command), ctypes.create_string_buffer(size))
tried = {
    "chmod": lambda: libc_call("chmod", path, 0o644),
    "fchmod": lambda: libc_call("fchmod", fd, 0o644),
    "fchmodat": lambda: libc_call("fchmodat", here, path, 0o644, 0),
    "fchmodat2": lambda: number(452, here, path, 0o644, 0),
    "chown": lambda: libc_call("chown", path, os.getuid(), -1),
    "lchown": lambda: libc_call("lchown", path, os.getuid(), -1),
    "fchown": lambda: libc_call("fchown", fd, os.getuid(), -1),
    "fchownat": lambda: libc_call("fchownat", here, path, os.getuid(), -1, 0),
    "utime": lambda: libc_call("utime", path, zero),
    "utimes": lambda: libc_call("utimes", path, zero),
    "futimes": lambda: libc_call("futimes", fd, zero),
    "utimensat": lambda: libc_call("utimensat", here, path, zero, 0),
    "setxattr": lambda: libc_call("setxattr", path, b"user.a", b"b", 1, 0),
    "lsetxattr": lambda: libc_call("lsetxattr", path, b"user.a", b"b", 1, 0),
    "fsetxattr": lambda: libc_call("fsetxattr", fd, b"user.a", b"b", 1, 0),
    "setxattrat": lambda: number(463, here, path, 0, b"user.a", args, 16),
    "removexattr": lambda: libc_call("removexattr", path, b"user.a"),
    "lremovexattr": lambda: libc_call("lremovexattr", path, b"user.a"),
    "fremovexattr": lambda: libc_call("fremovexattr", fd, b"user.a"),
    "removexattrat": lambda: number(466, here, path, 0, b"user.a"),
    "file_setattr": lambda: number(469, here, path, args, 24, 0),
    "FS_IOC_SETFLAGS": lambda: ioctl(0x40086602, 8),
    "FS_IOC32_SETFLAGS": lambda: ioctl(0x40046602, 8),
    "FS_IOC_FSSETXATTR": lambda: ioctl(0x401C5820, 28),
    "FS_IOC_SETVERSION": lambda: ioctl(0x40087602, 8),
    "EXT4_IOC_SETVERSION": lambda: ioctl(0x40086604, 8),
    "FS_IOC_SET_ENCRYPTION_POLICY": lambda: ioctl(0x800C6613, 12),
    "FS_IOC_ENABLE_VERITY": lambda: ioctl(0x40806685, 128),
    "FAT_IOCTL_SET_ATTRIBUTES": lambda: ioctl(0x40047211, 4),
    "BTRFS_IOC_SUBVOL_SETFLAGS": lambda: ioctl(0x4008941A, 8),
}
if old:
    tried["the call chmod"] = lambda: number(90, path, 0o644)
    tried["the call futimesat"] = lambda: number(261, here, path, zero)
    tried["the call utime"] = lambda: number(132, path, zero)
    tried["the call utimes"] = lambda: number(235, path, zero)
    tried["the call lchown"] = lambda: number(94, path, os.getuid(), -1)
def error(call):
    ctypes.set_errno(0)
    return ctypes.get_errno() if call() < 0 else 0
print(json.dumps({name: error(call) for name, call in tried.items()}))
"""


def test_each_call_that_changes_them_is_refused_also_for_its_own_files(home: Path, ordinary: bool) -> None:
    code = f"PATH = {str(home / 'x')!r}\n{TRYING}"
    found = json.loads(inside(home, code, ordinary=ordinary))
    assert len(found) >= 30
    assert set(found.values()) == {1}, {name: os.strerror(number) for name, number in found.items() if number != 1}


def test_outside_of_the_box_they_are_not_refused(tmp_path: Path) -> None:
    code = f"PATH = {str(tmp_path / 'x')!r}\n{TRYING}"
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    worked = {"chmod", "fchmod", "fchmodat", "chown", "fchown", "lchown", "fchownat", "utime", "utimes", "futimes", "utimensat"}
    assert {name for name in worked if found[name] != 0} == set()


def test_the_mode_and_times_of_a_key_of_the_site_stay(home: Path, ordinary: bool) -> None:
    key = home.parent / "key"
    key.write_text("of the site")
    key.chmod(0o600)
    before = key.stat()
    code = f"import os\nfor one in (os.chmod, os.utime): one({str(key)!r}, *([0o666] if one is os.chmod else []))"
    assert "PermissionError" in inside(home, code, ordinary=ordinary)
    code = f"import os\ntry: os.utime({str(key)!r})\nexcept PermissionError: print('refused')"
    assert inside(home, code, ordinary=ordinary) == "refused"
    assert key.stat() == before


def test_what_servers_do_with_their_own_files_works(home: Path) -> None:
    code = (
        "import fcntl, os, sqlite3, termios, tempfile\n"
        "from pathlib import Path\n"
        "Path('a').write_text('x'); os.replace('a', 'b'); os.truncate('b', 0); Path('b').touch()\n"
        "os.close(os.open('c', os.O_CREAT | os.O_WRONLY, 0o600)); os.mkdir('d', 0o700)\n"
        "with tempfile.TemporaryDirectory(dir='.'): pass\n"
        "base = sqlite3.connect('e'); base.execute('pragma journal_mode=wal')\n"
        "base.execute('create table t (a)'); base.close()\n"
        "reads, writes = os.pipe(); fcntl.ioctl(reads, termios.FIONREAD, bytes(4)); os.set_blocking(reads, False)\n"
        "print(oct(os.stat('c').st_mode & 0o777), oct(os.stat('d').st_mode & 0o777))\n"
    )
    assert inside(home, code, ordinary=False) == "0o600 0o700"


@pytest.mark.parametrize("machine", ["x86_64", "aarch64"])
def test_each_call_has_a_number_of_its_own(machine: str) -> None:
    numbers = [one for one in seccomp._MACHINES[machine][1] if one is not None]
    assert len(numbers) == len(set(numbers))
    assert len(seccomp._MACHINES[machine][1]) == len(seccomp._NAMES)


def test_a_kernel_whose_landlock_does_not_know_it_shortens_no_file_by_its_path(home: Path) -> None:
    (home / "x").write_text("content")
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).resolve().parents[2])!r}); import os\n"
        "from foundation.processes import seccomp\n"
        "from foundation.processes.kernel import no_new_privileges\n"
        "no_new_privileges(); seccomp.restrict(seccomp.Calls(programs=True, truncate=False))\n"
        "try: os.truncate('x', 0)\n"
        "except PermissionError: print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, cwd=home)
    assert done.stdout == "refused\n"
    assert landlock.version() < 3 or inside(home, "import os; print(os.truncate('x', 0))", ordinary=False) == "None"
