"""The rows as the database has them, looked at twice a second: what came, went or changed is taken over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from arcops.errors import ArcOpsError
from services.host.hosted import State
from services.host.rows import HostedRow, Rows
from services.host.serving import Serving
from services.host.spec import is_agent
from services.host.to_agents import NO_BRIDGE
from services.host.updating.switching import goes_on

LOOK_SECONDS = 0.5
_AGAIN_SECONDS = 4.0

_log = logging.getLogger(__name__)


class Looking:
    """Keeps *servers* as *rows* say. *end* ends the processes of one, *prove* tries its next version; *prepare* is called until
    it succeeds, before the first look. *came* is told of each row that came since.
    """

    def __init__(
        self,
        rows: Rows,
        servers: dict[str, Serving],
        *,
        end: Callable[[Serving, str], None],
        prove: Callable[[Serving], None],
        prepare: Callable[[], object],
        came: Callable[[HostedRow], object] = bool,
    ) -> None:
        self._rows, self._servers, self._end, self._prove, self._came = rows, servers, end, prove, came
        self._prepare: Callable[[], object] | None = prepare
        self._seen: tuple[int, ...] = ()

    async def always(self) -> None:
        """Look for ever."""
        while True:
            await asyncio.sleep(LOOK_SECONDS)
            try:
                await self.look()
            except ArcOpsError as error:
                _log.warning("the rows of hosted servers cannot be read; what runs goes on: %s", error)
                await asyncio.sleep(_AGAIN_SECONDS)

    async def look(self) -> None:
        """Read the rows again if one has changed. Raises `ArcOpsError` if the database does not answer."""
        if self._prepare is not None:
            await asyncio.to_thread(self._prepare)
            self._prepare = None
        seen = await asyncio.to_thread(self._rows.changed)
        if seen == self._seen:
            return
        rows = await asyncio.to_thread(self._rows.all)
        before, self._seen = self._seen, seen
        there = {row.name: row for row in rows}
        for name in [one for one in self._servers if one not in there]:
            self._end(self._servers.pop(name), "it was removed")
        for name, row in there.items():
            serving = self._servers.get(name)
            if serving is None:
                serving = self._servers[name] = Serving(row=row)
                if is_agent(row.current.spec):
                    serving.reason = f"it {NO_BRIDGE}"
                if before:  # it came while this host was there
                    self._came(row)
            else:
                older = None
                if goes_on(serving, row):
                    older = await asyncio.to_thread(self._rows.at, name, serving.row.current.number)
                self.changed(serving, row, older)
            if not row.enabled:
                serving.say(State.STOPPED, "its operator stopped it")
            elif serving.state is State.STOPPED:
                serving.say(State.PENDING, "no one has asked for it since it was let run")

    def changed(self, serving: Serving, row: HostedRow, older: HostedRow | None = None) -> None:
        """Take over *row*: children of another generation, or that may not run, end now; those of an older one once unused.

        *older* is what serves, if that goes on for now: *row* then takes over when it was seen to answer.
        """
        if older is not None and older.allowed and goes_on(serving, row):
            if older.judged != serving.row.judged:
                serving.asked = 0.0
            waiting, serving.next, serving.row = serving.next, row, older
            if waiting is None:
                self._prove(serving)
            return
        before, serving.row, serving.next = serving.row, row, None
        if before == row:
            return
        serving.served()
        if serving.state is State.ERROR:
            serving.say(State.PENDING, "its row has changed since it failed")
        if not row.enabled or not row.allowed or row.generation != before.generation:
            self._end(serving, f"its operator {'ended' if row.generation == before.generation else 'restarted'} it")
        elif row.judged != before.judged:
            serving.asked = 0.0  # the verdict is another one, and is looked at now
