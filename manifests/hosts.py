"""Hosts outside by their names, held by the network plugin: as Cilium has it, or as ClusterNetworkPolicy has it."""

from __future__ import annotations

from collections.abc import Iterator

from manifests.description import Description, DomainNames, Host
from manifests.shapes import LONGEST, NAMESPACE, labelled, made, never, ordered
from manifests.text import Value, document

_DENIED = "Never to the metadata services or the API server: whoever answers for one of the names could have it stand for them."


def by_cilium(description: Description) -> Iterator[str]:
    """A CiliumNetworkPolicy. It takes the place of the NetworkPolicy for DNS."""
    asked: dict[str, Value] = {"k8s:io.kubernetes.pod.namespace": "kube-system"}
    asked |= {f"k8s:{key}": value for key, value in sorted(description.site.dns_labels.items())}
    dns: Value = {
        "toEndpoints": [{"matchLabels": asked}],
        "toPorts": [
            {
                "ports": [{"port": "53", "protocol": "TCP"}, {"port": "53", "protocol": "UDP"}],
                "rules": {"dns": [{"matchPattern": "*"}]},
            }
        ],
    }
    named: list[Value] = [
        {
            "toFQDNs": [{"matchPattern" if host.wildcard else "matchName": host.name}],
            "toPorts": [{"ports": [{"port": str(port), "protocol": protocol} for protocol, port in ordered(host.ports)]}],
        }
        for host in _sorted(description)
    ]
    yield document(
        "Names are asked of the DNS pods alone, and through Cilium's proxy: from the answers that pass there it learns for\n"
        "which addresses a name stands. Then hosts outside by name and port.\n" + _DENIED,
        made(
            "cilium.io/v2",
            "CiliumNetworkPolicy",
            f"{description.name[:LONGEST]}-hosts",
            description.namespace,
            {
                "endpointSelector": labelled(description.labels.items()),
                "egress": [dns, *named],
                "egressDeny": [{"toCIDR": never(description)}],
            },
        ),
    )


def by_cluster_policy(description: Description, said: DomainNames) -> Iterator[str]:
    """A ClusterNetworkPolicy of the tier Admin: only there do names stand, and it passes on all that it does not name."""
    named: list[Value] = [
        {
            "action": "Accept",
            "to": [{"domainNames": [host.name]}],
            "protocols": [{protocol.lower(): {"destinationPort": {"number": port}}} for protocol, port in ordered(host.ports)],
        }
        for host in _sorted(description)
    ]
    yield document(
        f"Hosts outside by name and port; everything else is left to the policies of the namespace.\n{_DENIED}\n"
        f"No other policy of this cluster may have the priority {said.priority}.",
        made(
            f"policy.networking.k8s.io/{said.version}",
            "ClusterNetworkPolicy",
            f"{description.namespace}-{description.name[:LONGEST]}-hosts",
            "",
            {
                "tier": "Admin",
                "priority": said.priority,
                "subject": {
                    "pods": {
                        "namespaceSelector": {"matchLabels": {NAMESPACE: description.namespace}},
                        "podSelector": labelled(description.labels.items()),
                    }
                },
                "egress": [{"action": "Deny", "to": [{"networks": never(description)}]}, *named],
            },
        ),
    )


def _sorted(description: Description) -> list[Host]:
    return sorted(description.hosts, key=lambda one: (one.name, ordered(one.ports)))
