"""Memory that only the start needed is given back: there is a sidecar in every pod, and most of them wait."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress
from pathlib import Path

_DONTNEED = 4  # MADV_DONTNEED, linux/mman.h
_MAPS = Path("/proc/self/smaps")


def give_back() -> None:
    """Give back what is free, and the pages of programs that were only read at the start, to the system (Linux).

    Code and constants are read from their files again if they are needed (madvise(2)); what this process ever wrote to is not
    touched.
    """
    gc.unfreeze()  # what was there the last time may be garbage by now
    gc.collect()
    gc.freeze()  # what is there stays: no later collection looks at it, or writes to its pages
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError, ValueError):  # not glibc, or no /proc
        libc = ctypes.CDLL(None)
        libc.malloc_trim(0)
        libc.madvise.argtypes = (ctypes.c_void_p, ctypes.c_size_t, ctypes.c_int)
        for begin, end in _unchanged(_MAPS.read_text("utf-8", "replace")):
            libc.madvise(begin, end - begin, _DONTNEED)


def _unchanged(text: str) -> list[tuple[int, int]]:
    """The places of files that are mapped to be read, and that nothing has written to, by *text* (proc_pid_smaps(5))."""
    found: list[tuple[int, int]] = []
    place: tuple[int, int] | None = None
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 6 and not words[0].endswith(":"):
            begin, _, end = words[0].partition("-")
            place = (int(begin, 16), int(end, 16)) if words[1] in ("r-xp", "r--p") and words[5].startswith("/") else None
        elif place is not None and words[0] == "Anonymous:":
            if words[1] == "0":
                found.append(place)
            place = None
    return found
