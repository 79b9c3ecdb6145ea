"""The lock of a store's writers. It ends with its process, so one that died never blocks."""

from __future__ import annotations

import fcntl
import os
from _thread import get_ident
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from arcops.errors import Unavailable


class StoreLock:
    """The lock of the store in *folder*, for one object that stands for the store."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._holder = 0

    @contextmanager
    def held(self, *, shared: bool = False, wait: bool = True) -> Iterator[None]:
        """Hold it; a thread that holds it already goes on.

        Raises `Unavailable` if it cannot be had: the folder cannot be written, or, without *wait*, another process has it.
        """
        if self._holder == get_ident():
            yield
            return
        descriptor = self._opened(shared)
        try:
            try:
                fcntl.flock(descriptor, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | (0 if wait else fcntl.LOCK_NB))
            except BlockingIOError as error:
                raise Unavailable(f"another process is writing to the store {self._folder}; try again") from error
            if shared:
                yield
                return
            self._holder = get_ident()
            try:
                yield
            finally:
                self._holder = 0
        finally:
            os.close(descriptor)

    def _opened(self, shared: bool) -> int:
        flags = os.O_RDONLY if shared else os.O_RDWR | os.O_CREAT
        try:
            return os.open(self._folder / "lock", flags | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
        except OSError as error:
            raise Unavailable(f"the store {self._folder} cannot be locked for writing: {error.strerror}") from error
