"""What hosted servers write to their standard error, in a file for each: bounded, for people."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from artifacts.private_folder import make_private

MOST_BYTES = 4 * 1024 * 1024
"""Of one file; the one before it is kept, too."""


class LogFiles:
    """The files below *folder*, which this user alone can read. For one thread; a line that cannot be written is lost."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def add(self, name: str, line: str) -> None:
        """Add a line of the server *name*, with the time."""
        path = log_file(self._folder, name)
        moment = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        try:
            make_private(self._folder)
            if path.exists() and path.stat().st_size > MOST_BYTES:
                path.replace(path.with_suffix(".log.1"))
            with path.open("a", encoding="utf-8") as file:
                file.write(f"{moment} {line}\n")
        except OSError:
            return


def log_file(folder: Path, name: str) -> Path:
    """The file of the server *name*."""
    return folder / f"{name}.log"
