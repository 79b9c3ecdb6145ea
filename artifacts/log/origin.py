"""The name of a log, which stands in the first line of each of its checkpoints."""

from __future__ import annotations

from pathlib import Path

from arcops.errors import Refused
from artifacts.log.checkpoint import Checkpoint
from artifacts.reading import read_file

_MOST_BYTES = 4096


def origin_in(path: Path) -> str:
    """The name in the file at *path*. Raises `Refused` if a checkpoint cannot have this name."""
    try:
        origin = read_file(path, _MOST_BYTES).decode("utf-8")
        Checkpoint(origin=origin, size=0, root=bytes(32))
    except (Refused, UnicodeDecodeError) as error:
        raise Refused(f"{path} does not hold the name of this store's log ({error}); restore its one line") from error
    return origin
