"""What doors tell records to: the audit log of this process, or lines that others collect."""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Protocol

from foundation.audit.masking import Told
from foundation.audit.record import Record


class Tells(Protocol):
    """As `foundation.audit.audit.Audit`."""

    def masked(self, arguments: Mapping[str, object] | None, known: Collection[str]) -> Told:
        """As `Audit.masked`."""

    def reserve(self) -> None:
        """As `Audit.reserve`."""

    def recording(self) -> AbstractContextManager[Callable[[Record], None]]:
        """As `Audit.recording`."""

    def tell(self, record: Record, *, reserved: bool = False) -> None:
        """As `Audit.tell`."""

    def healthy(self) -> str:
        """As `Audit.healthy`."""

    def close(self) -> None:
        """As `Audit.close`."""


class Reserving(ABC):
    """Keeps places for records of what is about to be done; ``_reserved`` are those that are kept now."""

    def __init__(self) -> None:
        self._counting = threading.Lock()
        self._reserved = 0

    @abstractmethod
    def reserve(self) -> None:
        """Keep a place for the record of what is about to be done; then `tell` it with ``reserved``, whatever happens.

        Raises `Unavailable` if there is no place: then it must not be done.
        """

    @abstractmethod
    def tell(self, record: Record, *, reserved: bool = False) -> None:
        """Have *record* written. With ``reserved`` it is always taken, because `reserve` kept a place for it."""

    @contextmanager
    def recording(self) -> Iterator[Callable[[Record], None]]:
        """`reserve` for what is done meanwhile; gives the function that tells its record. Raises as `reserve`."""
        self.reserve()
        told = False

        def tell(record: Record) -> None:
            nonlocal told
            first, told = not told, True
            self.tell(record, reserved=first)

        try:
            yield tell
        finally:
            if not told:
                self._give_back()

    def _give_back(self) -> None:
        """One place less is kept."""
        with self._counting:
            self._reserved -= 1
