"""An answer over HTTP, whole."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import msgspec


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """One answer, whatever its ``status``. ``retry_after`` is in seconds, 0 if the server did not say."""

    status: int
    body: bytes
    retry_after: float = 0.0

    @property
    def ok(self) -> bool:
        """Was it done?"""
        return 200 <= self.status < 300

    def said(self) -> dict[str, Any]:
        """The body as the JSON object that it should be; empty if it is not."""
        try:
            found = msgspec.json.decode(self.body)
        except ValueError:
            return {}
        return found if isinstance(found, dict) else {}
