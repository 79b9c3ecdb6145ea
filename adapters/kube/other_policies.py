"""Network policies of others, which select pods of ours, too: kept small, by their namespace."""

from __future__ import annotations

from adapters.kube.cache import controller
from manifests.crds.definitions import ServerKind
from manifests.objects import Json, inner

POLICIES = ("NetworkPolicy", "CiliumNetworkPolicy")
"""The kinds of policies that people of a namespace write."""
OF_OTHERS = "policies of others"
"""Who owns them in the cache: the name of this owner is the namespace, and its uid is `owner_in`."""


def owner_in(namespace: str) -> str:
    """The uid under which the policies of others in *namespace* are kept."""
    return f"{OF_OTHERS}/{namespace}"


def kept_by_namespace(value: dict[str, Json]) -> bool:
    """Keep *value*, a policy: as it is if it belongs to a resource, else only what it says, under its namespace."""
    (kind, _), _ = controller(value)
    if kind in list(ServerKind):
        return True
    namespace = str(inner(value, "metadata", "namespace"))
    owner: Json = {"controller": True, "kind": OF_OTHERS, "name": namespace, "uid": owner_in(namespace)}
    names = ("name", "namespace", "uid", "resourceVersion")
    of = {name: inner(value, "metadata", name) for name in names}
    value["metadata"] = {**of, "ownerReferences": [owner]}
    return True
