"""A server is started once, in its box and watched: what it says and what it tries is red at its rule."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from arcops.evidence import Body, Evidence, Missing
from arcops.judge import judge
from arcops.seen.server import Launching
from arcops.seen.server_tools import Pin, ServerTools
from flows.plan import gate_named
from gates.server.server_tools import ServerToolsPolicy
from tasks.server.case import Case, Locked
from tests.evidence import NOW
from tests.tasks.server.made import Made, look

pytestmark = pytest.mark.requirement("HOST-020/only-green-servers-start")
ODD = Path(__file__).with_name("odd.py")


@pytest.fixture
def made(tmp_path: Path) -> Made:
    tree = tmp_path / "server" / "tree" / "copy"
    tree.mkdir(parents=True)
    (tree / "server.py").write_text(ODD.read_text())
    package = f"folder:{tmp_path}/source"
    lock = Locked(package=package, runtime="folder", text="sha256:1")
    case = Case(lock=lock, launching=Launching(package=package), cleared=True)
    return Made(tmp_path / "server", case, tmp_path)


def started(made: Made, *words: str) -> Evidence[ServerTools] | Missing:
    python = str(getattr(sys, "_base_executable", sys.executable))
    made.case = replace(made.case, command=(python, "-I", "-B", str(made.tree / "copy" / "server.py"), *words))
    made.seal()
    return look("server-tools", made.request, {})  # type: ignore[return-value]  # of this kind


def bad(made: Made, *words: str) -> set[str]:
    started(made, *words)
    return {one.removeprefix("server-tools/") for one in made.bad("server-tools")}


def test_a_plain_server_says_what_it_offers(made: Made) -> None:
    found = started(made)
    assert isinstance(found, Evidence)
    body = found.body
    assert (body.eras, body.version, [one.name for one in body.pins]) == (("legacy",), "2025-11-25", ["echo"])
    assert (body.stray, body.tried, body.watched) == ((), (), True)
    assert bad(made) == set()


def test_what_it_offers_only_to_a_client_that_can_more_is_seen_too(made: Made) -> None:
    found = started(made, "for-able-clients")
    assert isinstance(found, Evidence)
    assert [one.name for one in found.body.pins] == ["echo", "roots"]


def test_one_that_ends_when_it_is_asked_for_the_other_era_is_asked_again(made: Made) -> None:
    assert bad(made, "leaves") == set()


@pytest.mark.parametrize(
    ("word", "rule"),
    [
        ("print", "stray-output"),
        ("invisible", "visible"),
        ("hidden-name", "visible"),
        ("poison", "plain"),
        ("nothing", "answered"),
        ("connect", "kept-to-its-row"),
        ("datagram", "kept-to-its-row"),
    ],
)
def test_what_it_says_and_tries_is_red_at_its_rule(made: Made, word: str, rule: str) -> None:
    assert rule in bad(made, word)


ACTS = {
    "a socket of another program": ("import socket; socket.socket(socket.AF_UNIX).connect(PLACE + '/socket')", "connect"),
    "a socket without a file": ("import socket; socket.socket(socket.AF_UNIX).connect(chr(0) + 'x')", "connect"),
    "a message to another program": ("import socket; socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)", "connect"),
    "the name of a host": ("import socket; socket.getaddrinfo('host.example', 443)", "connect"),
    "a message with its address": (
        "import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendmsg([b'x'], [], 0, ('203.0.113.9', 53))",
        "connect",
    ),
    "packets of its own making": ("import socket; socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)", "connect"),
    "the machine that this one runs on": ("import socket; socket.socket(socket.AF_VSOCK)", "connect"),
    "a port": ("import socket; socket.socket().bind(('127.0.0.1', 0))", "listen"),
    "another process's variables": ("open('/proc/1/environ').read()", "read"),
    "a way around through itself": ("open('/proc/self/root' + PLACE + '/a').read()", "read"),
    "the names in a folder": ("import os; os.listdir(PLACE)", "read"),
    "what happens in a folder": (
        "import ctypes; libc = ctypes.CDLL(None); libc.inotify_add_watch(libc.inotify_init(), PLACE.encode(), 2)",
        "read",
    ),
    "a file by another call": (
        "import ctypes; ctypes.CDLL(None).syscall(437, -100, (PLACE + '/a').encode(), bytes(24), 24)",
        "read",
    ),
    "by a child": ("import os\nif not os.fork():\n    open(PLACE + '/a'); os._exit(0)\nos.wait()", "read"),
    "a file that is removed": ("import os; os.unlink(PLACE + '/a')", "write"),
    "a file that is moved": ("import os; os.rename(PLACE + '/a', PLACE + '/b')", "write"),
    "a folder that is made": ("import os; os.mkdir(PLACE + '/d')", "write"),
    "a link that is made": ("import os; os.symlink('/etc/shadow', PLACE + '/l')", "write"),
    "a second name": ("import os; os.link(PLACE + '/a', 'mine')", "read"),
    "a file that is shortened": ("import os; os.truncate(PLACE + '/a', 0)", "write"),
    "a mode": ("import os; os.chmod(PLACE + '/a', 0o777)", "write"),
    "a time": ("import os; os.utime(PLACE + '/a')", "write"),
    "an attribute": ("import os; os.setxattr(PLACE + '/a', 'user.x', b'1')", "write"),
    "memory that programs share": ("open('/dev/shm/x', 'w')", "write"),
    "another process": ("import ctypes; ctypes.CDLL(None).ptrace(16, 1, 0, 0)", "use"),
    "a mount": ("import ctypes; ctypes.CDLL(None).mount(b'none', b'/mnt', b'tmpfs', 0, 0)", "use"),
}


@pytest.mark.parametrize("what", ACTS)
def test_what_no_row_names_is_noted_refused_and_red(made: Made, tmp_path: Path, what: str) -> None:
    act, kind = ACTS[what]
    foreign = tmp_path / "foreign"
    foreign.mkdir()
    (foreign / "a").write_text("of someone else")
    with socket.socket(socket.AF_UNIX) as there:
        there.bind(str(foreign / "socket"))
        there.listen()
        there.setblocking(False)
        before = sorted((one.name, one.stat().st_mode, one.stat().st_mtime_ns) for one in foreign.iterdir())
        found = started(made, "act", f"PLACE = {str(foreign)!r}\n{act}")
        assert isinstance(found, Evidence), found
        assert kind in {one.what for one in found.body.tried}, found.body.tried
        with pytest.raises(BlockingIOError):
            there.accept()
    assert sorted((one.name, one.stat().st_mode, one.stat().st_mtime_ns) for one in foreign.iterdir()) == before
    collected: dict[str, Evidence[Body] | Missing] = {ServerTools.KIND: found}
    result = judge(gate_named("server-tools"), ServerToolsPolicy(), collected, at=NOW, subject_name="made")  # type: ignore[arg-type]
    assert {one.rule for one in result.findings if one.outcome.value == "FAIL"} == {"server-tools/kept-to-its-row"}


def test_what_every_interpreter_does_is_no_fault(made: Made) -> None:
    act = (
        "import getpass, json, locale, os, pathlib, pwd, socket, ssl, subprocess, sys, tempfile, threading, uuid, zoneinfo\n"
        "pwd.getpwuid(os.getuid()); socket.gethostname(); os.cpu_count(); open('/proc/self/status').read()\n"
        "os.listdir('/proc/self/fd'); os.listdir('/proc/self/task'); ssl.create_default_context(); uuid.uuid4()\n"
        "p = pathlib.Path.home() / 'cache'; p.mkdir(); (p / 'x').write_text('x')\n"
        "(p / 'x').rename(p / 'y'); (p / 'y').unlink()\n"
        "a, b = socket.socketpair(); a.sendmsg([b'x']); subprocess.run([sys.executable, '-I', '-c', ''], check=True)\n"
        "import asyncio; asyncio.run(asyncio.sleep(0))"
    )
    found = started(made, "act", act)
    assert isinstance(found, Evidence), found
    assert found.body.tried == ()


@pytest.mark.parametrize("word", ["read", "write", "run"])
def test_a_foreign_file_is_noted_and_refused(made: Made, tmp_path: Path, word: str) -> None:
    foreign = tmp_path / "foreign"
    foreign.write_text("of someone else")
    foreign.chmod(0o755)
    found = started(made, word, str(foreign))
    assert isinstance(found, Evidence)
    assert (word, str(foreign)) in [(one.what, one.place) for one in found.body.tried]
    assert foreign.read_text() == "of someone else"
    assert bad(made, word, str(foreign)) == {"kept-to-its-row"}
    made.case = replace(made.case, launching=replace(made.case.launching, reads=(str(foreign),)))
    assert bad(made, word, str(foreign)) == (set() if word == "read" else {"kept-to-its-row"})


def test_what_it_would_change_is_only_read_at_its_first_start(made: Made, tmp_path: Path) -> None:
    mine = tmp_path / "mine"
    mine.write_text("as it was")
    made.case = replace(made.case, launching=replace(made.case.launching, writes=(str(mine),)))
    assert bad(made, "write", str(mine)) == {"kept-to-its-row"}
    assert mine.read_text() == "as it was"


def test_a_fork_bomb_has_a_most_and_leaves_nothing(made: Made) -> None:
    found = started(made, "bomb")
    assert isinstance(found, Evidence)
    texts = [one.text for one in found.body.texts]
    assert [one for one in texts if one.startswith("Stopped by")]
    mark = str(made.tree).encode()
    assert not [one for one in Path("/proc").glob("[0-9]*/cmdline") if mark in _read(one)]


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b""


@pytest.mark.parametrize(
    ("words", "rule"),
    [(("other",), {"unchanged"}), (("more",), {"unchanged"}), ((), set[str]())],
    ids=["other", "more", "same"],
)
def test_another_definition_than_before_is_red(made: Made, words: tuple[str, ...], rule: set[str]) -> None:
    first = started(made)
    assert isinstance(first, Evidence)
    made.case = replace(made.case, before=first.body.pins)
    assert bad(made, *words) == rule
    made.case = replace(made.case, before=(*first.body.pins, Pin(kind="tool", name="gone", digest=f"sha256:{'0' * 64}")))
    assert "unchanged" in bad(made, *words)


def test_one_that_does_not_answer_is_no_evidence_and_shows_its_last_words(made: Made) -> None:
    found = started(made, "exit")
    assert isinstance(found, Missing)
    assert "its last words: a token is missing" in found.reason
    assert made.bad("server-tools") == {"server-tools/judged"}


def test_one_that_was_not_cleared_is_not_started(made: Made, tmp_path: Path) -> None:
    made.case = replace(made.case, cleared=False)
    found = started(made, "write", str(tmp_path / "server" / "trace"))
    assert isinstance(found, Missing)
    assert "it was not started" in found.reason
    assert not os.path.lexists(tmp_path / "server" / "trace")
