"""What the operator did, counted for Prometheus and recorded: passes, writes, refusals, and what broke a policy.

A record names what was written or refused and by what reason, never a value of it. If records cannot be written, nothing is
applied that would need one (`foundation.audit.telling`).
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from datetime import datetime
from enum import StrEnum

from prometheus_client import CollectorRegistry, Histogram, ProcessCollector
from prometheus_client import Counter as Counted
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from adapters.kube.keys import ServerKey
from adapters.kube.kinds import SERVERS
from foundation.audit.record import Actor, Record
from foundation.audit.record import Outcome as Ending
from foundation.audit.telling import Tells
from manifests.objects import ObjectName
from services.operator.reconcile import Outcome
from services.operator.refusal import Reason

CHANGED_BY_OTHERS = "ObjectChanged"
"""The violation that is no refusal: someone else changed an object of ours, and it was put back."""
VIOLATIONS = frozenset((Reason.IMAGE, Reason.NOT_ENFORCEABLE, Reason.NOT_ALLOWED, Reason.UNSAFE, Reason.NAME_TAKEN))
"""Refusals of what would have opened something. The others are mistakes, or something that is not there yet."""
REFUSALS = VIOLATIONS | {Reason.INVALID, Reason.DISABLED, Reason.MISSING, Reason.ENTRY_POINT, Reason.WAITING}
_BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1.0, 5.0)


class Ended(StrEnum):
    """How a pass ended."""

    DONE = "done"
    CHANGED = "changed"
    DENIED = "denied"
    FAILED = "failed"
    BROKEN = "broken"


class Wrote(StrEnum):
    """What was done to an object."""

    CREATED = "created"
    CHANGED = "changed"
    PUT_BACK = "put-back"
    DELETED = "deleted"


class Accounts(Collector):
    """The accounts of one process, which is ``holder``. Without ``tells`` nothing is recorded."""

    def __init__(self, *, holder: str, now: Callable[[], datetime], tells: Tells | None = None) -> None:
        self.registry = CollectorRegistry()
        self.tells = tells
        self._actor, self._now = Actor(id=holder), now
        self.passes: Counter[Ended] = Counter()
        self._stands: dict[ServerKey, str] = {}
        self._lock = threading.Lock()
        self._passes = Counted(
            "arcops_operator_reconciliations", "Passes over resources.", ("kind", "outcome"), registry=self.registry
        )
        self._seconds = Histogram(
            "arcops_operator_reconcile_seconds", "How long a pass took.", buckets=_BUCKETS, registry=self.registry
        )
        self._writes = Counted(
            "arcops_operator_writes", "Objects that were written.", ("object", "what"), registry=self.registry
        )
        self._refusals = Counted(
            "arcops_operator_refusals", "Resources of which nothing was made.", ("reason",), registry=self.registry
        )
        about = "What would have opened something, or was opened by others and put back."
        self._violations = Counted("arcops_operator_violations", about, ("reason",), registry=self.registry)
        for kind in SERVERS:  # from the beginning, so that a first failure is an increase
            for outcome in Ended:
                self._passes.labels(kind.kind, outcome.value)
        for reason in REFUSALS:
            self._refusals.labels(reason.value)
        for one in (*VIOLATIONS, CHANGED_BY_OTHERS):
            self._violations.labels(str(one))
        self.registry.register(self)
        ProcessCollector(registry=self.registry)

    def passed(self, kind: str, ended: Ended, seconds: float) -> None:
        """A pass over a resource of this *kind* ended."""
        with self._lock:
            self.passes[ended] += 1
        self._passes.labels(kind, ended.value).inc()
        self._seconds.observe(seconds)

    @contextmanager
    def writing(self, key: ServerKey, name: ObjectName) -> Iterator[Callable[[Wrote], None]]:
        """Gives the function that counts and records what was done to the object *name* of *key*.

        Raises `Unavailable` if that could not be recorded: then it must not be done.
        """
        with self.tells.recording() if self.tells is not None else nullcontext(_unheard) as tell:

            def wrote(what: Wrote) -> None:
                self._writes.labels(name.kind, what.value).inc()
                if what is Wrote.PUT_BACK:
                    self._violations.labels(CHANGED_BY_OTHERS).inc()
                tell(self._record(key, f"object/{what.value}", Ending.DONE, of=f"{name.kind}/{name.namespace}/{name.name}"))

            yield wrote

    def stands(self, key: ServerKey, outcome: Outcome, denied: str = "") -> None:
        """How the resource *key* stands after a pass; a refusal that is new is counted and recorded. *denied* is the reason if
        the API server did not let its objects be written.
        """
        reason = denied or str(outcome.ready.reason)
        with self._lock:
            before, self._stands[key] = self._stands.get(key), reason
        if not outcome.refused or not outcome.events or before == reason:
            return
        self._refusals.labels(reason).inc()
        if outcome.ready.reason in VIOLATIONS:
            self._violations.labels(reason).inc()
        if self.tells is not None:
            self.tells.tell(self._record(key, "resource/refused", Ending.DENIED, reason=reason))

    def forget(self, key: ServerKey) -> None:
        """The resource is gone."""
        with self._lock:
            self._stands.pop(key, None)

    def collect(self) -> Iterator[Metric]:
        """The resources by how they stand."""
        with self._lock:
            found = Counter((key.kind, reason) for key, reason in self._stands.items())
        servers = GaugeMetricFamily("arcops_operator_servers", "Resources by how they stand.", labels=("kind", "reason"))
        for (kind, reason), count in sorted(found.items()):
            servers.add_metric((kind, reason), count)
        yield servers

    def _record(self, key: ServerKey, action: str, ending: Ending, *, reason: str = "", of: str = "") -> Record:
        parts = (key.kind, *((key.namespace,) if key.namespace else ()), key.name)
        about = "/".join(parts)
        return Record(
            at=self._now(), action=action, outcome=ending, actor=self._actor, door="kube", tool=about, object=of or about,
            reason=reason,
        )  # fmt: skip


def _unheard(_: Record) -> None:
    """Nothing is recorded."""
