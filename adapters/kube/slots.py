"""The slots of a front at the API server: which one its Service sends callers to, and whether the pods of one are ready."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from adapters.kube.api import Cluster
from adapters.kube.kinds import Kind
from arcops.errors import Refused
from manifests.objects import Json, inner, thawed_mapping
from services.operator.switching import Health, Look, Switch, read_switch

SLOT = "arcops.dev/slot"
"""The label of a slot's pods, which the Service selects by."""
SWITCH = "arcops.dev/switch"
"""The annotation of a Service that keeps the switch being watched."""
TAKEN_BACK = "arcops.dev/taken-back"
"""The annotation that says which slot was taken back, and why."""
SERVICE = Kind(api_version="v1", kind="Service", plural="services")
DEPLOYMENT = Kind(api_version="apps/v1", kind="Deployment", plural="deployments")
_MOST_WHY = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """The Service as it was read: ``value`` is the whole object, with its version."""

    live: str
    switch: Switch | None
    value: Mapping[str, Json]


class Slots:
    """The slots behind the Service *name* in *namespace*; the Deployment of each is ``NAME-SLOT``."""

    def __init__(self, cluster: Cluster, namespace: str, name: str) -> None:
        self._cluster, self._namespace, self._name = cluster, namespace, name

    def standing(self) -> Standing:
        """Where callers are sent to now. Raises `Refused` if that is no Service with slots."""
        found = self._cluster.read(SERVICE, self._namespace, self._name)
        if found is None:
            raise Refused(
                f"the namespace {self._namespace} has no Service {self._name}; name the one of the front with --service"
            )
        live = inner(found, "spec", "selector", SLOT)
        if not isinstance(live, str) or not live:
            raise Refused(
                f"the Service {self._namespace}/{self._name} does not select by the label {SLOT}; it has no slots to switch"
            )
        kept = inner(found, "metadata", "annotations", SWITCH)
        return Standing(live=live, switch=read_switch(kept) if isinstance(kept, str) else None, value=found)

    def pods(self, slot: str, *, live: bool) -> Look:
        """Are the pods of *slot* ready, and of its newest version? All of them, before callers come; half of them if it is
        *live*, because it may be growing or moving. Raises `Refused` if there is no such slot.
        """
        name = f"{self._name}-{slot}"
        found = self._cluster.read(DEPLOYMENT, self._namespace, name)
        if found is None:
            raise Refused(
                f"the namespace {self._namespace} has no Deployment {name}; add the slot {slot} to front.slots of the chart"
            )
        wanted = _count(inner(found, "spec", "replicas"), 1)
        ready, new, pods = (_count(inner(found, "status", one), 0) for one in ("readyReplicas", "updatedReplicas", "replicas"))
        if wanted < 1:
            return Look(health=Health.UNSEEN, why=f"{name} wants no pod")
        seen = _count(inner(found, "status", "observedGeneration"), 0) >= _count(inner(found, "metadata", "generation"), 1)
        enough = ready * 2 >= wanted and ready > 0 if live else ready >= wanted
        said = f"{ready} of {wanted} pod(s) of {name} are ready, {new} of {pods} of its newest version"
        return Look(health=Health.GOOD if seen and enough and new == pods else Health.UNSEEN, why=said)

    def send(self, standing: Standing, slot: str, switch: Switch | None, taken_back: str = "") -> None:
        """Send callers to *slot* and keep *switch*, in one request, if the Service is still as *standing* says.

        Raises `adapters.kube.api.Changed` if it is not.
        """
        value: dict[str, Any] = thawed_mapping(standing.value)
        value["spec"]["selector"][SLOT] = slot
        notes = value["metadata"].setdefault("annotations", {})
        for name, text in ((SWITCH, switch.text() if switch is not None else ""), (TAKEN_BACK, taken_back[:_MOST_WHY])):
            notes.pop(name, None)
            if text:
                notes[name] = text
        self._cluster.replace(SERVICE, self._namespace, self._name, value)


def _count(found: Json, otherwise: int) -> int:
    return found if isinstance(found, int) else otherwise
