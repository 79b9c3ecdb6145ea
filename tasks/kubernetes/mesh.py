"""The mesh's own settings (Istio: the ConfigMap ``istio`` in ``istio-system``); only what is judged is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from arcops.errors import Refused
from foundation.egress.cluster import ApiServer, NotGiven
from foundation.strict_yaml import load_all

NAMESPACE, NAME = "istio-system", "istio"
TITLE = f"configmaps.{NAMESPACE}.{NAME}"
PATH = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{NAME}"
KEPT = ("outboundTrafficPolicy", "rootNamespace", "meshMTLS", "trustDomain", "trustDomainAliases", "defaultServiceExportTo")
"""What is kept of ``MeshConfig`` (``istio.mesh.v1alpha1``); addresses of other services are not kept."""

Ask = Callable[[ApiServer, str, list[tuple[str, str]], str], tuple[Any, Any]]


def settings(client: ApiServer, ask: Ask, tick: Callable[[], None]) -> dict[str, Any] | None:
    """The ConfigMap with the settings that are kept, or `None` if there is no such mesh.

    In a cluster without the mesh's namespace, no role in it can be granted, so the namespace is looked up first, by listing.
    Raises `NotGiven`, `Unavailable`, and `Refused` if the settings in it cannot be read.
    """
    tick()
    query = [("limit", "1"), ("fieldSelector", f"metadata.name={NAMESPACE}")]
    spaces, _ = ask(client, "/api/v1/namespaces", query, "object")
    if not spaces.get("items"):
        return None
    tick()
    try:
        found, _ = ask(client, PATH, [], "object")
    except NotGiven as error:
        if error.status == 404:
            return None
        raise
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": NAME, "namespace": NAMESPACE},
        "data": {"mesh": _kept((found.get("data") or {}).get("mesh") or "")},
    }


def _kept(text: str) -> str:
    said: dict[str, Any] = {}
    for one in load_all(text.encode(), what=f"ConfigMap {NAMESPACE}/{NAME}, data.mesh"):
        if not isinstance(one, dict) or said:
            raise Refused(f"ConfigMap {NAMESPACE}/{NAME}, data.mesh is not one mapping")
        said = one
    return json.dumps({key: said[key] for key in KEPT if key in said}, indent=1, sort_keys=True)
