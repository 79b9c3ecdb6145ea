"""EndpointSlices of our Services: which pods are ready (discovery.k8s.io/v1)."""

from __future__ import annotations

from manifests.crds.definitions import ServerKind
from manifests.objects import Json, inner
from manifests.server.names import KIND_LABEL, SERVER_LABEL

_SERVICE = "kubernetes.io/service-name"


def of_service(value: dict[str, Json]) -> bool:
    """Is *value* a slice of a Service of ours? Its labels are the Service's, and its owner is the Service.

    It is kept under the Service's name instead, and its owner is the resource whose labels it has.
    """
    metadata = value.get("metadata")
    labels = inner(value, "metadata", "labels")
    if not isinstance(metadata, dict) or not isinstance(labels, dict) or SERVER_LABEL not in labels:
        return False
    service = f"{metadata.get('namespace')}/{labels.get(_SERVICE)}"
    kind = str(labels.get(KIND_LABEL) or ServerKind.NAMESPACED.value)
    metadata["ownerReferences"] = [
        {"controller": True, "kind": kind, "name": str(labels[SERVER_LABEL]), "uid": service, "apiVersion": ""}
    ]
    return True
