"""EnvoyFilters: the proxies that they change. What they change there is not read."""

from __future__ import annotations

from arcops.seen.labels import Selector
from arcops.seen.mesh import FilterSeen
from tasks.kubernetes.manifests.fields import Field, text_at
from tasks.kubernetes.manifests.names import labels

_CONTEXTS = ("SIDECAR_INBOUND", "SIDECAR_OUTBOUND", "GATEWAY")


def envoy_filter(found: Field, namespace: str, name: str) -> FilterSeen:
    """The EnvoyFilter at *found*. A patch that names no context, or one that is not known, counts for each (``ANY``)."""
    spec = found.get("spec")
    contexts: set[str] = set()
    gateways: list[str] | None = None
    chosen = labels(found.within("spec", "workloadSelector", "labels")) or labels(found.within("spec", "workloadLabels"))
    if spec is not None:
        for patch in spec.items("configPatches"):
            context = text_at(patch.within("match", "context"))
            contexts.add(context if context in _CONTEXTS else "ANY")
        for target in (*spec.items("targetRefs"), *filter(None, [spec.get("targetRef")])):
            gateways = gateways or []
            kind = text_at(target.get("kind"))
            gateways += [text_at(target.get("name"))] if kind == "Gateway" else ["*"] if kind == "GatewayClass" else []
    return FilterSeen(
        namespace=namespace,
        name=name,
        at=found.at,
        selector=Selector(labels=chosen) if chosen else None,
        contexts=tuple(sorted(contexts)),
        gateways=None if gateways is None else tuple(gateways),
    )
