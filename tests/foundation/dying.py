"""Does something once for each step, in a process that dies there: what is left on the disk is what a kill leaves.

One process makes the others by forking, before any thread begins, so a death is a real one and costs little.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

DIED = 77
Step = Callable[[str], None]


def deaths(
    folder: Path, act: Callable[[Path, Step], object], state: Callable[[Path], object], numbers: Iterable[int]
) -> list[dict[str, object]]:
    """For each of *numbers*, let *act* work in a copy of ``old`` in *folder* and die at that step; then let it work again.

    Each answer has the exit ``status``, what `state` found of the ``killed`` site, the status of the second call (``again``),
    and what there was ``after`` it. The last is of a call that did not die.
    """
    found: list[dict[str, object]] = []
    for number in numbers:
        home = folder / str(number) / "home"
        shutil.copytree(folder / "old", home, symlinks=True)
        status = _in_a_child(home, act, number)
        killed = state(home)
        again = _in_a_child(home, act, -1)
        found.append({"status": status, "killed": killed, "again": again, "after": state(home)})
        if status != DIED:
            break
    return found


def _in_a_child(home: Path, act: Callable[[Path, Step], object], number: int) -> int:
    child = os.fork()
    if child:
        return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    count = 0

    def step(_: str) -> None:
        nonlocal count
        if count == number:
            os._exit(DIED)
        count += 1

    try:
        act(home, step)
    except BaseException as error:
        print(f"{number}: {error!r}", file=sys.stderr, flush=True)
        os._exit(1)
    os._exit(0)


def kinds(found: list[dict[str, object]]) -> list[str]:
    """What each death left, in their order: ``old``, ``half`` or ``new``. It fails if one left something else, or if a second
    call did not end it.
    """
    *died, last = found
    assert last["status"] == 0
    assert all(one["status"] == DIED for one in died)
    old = died[0]["killed"]
    said = []
    for one in died:
        assert one["again"] == 0 or one["killed"] == last["after"], "only what has ended may be refused"
        assert one["after"] == last["after"]
        named = {str(old): "old", str(last["after"]): "new", "half": "half"}
        said.append(named.get(str(one["killed"]), f"between: {one['killed']}"))
    assert said == ["old"] * said.count("old") + ["half"] * said.count("half") + ["new"] * said.count("new"), said
    return said
