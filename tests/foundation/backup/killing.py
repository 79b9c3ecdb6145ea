"""Restores a site once for each step, in a process that dies there, and prints what was found; run with a folder.

The folder has ``old``, a site, and ``site.backup`` with ``public.pem``. One process makes all the others by forking, before any
thread begins, so a death is a real one and costs little.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from pathlib import Path

from arcops.errors import Refused
from artifacts.public_key import load_public_key
from foundation.backup.restoring import Permitted, restore
from foundation.half_restored import refuse_half
from tests.foundation.backup.sites import PASSPHRASE, files, rows, settings_of
from tests.models import CLOCK

_DIED = 77


def restored(folder: Path, home: Path, number: int) -> int:
    """Restore into *home*, and die at the step *number*; returns how many steps there were."""
    count = 0

    def step(_: str) -> None:
        nonlocal count
        if count == number:
            os._exit(_DIED)
        count += 1

    restore(
        folder / "site.backup",
        settings_of(home),
        keys=[load_public_key((folder / "public.pem").read_bytes(), where="the test")],
        passphrase=lambda: PASSPHRASE,
        now=CLOCK,
        permitted=Permitted(replace=True),
        step=step,
    )
    return count


def in_a_child(folder: Path, home: Path, number: int) -> int:
    """As `restored`, in a child; returns its exit status."""
    child = os.fork()
    if not child:
        try:
            restored(folder, home, number)
        except BaseException as error:
            print(f"{number}: {error!r}", file=sys.stderr, flush=True)
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def state(home: Path) -> dict[str, object]:
    """What a user finds: whether commands are refused, the files, and the rows."""
    settings = settings_of(home)
    try:
        refuse_half(settings.memory)
    except Refused:
        return {"half": True}
    beside = (".before-", ".restored", "remembered/")  # the names of memories depend on the path of the store
    kept = {name: digest for name, digest in files(home).items() if not any(one in name for one in beside)}
    return {"half": False, "files": kept, "rows": [(one.table, one.rows, one.digest) for one in rows(settings)]}


def main(folder: Path) -> None:
    found: list[dict[str, object]] = []
    for number in (*range(7), *range(8, 100, 4)):
        home = folder / f"{number}" / "home"
        shutil.copytree(folder / "old", home)
        status = in_a_child(folder, home, number)
        killed = state(home)
        again = in_a_child(folder, home, -1)
        found.append({"status": status, "killed": killed, "again": again, "after": state(home)})
        if status != _DIED:
            break
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
