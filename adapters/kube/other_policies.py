"""Network policies of others, which select pods of ours, too: found by the pods that they may select, not by their owner.

What a policy says of its owner is written by the author of the policy, so it tells nothing about what the policy opens.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from adapters.kube.cache import controller
from manifests.crds.definitions import ServerKind
from manifests.objects import Json, ObjectName, inner
from manifests.server.names import SERVER_LABEL
from manifests.server.network import policy_names
from services.operator.observed import Child

POLICIES = ("NetworkPolicy", "CiliumNetworkPolicy")
"""The kinds of policies that people of a namespace write."""
_KEPT = ("name", "namespace", "uid", "resourceVersion")


def group_of(value: dict[str, Json]) -> str:
    """The namespace of *value*, a policy, and the one server whose pods it may select; no server if it may be several."""
    cilium = value.get("kind") == "CiliumNetworkPolicy"
    selector = inner(value, "spec", "endpointSelector" if cilium else "podSelector")
    server = None if value.get("specs") else inner(selector, "matchLabels", SERVER_LABEL)
    return _group(str(inner(value, "metadata", "namespace")), server if isinstance(server, str) else "")


def groups_about(namespace: str, server: str) -> tuple[str, str]:
    """The groups of the policies in *namespace* that may select pods of the *server*."""
    return _group(namespace, ""), _group(namespace, server)


def selected(group: str) -> tuple[str, str]:
    """The namespace and the server of *group*; no server: it may be any of the namespace."""
    namespace, _, server = group.partition("/")
    return namespace, server


def _group(namespace: str, server: str) -> str:
    return f"{namespace}/{server}"


def kept_small(value: dict[str, Json]) -> bool:
    """Keep *value*, a policy: whole if it may be one of ours, which is compared with what is wanted, else what it says."""
    (kind, _), _ = controller(value)
    if kind not in list(ServerKind):
        value["metadata"] = {name: inner(value, "metadata", name) for name in _KEPT}
    return True


def own_policies(children: Mapping[ObjectName, Child], server: str) -> Iterator[ObjectName]:
    """Those of *children*, which all say that they are of the *server*, that each pass over it puts back, or deletes.

    We did not make a policy with another name. One that is being deleted, but still there, opens what it says.
    """
    names = policy_names(server)
    for name, child in children.items():
        if (name.kind, name.name) in names and not inner(child.live, "metadata", "deletionTimestamp"):
            yield name
