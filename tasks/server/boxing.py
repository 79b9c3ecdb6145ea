"""The box of a hosted server: what its row permits, and what every runtime needs, at the handshake and when it serves."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path

from arcops.seen.server import Launching
from foundation.processes.box import DEVICES, LIBRARIES, SETTINGS, Box
from foundation.processes.rooted import WRITABLE
from tasks.server.images import ROOT, image_in

_OWN = re.compile(r"/proc/(?:self|thread-self)(?:(?:/task/[0-9]+)?(?:/(?!root|cwd|fd|map_files)[^/]+)*|/fd(?:/[0-9]+)?)")
"""What the kernel tells a process of itself; what is below ``root``, ``cwd`` and open folders is another file."""


def box_of(tree: Path, command: Sequence[str], launching: Launching, home: Path) -> Box:
    """The box of what is installed in *tree* and started by *command*; it may write below *home*."""
    image = image_in(tree)
    if image is not None:
        return Box(
            runs=(),
            writes=(str(home),),
            network=launching.network == "open",
            root=str(tree / ROOT),
            environment=image.environment,
        )
    return Box(
        runs=_runs(tree, command[0]),
        reads=launching.reads,
        writes=(str(home), *launching.writes),
        network=launching.network == "open",
    )


def box_to_look(tree: Path, command: Sequence[str], launching: Launching, home: Path, watched: int) -> Box:
    """As `box_of` for a start that is only looked at: without a network, and what it may write it may only read."""
    image = image_in(tree)
    if image is not None:
        return Box(runs=(), writes=(str(home),), watched=watched, root=str(tree / ROOT), environment=image.environment)
    return Box(runs=_runs(tree, command[0]), reads=(*launching.reads, *launching.writes), writes=(str(home),), watched=watched)


def permits(box: Box, what: str, place: str) -> bool:
    """Is it within *box* to do *what* with the file *place*?"""
    if box.root:  # nothing of this machine is there, so only what it may write is told from the rest
        return what in ("read", "run") or _below(place, WRITABLE) or place in DEVICES
    if _OWN.fullmatch(place):
        return what == "read"
    may = (*box.writes, *DEVICES)
    if what in ("read", "run"):
        may = (*may, *box.runs, *LIBRARIES)
    if what == "read":
        may = (*may, *box.reads, *SETTINGS)
    return any(_below(one, folder) for one in (place, os.path.realpath(place)) for folder in may)


def _runs(tree: Path, program: str) -> tuple[str, ...]:
    """The tree, and the interpreter: that of Python with its library, any other program alone."""
    found = [str(tree)]
    real = os.path.realpath(program)
    bases = {os.path.realpath(one) for one in (sys.base_prefix, sys.base_exec_prefix)}
    found += [base for base in sorted(bases) if _below(real, base)]
    found += [program, real]
    return tuple(dict.fromkeys(found))


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")
