"""Of two processes at one folder the second is refused and told who is there; one that died never blocks."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from adapters.http.bound import bind
from arcops.errors import Refused, Unavailable
from foundation.only_one import only_one
from foundation.settings import read_settings
from tests.adapters.typed import typed

pytestmark = pytest.mark.requirement("ARC-1/errors-are-clear")
URL = "http://127.0.0.1:8420"


def held_by_another(folder: Path) -> tuple[int, int]:
    """A process that holds the lock in *folder*, and what to write to so that it dies."""
    ready, says = os.pipe()
    wait, end = os.pipe()
    child = os.fork()
    if not child:
        with only_one(folder, "server") as note:
            note(URL)
            os.write(says, b"x")
            os.close(end)
            os.read(wait, 1)
            os._exit(9)
    os.read(ready, 1)
    for one in (ready, says, wait):
        os.close(one)
    return child, end


def test_the_second_is_told_who_is_there_and_a_dead_one_never_blocks(tmp_path: Path) -> None:
    child, end = held_by_another(tmp_path / "home")
    said = rf"another 'arcops server' .*process {child}, at {URL}; stop it"
    with pytest.raises(Refused, match=said), only_one(tmp_path / "home", "server"):
        raise AssertionError("both are there")
    with only_one(tmp_path / "home", "other"), only_one(tmp_path / "elsewhere", "server"):
        pass
    os.write(end, b"x")
    os.waitpid(child, 0)
    os.close(end)
    for _ in range(2):
        with only_one(tmp_path / "home", "server"), pytest.raises(Refused, match=rf"process {os.getpid()}; stop it"):
            only_one(tmp_path / "home", "server").__enter__()


def test_a_full_disk_is_said_in_words_whenever_the_holder_is_noted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with only_one(tmp_path, "server") as note:
        monkeypatch.setattr(os, "pwrite", full)
        with pytest.raises(Unavailable, match=r"server\.lock cannot be written: No space left"):
            note(URL)
    with pytest.raises(Unavailable, match="No space left"), only_one(tmp_path, "server"):
        raise AssertionError("it is not noted who holds it")


@pytest.mark.parametrize("text", [b"", b"\xff\xff\n", b"1 2\n", b"1 \x1b[31m x\n", b"x" * 5000])
def test_what_cannot_be_read_of_the_holder_is_not_shown(tmp_path: Path, text: bytes) -> None:
    with only_one(tmp_path, "server"):
        (tmp_path / "server.lock").write_bytes(text)
        with pytest.raises(Refused, match="a process that is just starting"), only_one(tmp_path, "server"):
            raise AssertionError("both are there")


def test_what_is_no_lock_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.lock").mkdir()
    os.mkfifo(tmp_path / "b.lock")
    (tmp_path / "c.lock").symlink_to("elsewhere")
    (tmp_path / "file").write_text("x")
    for folder, name in ((tmp_path, "a"), (tmp_path, "b"), (tmp_path, "c"), (tmp_path / "file", "d")):
        with pytest.raises((Refused, Unavailable)), only_one(folder, name):
            raise AssertionError("it is held")
    assert not (tmp_path / "elsewhere").exists()


def test_a_second_server_at_one_home_is_refused_before_it_does_anything(tmp_path: Path) -> None:
    home = tmp_path / "home"
    child, end = held_by_another(home / "cache")
    environment = {"PATH": os.environ["PATH"], "ARCOPS_HOME": str(home), "ARCOPS_PASSPHRASE": "x"}
    done = typed("server", "--port", "0", "--no-worker", environment=environment)
    os.write(end, b"x")
    os.waitpid(child, 0)
    os.close(end)
    assert done.returncode == 2
    assert f"process {child}, at {URL}" in done.stderr
    assert sorted(path.name for path in home.iterdir()) == ["cache"]


def test_a_key_of_tls_that_others_can_read_is_refused(tmp_path: Path) -> None:
    certificate, key = tmp_path / "a.crt", tmp_path / "a.key"
    certificate.write_text("x")
    key.write_text("x")
    settings = read_settings({"ARCOPS_HOME": str(tmp_path)})

    def bound() -> object:
        return bind("127.0.0.1", 8420, settings, certificate=certificate, key=key, behind_proxy=False)

    for mode in (0o644, 0o640, 0o604):
        key.chmod(mode)
        with pytest.raises(Refused, match=f"run 'chmod 600 {key}'"):
            bound()
    key.chmod(0o600)
    assert bound()
    key.unlink()
    with pytest.raises(Refused, match="--tls-key cannot be read"):
        bound()
