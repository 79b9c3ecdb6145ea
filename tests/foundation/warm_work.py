"""The work of `test_warm`, and what is prepared for it: says where and as what it runs, then does what it was told."""

from __future__ import annotations

import atexit
import json
import os
import select
import signal
import sys
import threading
from pathlib import Path

VARYING = frozenset(("WORK",))


def prepare() -> None:
    """Nothing more than to be imported."""


def main() -> None:
    told = os.environ.get("WORK", "")
    woken, waking = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waking)
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(7))
    print(json.dumps({"parent": os.getppid(), "self": os.getpid(), "folder": str(Path.cwd()), "told": told}), flush=True)
    print("said at the end", file=sys.stderr)
    if told == "late":
        atexit.register(print, "asked to be called at the end", file=sys.stderr)
        threading.Thread(target=_after_the_end).start()
        return
    if told == "word":
        sys.exit("a word")
    if told == "error":
        raise ValueError("an error")
    if told == "wait":
        # A sleep that begins just after a signal came would not be ended by it.
        ready, _, _ = select.select([woken], [], [], 600)
        assert not ready, "the signal's handler ends this process"
    if told == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(int(told or 0))


def _after_the_end() -> None:
    threading.main_thread().join()
    print("a thread that goes on", file=sys.stderr)


if __name__ == "__main__":
    main()
