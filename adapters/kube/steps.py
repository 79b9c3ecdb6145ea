"""The steps on the way to Ready, of which only those are told that last: most are over before anyone could read of them."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from adapters.kube.keys import ServerKey
from manifests.objects import Json
from services.operator.conditions import condition_in
from services.operator.reconcile import Outcome
from services.operator.refusal import Reason

LASTS_SECONDS, MOST_SECONDS = 2.0, 6.0
"""How long a step stands before it is told, and after what time one of many is told."""
_STEPS = (Reason.WAITING, Reason.ROLLING)


@dataclass(frozen=True, slots=True)
class _Seen:
    uid: str
    first: float
    since: float
    said: str


class Steps:
    """The steps that were seen and not told yet."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: dict[ServerKey, _Seen] = {}

    def rest(self, key: ServerKey, uid: str, outcome: Outcome, before: Mapping[str, Json]) -> float:
        """For how many seconds the status of *outcome* may wait; 0 if it is to be told now.

        It waits only as one step after another, or after no status at all: nothing that the status *before* says is untrue
        meanwhile, above all no address.
        """
        on_its_way = outcome.status_changed and not outcome.refused and outcome.ready.reason in _STEPS
        told = condition_in(before, "Ready").get("reason")
        if not on_its_way or before.get("url") or told not in (None, *_STEPS):
            self.forget(key)
            return 0.0
        now, said = self._clock(), f"{outcome.ready.reason} {outcome.ready.message}"
        with self._lock:
            found = self._seen.get(key)
            if found is None or found.uid != uid:
                found = _Seen(uid, now, now, said)
            elif found.said != said:
                found = _Seen(uid, found.first, now, said)
            rest = min(found.since + LASTS_SECONDS, found.first + MOST_SECONDS) - now
            if rest > 0:
                self._seen[key] = found
                return rest
            self._seen.pop(key, None)
        return 0.0

    def forget(self, key: ServerKey) -> None:
        """It is told, or its resource is gone."""
        if key in self._seen:
            with self._lock:
                self._seen.pop(key, None)
