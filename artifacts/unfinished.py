"""What a writer puts into the store before its entry is in the log, named first, so that a killed writer's objects are known.

    putting   the digests of the objects that the present writer adds; gone when their entry is in the log

The writer holds the store's lock from before it writes this file until after the entry is in the log. So the process that holds
the lock and finds the file knows that its writer died, and may remove what the log does not name: its caller has no answer yet.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from arcops.late_pattern import late
from artifacts.entries import digests_in

NAME = "putting"
_MOST_BYTES = 16 * 1024 * 1024
_DIGEST = late(r"sha256:[0-9a-f]{64}")
_FLAGS = os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK


def begin(folder: Path, digests: Iterable[str]) -> None:
    """Name the *digests* that are put into the store *folder* next. Raises `OSError` if that cannot be written.

    It does not wait for the disk: after a power cut the objects may be there without it, and `store check` lists them.
    """
    descriptor = os.open(folder / NAME, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _FLAGS, 0o600)
    try:
        data = "".join(f"{one}\n" for one in digests).encode()
        while data:
            data = data[os.write(descriptor, data) :]
    finally:
        os.close(descriptor)


def end(folder: Path) -> None:
    """Their entry is in the log, or they were removed."""
    with suppress(OSError):
        (folder / NAME).unlink()


def named(folder: Path) -> frozenset[str]:
    """The digests that a writer is putting into the store *folder*, or was when it died."""
    try:
        descriptor = os.open(folder / NAME, os.O_RDONLY | _FLAGS)
    except OSError:
        return frozenset()
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return frozenset()
        return frozenset(_DIGEST.findall(os.read(descriptor, _MOST_BYTES).decode("ascii", "replace")))
    except OSError:
        return frozenset()
    finally:
        os.close(descriptor)


def undo(folder: Path, lines: Iterable[bytes], path_of: Callable[[str], Path]) -> None:
    """Remove the objects of a writer that died before its entry was in the log. The caller holds the lock and read *lines*."""
    left = named(folder)
    if left:
        for digest in left - {one for line in lines for one in digests_in(line)}:
            with suppress(OSError):
                path_of(digest).unlink()
        end(folder)
