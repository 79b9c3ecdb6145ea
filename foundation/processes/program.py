"""Becomes a third-party program, behind walls: no key, no new rights, and no network if the caller wants that.

``sys.argv`` holds what is forbidden, as JSON, and the program with its arguments. The program may use every other file of this
user, because it is not known which files it needs.
"""

from __future__ import annotations

import json
import os
import sys

from arcops.errors import Broken
from foundation.processes.walls import behind


def main() -> None:
    """Set up the walls and become the program; 126 if one of these fails."""
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
