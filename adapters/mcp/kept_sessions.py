"""Sessions of MCP in the database, which every instance of a site has, and a server that was started again.

Without the database a session lives in the instance that opened it, as long as that lives: nothing else changes.
"""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arcops.errors import ArcOpsError
from foundation.database.late import Late
from foundation.settings import Settings

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from foundation.database.mcp_sessions import McpSessions

LOOK_SECONDS = 5.0
"""So soon a session that was ended at one instance is not there at the others."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Known:
    """A session that is open here and kept: what its client said, and when the database was looked at."""

    opening: str
    looked: float


@dataclass(slots=True, kw_only=True)
class KeptSessions:
    """The sessions in ``late``, at most ``most`` of one caller. ``clock`` is in seconds and only grows."""

    late: Late[McpSessions]
    most: int
    clock: Callable[[], float] = time.monotonic
    _known: dict[str, _Known] = field(default_factory=dict)

    async def begin(self, id_: str, owner: str, opening: Mapping[str, Any]) -> None:
        """Keep the session *id_*, which *owner* opened with these parameters. What fails is logged: then only here knows it."""
        await self._keep(id_, owner, json.dumps(opening))

    async def found(self, id_: str, owner: str) -> Mapping[str, Any] | None:
        """The parameters that the session *id_* of *owner* was opened with. Raises `Unavailable` if that is not known now."""

        def look() -> str | None:
            kept = self.late.there()
            return kept.found(id_, owner) if kept is not None else None

        text = await asyncio.to_thread(look)
        opening = json.loads(text) if text else None
        if text is None or not isinstance(opening, dict):
            return None
        self._known[id_] = _Known(text, self.clock())
        return opening

    async def ended_elsewhere(self, id_: str, owner: str) -> bool:
        """Was the session *id_*, which is open here, ended at another instance? That is asked now and then.

        One that the database has forgotten, because only its stream of events was open for long, is kept again.
        """
        known = self._known.get(id_)
        if known is None or 0 <= self.clock() - known.looked < LOOK_SECONDS:
            return False
        self._known[id_] = _Known(known.opening, self.clock())
        try:
            found = await asyncio.to_thread(lambda: self.late.opened().found(id_, owner))
        except ArcOpsError as error:
            _log.warning("it is not known whether a session of MCP was ended at another instance: %s", error)
            return False
        if found is None:
            await self._keep(id_, owner, known.opening)
        return found == ""

    async def end(self, id_: str, owner: str) -> None:
        """The client ended the session *id_* here. Raises `Unavailable` if the other instances cannot be told."""
        if id_ in self._known:
            await asyncio.to_thread(lambda: self.late.opened().end(id_, owner))

    async def _keep(self, id_: str, owner: str, opening: str) -> None:
        try:
            await asyncio.to_thread(lambda: self.late.opened().begin(id_, owner, opening, most=self.most))
        except ArcOpsError as error:
            _log.warning("a session of MCP is known to this instance alone: %s", error)
            return
        self._known[id_] = _Known(opening, self.clock())

    def forget(self, id_: str) -> None:
        """The session *id_* is not known here any more; other instances may have it."""
        self._known.pop(id_, None)

    def close(self) -> None:
        """Close the database."""
        self.late.close()


def kept_sessions(settings: Settings, most: int) -> KeptSessions:
    """The sessions in the database of the place with these *settings*, at most *most* of one caller."""

    def made(database: Database) -> McpSessions:
        from foundation.database.mcp_sessions import McpSessions

        return McpSessions(database)

    return KeptSessions(late=Late(settings=settings, made=made), most=most)
