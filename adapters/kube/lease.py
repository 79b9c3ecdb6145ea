"""Who leads: one Lease, taken by compare-and-swap (coordination.k8s.io/v1; API conventions, "Concurrency Control").

A candidate takes a lease that its holder did not renew for the lease's duration, by the candidate's own clock that only grows,
so that clocks of hosts which differ decide nothing. A holder counts from before it asked, and stops writing some time before
another one may begin (`left`): each write asks first, and waits no longer for its answer than that.
"""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime

from adapters.kube.api import Changed, Cluster, NotDone
from adapters.kube.kinds import LEASE
from arcops.errors import ArcOpsError, Unavailable
from manifests.objects import Json, inner

DURATION = 10.0
"""Seconds after which a lease that was not renewed may be taken."""
_RENEWS, _MARGIN = 0.2, 0.25
"""Parts of the duration: when it is renewed, and how long before its end its holder stops writing."""
_log = logging.getLogger(__name__)


class NotLeading(Unavailable):
    """This process does not lead, or not for long enough any more: nothing may be written."""


class Leading(threading.Thread):
    """Takes the lease and keeps it. ``began`` is called when it is taken, ``ended`` when it is lost."""

    def __init__(
        self,
        cluster: Cluster,
        *,
        namespace: str,
        name: str,
        holder: str,
        began: Callable[[], None],
        ended: Callable[[], None],
        clock: Callable[[], float] = time.monotonic,
        wall: Callable[[], datetime] = lambda: datetime.now(UTC),
        duration: float = DURATION,
    ) -> None:
        super().__init__(name="lease", daemon=True)
        self._cluster, self._namespace, self._called, self.holder = cluster, namespace, name, holder
        self._began, self._lost, self._clock, self._wall, self._duration = began, ended, clock, wall, duration
        self._until = 0.0
        self._leads = False
        self._seen: tuple[str, float] = ("", 0.0)
        self._stopping = threading.Event()

    def left(self) -> float:
        """How many seconds this process may still write. Raises `NotLeading` after the last one."""
        left = self._until - self._duration * _MARGIN - self._clock()
        if left <= 0:
            raise NotLeading("this operator does not lead now, so it writes nothing")
        return left

    @property
    def leads(self) -> bool:
        """May it write now?"""
        return self._until - self._duration * _MARGIN > self._clock()

    def run(self) -> None:
        """Try until the end."""
        while not self._stopping.is_set():
            try:
                self.step()
            except (NotDone, ArcOpsError) as error:
                if not isinstance(error, Changed):
                    _log.warning("the lease %s/%s cannot be taken or renewed: %s", self._namespace, self._called, error)
            if self._leads and not self.leads:
                self._leads = False
                _log.warning("this operator does not lead any more")
                self._lost()
            self._stopping.wait(self._duration * _RENEWS * random.uniform(0.9, 1.1))  # noqa: S311
        self._give_up()

    def end(self) -> None:
        """Give the lease back, so that another one takes it at once."""
        self._stopping.set()

    def step(self) -> None:
        """Ask once: renew, take, or wait."""
        found = self._cluster.read(LEASE, self._namespace, self._called)
        asked = self._clock()
        if found is None:
            self._cluster.create(LEASE, self._namespace, self._lease({}, transitions=0, since=None))
            self._take(asked)
            return
        spec = inner(found, "spec")
        told = spec if isinstance(spec, Mapping) else {}
        holder = str(told.get("holderIdentity") or "")
        transitions = told.get("leaseTransitions")
        count = transitions if isinstance(transitions, int) else 0
        if holder == self.holder:
            since = told.get("acquireTime")
            renewed = self._lease(found, transitions=count, since=since if isinstance(since, str) else None)
            self._cluster.replace(LEASE, self._namespace, self._called, renewed, seconds=self._patience())
            self._take(asked)
            return
        version = str(inner(found, "metadata", "resourceVersion"))
        if version != self._seen[0]:
            self._seen = (version, asked)
        duration = told.get("leaseDurationSeconds")
        waits = float(duration) if isinstance(duration, int | float) else self._duration
        if holder and self._clock() - self._seen[1] < waits:
            return
        taken = self._lease(found, transitions=count + 1, since=None)
        self._cluster.replace(LEASE, self._namespace, self._called, taken, seconds=self._duration / 2)
        self._take(asked)

    def _patience(self) -> float:
        return max(0.5, min(self._duration / 2, self._until - self._clock()))

    def _take(self, asked: float) -> None:
        self._until = asked + self._duration
        if not self._leads:
            self._leads = True
            _log.info("%s leads", self.holder)
            self._began()

    def _lease(self, found: Mapping[str, Json], *, transitions: int, since: str | None) -> dict[str, object]:
        now = f"{self._wall():%Y-%m-%dT%H:%M:%S.%fZ}"
        metadata: dict[str, object] = {"name": self._called, "namespace": self._namespace}
        if found:
            metadata["resourceVersion"] = inner(found, "metadata", "resourceVersion")
            metadata["uid"] = inner(found, "metadata", "uid")
        return {
            "apiVersion": LEASE.api_version,
            "kind": LEASE.kind,
            "metadata": metadata,
            "spec": {
                "holderIdentity": self.holder,
                "leaseDurationSeconds": max(1, round(self._duration)),
                "acquireTime": since or now,
                "renewTime": now,
                "leaseTransitions": transitions,
            },
        }

    def _give_up(self) -> None:
        """Say that no one holds it. If it cannot be said, another one waits for its end."""
        if not self._leads:
            return
        self._until, self._leads = 0.0, False
        self._lost()
        try:
            found = self._cluster.read(LEASE, self._namespace, self._called)
            if found is not None and inner(found, "spec", "holderIdentity") == self.holder:
                given = self._lease(found, transitions=0, since=None)
                spec = found.get("spec")
                given["spec"] = {**(spec if isinstance(spec, Mapping) else {}), "holderIdentity": "", "leaseDurationSeconds": 1}
                self._cluster.replace(LEASE, self._namespace, self._called, given, seconds=2.0)
        except (NotDone, ArcOpsError) as error:
            _log.info("the lease was not given back: %s", error)
