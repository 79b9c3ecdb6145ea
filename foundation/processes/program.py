"""Becomes a program that others wrote, behind walls that it takes along: no key, no more rights, and no network if so asked.

``sys.argv`` is what is closed, as JSON, and the program with its arguments. It may use every other file of this user, for
nobody knows which ones a program of others needs.
"""

from __future__ import annotations

import json
import os
import sys

from arcops.errors import Broken
from foundation.processes.walls import behind


def main() -> None:
    """Stand the walls and become the program; 126 where one of these fails."""
    closed = json.loads(sys.argv[1])
    command = sys.argv[2:]
    try:
        behind(closed["files"], network=closed["network"])
        os.execve(command[0], command, dict(os.environ))  # noqa: S606  # no shell is wanted
    except (Broken, OSError) as error:
        print(f"{command[0]}: {error}", file=sys.stderr)
        raise SystemExit(126) from error


if __name__ == "__main__":
    main()
