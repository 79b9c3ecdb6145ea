"""Events beside a resource (events.k8s.io/v1), each told once: one that happens again only counts (API: EventSeries)."""

from __future__ import annotations

import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from adapters.kube.api import Absent, Cluster
from adapters.kube.kinds import EVENT
from manifests.objects import Json, inner
from services.operator.reconcile import Event

_MOST = 4096
_COUNTS_FOR = timedelta(minutes=30)
_MOST_NOTE = 1024
CONTROLLER = "arcops.dev/operator"


@dataclass(frozen=True, slots=True)
class _Told:
    name: str
    count: int
    at: datetime


class Telling:
    """What was told, for a while."""

    def __init__(self, cluster: Cluster, *, instance: str) -> None:
        self._cluster, self._instance = cluster, instance
        self._told: OrderedDict[tuple[str, str, str], _Told] = OrderedDict()
        self._lock = threading.Lock()

    def tell(self, about: Mapping[str, Json], event: Event, now: datetime, *, seconds: float) -> None:
        """Tell *event*, which is *about* a resource. Events of one of the whole cluster are in the namespace ``default``."""
        uid = str(inner(about, "metadata", "uid"))
        namespace = str(inner(about, "metadata", "namespace") or "default")
        key = (uid, event.reason, event.text)
        with self._lock:
            before = self._told.get(key)
        if before is not None and now - before.at < _COUNTS_FOR:
            try:
                self._cluster.tell_again(namespace, before.name, before.count + 1, now, seconds=seconds)
            except Absent:  # events do not stay for ever
                pass
            else:
                self._keep(key, _Told(before.name, before.count + 1, now))
                return
        name = f"{str(inner(about, 'metadata', 'name'))[:200]}.{secrets.token_hex(8)}"
        regarding = {
            "apiVersion": about.get("apiVersion"),
            "kind": about.get("kind"),
            "name": inner(about, "metadata", "name"),
            "uid": uid,
        }
        if inner(about, "metadata", "namespace"):
            regarding["namespace"] = namespace
        body: dict[str, object] = {
            "apiVersion": EVENT.api_version,
            "kind": EVENT.kind,
            "metadata": {"name": name, "namespace": namespace},
            "eventTime": f"{now:%Y-%m-%dT%H:%M:%S.%fZ}",
            "reportingController": CONTROLLER,
            "reportingInstance": self._instance[:128],
            "action": "Reconcile",
            "type": event.weight.value,
            "reason": event.reason[:128],
            "note": event.text[:_MOST_NOTE],
            "regarding": regarding,
        }
        self._cluster.tell(namespace, body, seconds=seconds)
        self._keep(key, _Told(name, 1, now))

    def _keep(self, key: tuple[str, str, str], told: _Told) -> None:
        with self._lock:
            self._told[key] = told
            self._told.move_to_end(key)
            while len(self._told) > _MOST:
                self._told.popitem(last=False)
