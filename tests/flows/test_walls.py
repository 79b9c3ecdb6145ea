"""What a collector that hostile input took over can still do: nothing that a reader of files does not need."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import pytest

from arcops.collector import Collector
from arcops.evidence import Body, Evidence, Missing
from arcops.request import Request
from flows.runners import isolated as isolation
from flows.runners.isolated import look_isolated
from foundation.processes import kernel, landlock, seccomp, walls
from tests import hostile
from tests.hostile import Loot
from tests.sketch import request as sketch_request

pytestmark = [pytest.mark.requirement("ARC-0/hostile-input-is-contained")]

LANDLOCK = pytest.mark.skipif(not landlock.version(), reason="this kernel has no Landlock, so no file is closed to a collector")
SCOPED = pytest.mark.skipif(landlock.version() < 6, reason="this kernel's Landlock has no scopes (Linux 6.12)")
PORTS = pytest.mark.skipif(landlock.version() < 4, reason="this kernel's Landlock knows no ports (Linux 6.7)")
SECCOMP = pytest.mark.skipif(not seccomp.known(), reason="this machine has no filter of system calls")

SECRET = "secret-of-the-signer"


@pytest.fixture
def robbed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Request]:
    """A subject with a key in it, a folder of secrets beside it, and somebody who listens."""
    made = sketch_request(tmp_path)
    secrets = tmp_path / "secrets"
    for folder in (secrets, made.target):
        folder.mkdir()
    (secrets / "key").write_text(SECRET)
    (made.target / "secret.key").write_text(SECRET)
    (made.target / "model").write_text("weights")
    monkeypatch.setenv("ARCOPS_PASSPHRASE", SECRET)
    monkeypatch.setenv("PREFECT_API_AUTH_STRING", SECRET)
    monkeypatch.setenv("MODEL_KEY", "for the endpoint")
    monkeypatch.setenv("ARCOPS_KEY", str(made.target / "secret.key"))
    path = str(secrets / "socket")
    with (
        socket.create_server(("127.0.0.1", 0)) as listening,
        socket.create_server(("127.0.0.1", 0)) as other,
        socket.socket(socket.AF_UNIX) as local,
    ):
        local.bind(path)
        local.listen()
        (made.target / "other").write_text(str(other.getsockname()[1]))
        yield replace(made, declared=secrets, named=str(listening.getsockname()[1]))


def loot(collector: object, request: Request) -> Loot:
    found = look_isolated(cast("Collector[Body]", collector), request, {})
    assert isinstance(found, Evidence), found
    return cast(Loot, found.body)


FILES = ("key", "list", "key in the subject", "write beside", "write in the subject", "write to /tmp", "parent's command")
PARENT = ("parent's environment", "parent's memory")
NETWORK = ("udp", "unix", "netlink")
CALLS = ("program", "fork", "session", "namespace", "attach", "signal", "outlive")


class TestAReaderOfFiles:
    def test_reads_its_subject_and_writes_in_its_own_folder(self, robbed: Request) -> None:
        found = loot(hostile.robs, robbed)
        assert found.of("subject") == "got weights"
        assert found.of("write in its folder") == "got 1"
        assert found.of("thread group") == "got None"

    def test_is_told_no_passphrase_and_no_token(self, robbed: Request) -> None:
        found = loot(hostile.robs, robbed)
        assert {found.of("own environment"), found.of("own token")} == {"refused: not there"}

    @LANDLOCK
    @pytest.mark.parametrize("what", [*FILES, *PARENT])
    def test_is_refused_files(self, robbed: Request, what: str) -> None:
        assert loot(hostile.robs, robbed).of(what) == "refused: Permission denied"

    @SECCOMP
    @pytest.mark.parametrize("what", ["tcp", *NETWORK, *CALLS])
    def test_is_refused_calls(self, robbed: Request, what: str) -> None:
        assert loot(hostile.robs, robbed).of(what) == "refused: Operation not permitted"

    def test_leaves_nothing_behind(self, robbed: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        folder = tmp_path / "temporary"
        folder.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder))
        loot(hostile.robs, robbed)
        assert list(folder.iterdir()) == []

    def test_works_at_the_root_where_no_folder_can_be_had(
        self, robbed: Request, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
        assert loot(hostile.robs, robbed).of("subject") == "got weights"


class TestOneThatCalls:
    def test_reaches_its_port_and_is_told_what_it_declares(self, robbed: Request) -> None:
        found = loot(hostile.calls, robbed)
        assert found.of("tcp") == "got connected"
        assert found.of("declared") == "got for the endpoint"

    def test_is_not_told_the_passphrase_even_if_it_asks(self, robbed: Request) -> None:
        assert loot(hostile.calls, robbed).of("own environment") == "refused: not there"

    @PORTS
    def test_reaches_no_other_port(self, robbed: Request) -> None:
        assert loot(hostile.calls, robbed).of("other port") == "refused: Permission denied"

    @SECCOMP
    @pytest.mark.parametrize("what", [*NETWORK, *CALLS])
    def test_is_refused_calls(self, robbed: Request, what: str) -> None:
        assert loot(hostile.calls, robbed).of(what) == "refused: Operation not permitted"


class TestOneThatMeasures:
    @LANDLOCK
    @pytest.mark.parametrize("what", ["key", "list", "key in the subject", "write beside", "write to /tmp", *PARENT])
    def test_is_refused_files(self, robbed: Request, what: str) -> None:
        assert loot(hostile.measures, robbed).of(what) == "refused: Permission denied"

    @SECCOMP
    @pytest.mark.parametrize("what", ["tcp", "udp", "netlink", *CALLS])
    def test_is_refused_calls(self, robbed: Request, what: str) -> None:
        assert loot(hostile.measures, robbed).of(what) == "refused: Operation not permitted"


class TestMutations:
    """Without one of the walls, what it holds back comes through: so each of the tests above rests on that wall."""

    def mutant(self, robbed: Request, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: str) -> Loot:
        """The collector in a child that begins with *change*."""
        begun = isolation.python

        def changed(module: str, *arguments: str, **more: object) -> list[str]:
            command = begun(module, *arguments, **more)  # type: ignore[arg-type]  # handed on as it came
            at = command.index("-c") + 1
            command[at] = command[at].replace("main(", f"{change}; main(", 1)
            return command

        monkeypatch.setattr(isolation, "python", changed)
        return loot(hostile.robs, robbed)

    @LANDLOCK
    def test_without_landlock(self, robbed: Request, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        change = "import foundation.processes.landlock as l; l.version = lambda: 0"
        found = self.mutant(robbed, monkeypatch, tmp_path, change)
        assert found.of("key") == f"got {SECRET}"
        assert found.of("write beside") == "got 1"

    @SECCOMP
    def test_without_seccomp(self, robbed: Request, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        found = self.mutant(robbed, monkeypatch, tmp_path, "import foundation.processes.seccomp as s; s.known = lambda: False")
        assert found.of("udp") == "got connected"
        assert found.of("fork").startswith("got")

    def test_with_our_environment(self, robbed: Request, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        monkeypatch.setattr(isolation.environments, "of_collector", lambda environment, *_, **__: dict(environment))
        assert loot(hostile.robs, robbed).of("own environment") == f"got {SECRET}"

    @LANDLOCK
    def test_where_the_key_is_not_known_to_be_one(self, robbed: Request, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("ARCOPS_KEY", "env:KEY")
        assert loot(hostile.robs, robbed).of("key in the subject") == f"got {SECRET}"


def test_a_wall_that_does_not_stand_ends_the_child(robbed: Request, monkeypatch: pytest.MonkeyPatch) -> None:
    begun = isolation.python

    def changed(module: str, **more: object) -> list[str]:
        command = begun(module, **more)  # type: ignore[arg-type]  # handed on as it came
        at = command.index("-c") + 1
        command[at] = command[at].replace("main(", "import foundation.processes.landlock as l; l._RESTRICT = 9999; main(", 1)
        return command

    if not landlock.version():
        pytest.skip("this kernel has no Landlock")
    monkeypatch.setattr(isolation, "python", changed)
    found = look_isolated(cast("Collector[Body]", hostile.robs), robbed, {})
    assert isinstance(found, Missing)


@pytest.mark.parametrize(("version", "said"), [(0, "Landlock, so"), (3, "ports"), (5, "signals"), (7, "")])
def test_what_the_kernel_lacks_is_said(robbed: Request, monkeypatch: pytest.MonkeyPatch, version: int, said: str) -> None:
    heard: list[str] = []
    monkeypatch.setattr(walls.landlock, "version", lambda: version)
    monkeypatch.setattr(walls.seccomp, "known", lambda: True)
    look_isolated(cast("Collector[Body]", hostile.robs), replace(robbed, remark=heard.append), {})
    assert said in "".join(heard)
    assert bool(heard) is bool(said)


def test_a_process_that_holds_a_passphrase_hides_it_from_this_user() -> None:
    """Root may read it all the same, so it is the kernel's own word that is asked: PR_GET_DUMPABLE."""
    program = (
        "import ctypes, os; from foundation.processes.hiding import hide_secrets; hide_secrets();"
        "print(ctypes.CDLL(None).prctl(3, 0, 0, 0, 0))"
    )
    for told, dumpable in (({}, "1"), ({"ARCOPS_PASSPHRASE": "x"}, "0"), ({"ARCOPS_PASSPHRASE_FILE": "/x"}, "0")):
        done = subprocess.run(
            [sys.executable, "-c", program],
            env={"PATH": os.defpath, "PYTHONPATH": str(Path(__file__).parents[2]), **told},
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == dumpable, told


def test_the_kernel_is_asked_nothing_where_it_is_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "_libc", None)
    assert landlock.version() == 0
    assert not seccomp.known()
    assert "this kernel lacks Landlock" in walls.lacking()
    assert "filters of system calls" in walls.lacking()


def test_a_key_deep_in_the_subject_is_closed_and_what_lies_beside_it_is_not(tmp_path: Path) -> None:
    for name in ("a/b/key", "a/b/beside", "a/other/x", "top"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "a" / "link").symlink_to(tmp_path / "a" / "b" / "key")
    reads, lists = landlock.without(str(tmp_path), [str(tmp_path / "a" / "link")])
    assert set(reads) == {str(tmp_path / one) for one in ("a/b/beside", "a/other", "top")}
    assert set(lists) == {str(tmp_path / one) for one in (".", "a", "a/b")} - {str(tmp_path / ".")} | {str(tmp_path)}
    assert landlock.without(str(tmp_path), ["/nowhere/key"]) == ((str(tmp_path),), ())
    assert landlock.without(str(tmp_path / "top"), [str(tmp_path / "top")]) == ((), ())
