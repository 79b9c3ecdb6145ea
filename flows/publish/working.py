"""Telling all receivers as long as a server runs: each in a thread of its own, so that a dead one holds up no other."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import datetime

from arcops.errors import ArcOpsError
from artifacts.store import Places
from artifacts.vouch import Grounds
from flows.publish.delivering import Send, Telling
from flows.publish.feed import Feed
from foundation.database.late import Late
from foundation.database.lease import Lost, new_holder
from foundation.database.receivers import Receivers

LOOK_SECONDS = 0.25
"""How often the log is looked at."""
LIST_SECONDS = 2.0
"""How often the list of receivers is read, and how soon one that another instance tells is tried."""
_AWAY_SECONDS = 5.0
_log = logging.getLogger(__name__)


class Publisher:
    """Tells the receivers of a place about what is new in its store.

    ``send`` has a function for each kind of receiver.
    """

    def __init__(
        self,
        places: Places,
        receivers: Late[Receivers],
        send: Mapping[str, Send],
        *,
        grounds: Callable[[], Grounds],
        now: Callable[[], datetime],
    ) -> None:
        self._places = places
        self._receivers = receivers
        self._send = send
        self._grounds = grounds
        self._now = now
        self._ended = threading.Event()
        self._threads: dict[str, tuple[threading.Thread, threading.Event]] = {}
        self._head = threading.Thread(target=self._follow_all, name="receivers", daemon=True)

    def start(self) -> None:
        self._head.start()

    def close(self) -> None:
        """End. What is being sent is told again by the next start, if it was not taken."""
        self._ended.set()
        self._head.join()
        for thread, _ in self._threads.values():
            thread.join()
        self._receivers.close()

    def _follow_all(self) -> None:
        said = ""
        while True:
            try:
                found = self._receivers.there()
                self._keep_up({one.name for one in found.all()} if found is not None else set())
                said = ""
            except ArcOpsError as error:
                if str(error) != said:
                    said = str(error)
                    _log.warning("the receivers are not known now: %s", error)
            if self._ended.wait(LIST_SECONDS):
                for _, stop in self._threads.values():
                    stop.set()
                return

    def _keep_up(self, names: set[str]) -> None:
        """One thread for each of *names*, and no other."""
        for name, (thread, stop) in tuple(self._threads.items()):
            if name not in names:
                stop.set()
            if not thread.is_alive():
                del self._threads[name]
        for name in sorted(names - self._threads.keys()):
            stop = threading.Event()
            thread = threading.Thread(target=self._follow, args=(name, stop), name=f"receiver {name}", daemon=True)
            self._threads[name] = thread, stop
            thread.start()

    def _follow(self, name: str, stop: threading.Event) -> None:
        feed = Feed(self._places)
        try:
            again: float | None = 0.0
            while not stop.is_set() and not self._ended.is_set():
                due = again is not None and time.monotonic() >= again
                if due or (again is None and feed.grew()):
                    rest = self._pass(name, feed, stop)
                    again = time.monotonic() + rest if rest is not None else None
                stop.wait(LOOK_SECONDS)
        finally:
            feed.close()

    def _pass(self, name: str, feed: Feed, stop: threading.Event) -> float | None:
        """Tell the receiver; after how many seconds it is tried again, or ``None`` if it has everything."""
        try:
            receivers = self._receivers.opened()
            row = receivers.found(name)
            if row is None or row.ended:
                return None
            if row.kind not in self._send:
                return _AWAY_SECONDS  # another server tells it
            wait = (row.again - receivers.now()) / 1000 if row.again else 0.0
            if wait > 0:
                return min(wait, _AWAY_SECONDS)  # an operator may add it again meanwhile
            telling = Telling(
                receivers=receivers,
                leases=receivers.leases(new_holder()),
                feed=feed,
                send=self._send,
                grounds=self._grounds,
                now=self._now,
                drawn=random.random,
            )
            told = telling.tell(name, stop=lambda: stop.is_set() or self._ended.is_set())
        except Lost:
            return LIST_SECONDS
        except ArcOpsError as error:
            _log.warning("the receiver %s was not told: %s", name, error)
            return _AWAY_SECONDS
        if told.problem:
            _log.warning("the receiver %s: %s (%d entries wait)", name, told.problem, told.behind)
        return 0.0 if told.behind else None
