"""The work of `test_warm`, and what is prepared for it: says where and as what it runs, then does what it was told."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from pathlib import Path

VARYING = frozenset(("WORK",))


def prepare() -> None:
    """Nothing more than to be imported."""


def main() -> None:
    told = os.environ.get("WORK", "")
    signal.signal(signal.SIGTERM, lambda number, frame: os._exit(7))
    print(json.dumps({"parent": os.getppid(), "self": os.getpid(), "folder": str(Path.cwd()), "told": told}), flush=True)
    print("said at the end", file=sys.stderr)
    if told == "wait":
        time.sleep(600)
    if told == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    sys.exit(int(told or 0))


if __name__ == "__main__":
    main()
