"""What the keeper started ends with all that it started, whatever becomes of the host, of the program or of the keeper."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

import pytest

from arcops.errors import Unavailable
from foundation.processes.box import Box
from foundation.processes.keeping import Ended, Keeping, Kept
from tests.waiting import until

pytestmark = [
    pytest.mark.requirement("HOST-013/many-servers-under-one-endpoint"),
    pytest.mark.skipif(sys.platform != "linux", reason="the keeper rests on Linux's subreapers"),
]

PYTHON = [sys.executable, "-I", "-S", "-c"]
DETACHED = """
import os, sys, time
if not os.fork():
    os.setsid()
    if not os.fork():
        print(os.getpid(), flush=True)
        os.close(0), os.close(1), os.close(2)
        time.sleep(3600)
    os._exit(0)
time.sleep(3600)
"""
"""A program that leaves a process in a session of its own, with no parent and no stream, and waits."""


def lives(pid: int) -> bool:
    with suppress(OSError):
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    return False


def keeping(work: Callable[[Keeping], Awaitable[None]], **more: float) -> None:
    """Do *work* with a keeper of its own."""

    async def whole() -> None:
        keeper = Keeping(**more)
        try:
            await work(keeper)
        finally:
            await asyncio.to_thread(keeper.close)

    asyncio.run(whole())


async def begun(keeper: Keeping, program: str, **more: float) -> Kept:
    return await keeper.begin([*PYTHON, program], environment={}, folder="/", **more)  # type: ignore[arg-type]


async def line(kept: Kept) -> str:
    return (await asyncio.to_thread(os.read, kept.stdout, 100)).decode().strip()


def close(kept: Kept) -> None:
    for one in (kept.stdin, kept.stdout, kept.stderr):
        os.close(one)


def test_streams_and_the_exit_code_are_the_programs() -> None:
    async def work(keeper: Keeping) -> None:
        kept = await begun(keeper, "import sys; line = input(); print(line[::-1]); print('no', file=sys.stderr); sys.exit(7)")
        os.write(kept.stdin, b"abc\n")
        assert await kept.ended == Ended(code=7)
        assert os.read(kept.stdout, 100) == b"cba\n"
        assert os.read(kept.stderr, 100) == b"no\n"
        close(kept)

    keeping(work)


def test_in_a_box_it_starts_without_another_interpreter_and_writes_its_own_folder_alone(tmp_path: Path) -> None:
    home, beside = tmp_path / "home", tmp_path / "beside"
    home.mkdir()
    base = os.path.realpath(sys.base_prefix)
    box = Box(runs=(base,), writes=(str(home),), environment=("GREETING=hello",))
    python = str(getattr(sys, "_base_executable", sys.executable))
    program = (
        "import os; print(os.environ['GREETING'], os.environ['OWN'], os.getpid(), flush=True);"
        f"open({str(home / 'x')!r}, 'w').close(); open({str(beside)!r}, 'w')"
    )

    async def work(keeper: Keeping) -> None:
        kept = await keeper.begin(
            [python, "-I", "-S", "-c", program], environment={"OWN": "its own"}, folder=str(home), box=box
        )
        assert await line(kept) == f"hello its own {kept.pid}", "the process that was started became the program"
        assert (await kept.ended).code == 1
        assert b"PermissionError" in os.read(kept.stderr, 10_000)
        close(kept)

    keeping(work)
    assert (home / "x").exists()
    assert not beside.exists()


def test_what_cannot_be_put_into_its_box_does_not_run(tmp_path: Path) -> None:
    async def work(keeper: Keeping) -> None:
        kept = await keeper.begin(["/nowhere"], environment={}, folder="/", box=Box(runs=("/usr",), writes=(str(tmp_path),)))
        assert await kept.ended == Ended(code=126)
        assert b"it does not run: [Errno 2]" in os.read(kept.stderr, 10_000)
        close(kept)

    keeping(work)


def test_it_gets_the_environment_that_is_given_and_no_descriptor_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ARCOPS_PASSPHRASE", "canary")

    async def work(keeper: Keeping) -> None:
        first = await begun(keeper, "import time; time.sleep(3600)")
        program = (
            "import os, json; "
            "print(json.dumps([dict(os.environ), len(os.listdir('/proc/self/fd')), os.getsid(0) == os.getpid()]))"
        )
        kept = await keeper.begin([*PYTHON, program], environment={"ONLY": "this", "LC_ALL": "C.UTF-8"}, folder="/")
        await kept.ended
        environment, descriptors, own_session = json.loads(await line(kept))
        assert environment == {"ONLY": "this", "LC_ALL": "C.UTF-8"}
        assert descriptors == 4  # its three streams, and the folder that it lists
        assert own_session
        close(kept)
        close(first)

    keeping(work)


def test_what_cannot_be_started_says_why() -> None:
    async def work(keeper: Keeping) -> None:
        with pytest.raises(Unavailable, match="/nowhere/program: No such file or directory"):
            await keeper.begin(["/nowhere/program"], environment={}, folder="/")
        with pytest.raises(Unavailable, match="No such file or directory"):
            await keeper.begin(["/bin/true"], environment={}, folder="/nowhere")

    keeping(work)


@pytest.mark.parametrize("gently", [True, False])
def test_ending_a_program_ends_what_it_detached(gently: bool) -> None:
    async def work(keeper: Keeping) -> None:
        kept = await begun(keeper, DETACHED)
        detached = int(await line(kept))
        assert lives(detached)
        keeper.end(kept, gently=gently)
        ended = await kept.ended
        assert ended == Ended(code=-signal.SIGTERM if gently else -signal.SIGKILL, left=1)
        assert not lives(detached)
        close(kept)

    keeping(work)


def test_a_program_that_ends_by_itself_leaves_nothing() -> None:
    async def work(keeper: Keeping) -> None:
        kept = await begun(keeper, DETACHED.rpartition("time.sleep")[0] + "input()")
        detached = int(await line(kept))
        os.write(kept.stdin, b"\n")
        assert await kept.ended == Ended(code=0, left=1)
        assert not lives(detached)
        close(kept)

    keeping(work)


def test_a_program_that_ignores_the_question_is_killed() -> None:
    async def work(keeper: Keeping) -> None:
        kept = await begun(
            keeper,
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); time.sleep(3600)",
            gently_seconds=0.1,
        )
        assert await line(kept) == "deaf"
        keeper.end(kept)
        assert (await kept.ended).code == -signal.SIGKILL
        close(kept)

    keeping(work)


def test_a_stopped_program_is_ended_too() -> None:
    async def work(keeper: Keeping) -> None:
        kept = await begun(keeper, "import time; print(1, flush=True); time.sleep(3600)", gently_seconds=0.1)
        await line(kept)
        os.kill(kept.pid, signal.SIGSTOP)
        keeper.end(kept)
        assert (await kept.ended).code in (-signal.SIGKILL, -signal.SIGTERM)
        close(kept)

    keeping(work)


def test_a_host_that_says_nothing_loses_its_programs_and_may_start_others() -> None:
    """It was stopped, or its event loop hangs: another host may run them by now."""

    async def work(keeper: Keeping) -> None:
        kept = await begun(keeper, DETACHED)
        detached = int(await line(kept))
        ended = await kept.ended  # no one renews
        assert ended.code == -signal.SIGKILL
        assert not lives(detached)
        again = await begun(keeper, "print(2)")
        assert await line(again) == "2"
        for one in (kept, again):
            close(one)

    keeping(work, patience=0.2)


def test_a_host_that_renews_keeps_them() -> None:
    async def work(keeper: Keeping) -> None:
        renewing = asyncio.create_task(keeper.renewing(every=0.05))
        kept = await begun(keeper, "input(); print('still', flush=True)")
        done, _ = await asyncio.wait([kept.ended], timeout=1.5)  # several times as long as it may be silent
        assert not done
        os.write(kept.stdin, b"\n")
        assert await kept.ended == Ended(code=0)
        renewing.cancel()
        close(kept)

    keeping(work, patience=0.5)


HOST = """
import asyncio, os, sys
sys.path[:] = {path!r}
from foundation.processes.keeping import Keeping
async def main():
    keeper = Keeping()
    kept = await keeper.begin({command!r}, environment={{}}, folder="/")
    print(kept.pid, os.read(kept.stdout, 100).decode().strip(), keeper._keeper.pid, flush=True)
    await keeper.renewing()
asyncio.run(main())
"""


@pytest.mark.parametrize("killed", ["host", "keeper", "warden"])
def test_a_killed_host_keeper_or_warden_leaves_nothing(killed: str) -> None:
    source = HOST.format(path=sys.path, command=[*PYTHON, DETACHED])
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        program, detached, keeper = map(int, host.stdout.readline().split())
        warden = int(Path(f"/proc/{program}/stat").read_text().rpartition(")")[2].split()[1])
        assert lives(program)
        assert lives(detached)
        os.kill({"host": host.pid, "keeper": keeper, "warden": warden}[killed], signal.SIGKILL)
        until(lambda: not lives(program) and not lives(detached), "both ended")
        if killed != "warden":
            until(lambda: not lives(keeper), "the keeper ended")
        host.kill()
    until(lambda: not lives(keeper), "the keeper ended with its host")
