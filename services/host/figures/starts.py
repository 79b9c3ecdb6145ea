"""What a host records of its servers' starts: the first request's, one after a crash, and when a new row was shown first."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from arcops.errors import ArcOpsError, Refused
from services.host.figures.records import Ending, Kind
from services.host.hosted import NotYet, State
from services.host.rows import HostedRow
from services.host.serving import Serving

Tell = Callable[[Kind, str, datetime, Ending], object]
"""Something of a kind, about a server, that began then, ended now."""


def untold(kind: Kind, subject: str, began: datetime, outcome: Ending) -> None:
    """No one keeps records."""


class Starts:
    """Tells *tell* of starts; *now* gives the time. For one event loop."""

    def __init__(self, tell: Tell = untold, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._tell, self._now = tell, now
        self._crashed: set[str] = set()

    @contextmanager
    def one(self, serving: Serving) -> Iterator[None]:
        """A child of *serving* is started meanwhile. Only the first of several is a start of the server itself.

        What is refused before anything was installed or started was not attempted; nor is one that another host runs.
        """
        name, began = serving.row.name, self._now()
        if serving.running or len(serving.starting) > 1:
            yield
            return
        kind = Kind.RECOVERY if name in self._crashed else Kind.JIT
        try:
            yield
        except Refused:
            if serving.state in (State.INSTALLING, State.STARTING):
                self._tell(kind, name, began, Ending.FAILED)
            raise
        except ArcOpsError as error:
            if not isinstance(error, NotYet) or error.state is State.ERROR:
                self._tell(kind, name, began, Ending.FAILED)
            raise
        self._crashed.discard(name)
        self._tell(kind, name, began, Ending.DONE)

    def crashed(self, name: str) -> None:
        """A child of the server *name* ended, and no one asked for that."""
        self._crashed.add(name)

    def came(self, row: HostedRow) -> None:
        """The host shows the new *row* from now on."""
        self._tell(Kind.FIRST_STATUS, row.name, datetime.fromtimestamp(row.current.made / 1000, UTC), Ending.DONE)
