"""What doors tell records to: the audit log of this process, or lines that others collect."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from contextlib import AbstractContextManager
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

    def close(self) -> None:
        """As `Audit.close`."""
