"""Starts the small odd server once, watched in its box, as the user that this program runs as, and says what was seen as JSON.

Its arguments: a folder of this user, and the words for the server.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from arcops.evidence import Evidence
from arcops.seen.server import Launching
from tasks.server.case import Case, Locked
from tests.tasks.server.made import Made, look


def main() -> None:
    folder, words = Path(sys.argv[1]), sys.argv[2:]
    tree = folder / "server" / "tree" / "copy"
    tree.mkdir(parents=True)
    (tree / "server.py").write_text(Path(__file__).with_name("odd.py").read_text())
    package = f"folder:{folder}/source"
    python = str(getattr(sys, "_base_executable", sys.executable))
    made = Made(
        folder / "server",
        Case(
            lock=Locked(package=package, runtime="folder", text="sha256:1"),
            launching=Launching(package=package),
            command=(python, "-I", "-B", str(tree / "server.py"), *words),
            cleared=True,
        ),
        folder,
    )
    made.seal()
    found = look("server-tools", made.request, {})
    said: dict[str, object] = {"uid": os.getuid()}
    if isinstance(found, Evidence):
        body = found.body
        said |= {"eras": body.eras, "watched": body.watched, "tried": [(one.what, one.place) for one in body.tried]}  # type: ignore[attr-defined]
        said["texts"] = [one.text for one in body.texts]  # type: ignore[attr-defined]  # of this kind
    else:
        said["missing"] = found.reason
    print(json.dumps(said))


if __name__ == "__main__":
    main()
