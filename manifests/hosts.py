"""Host names outside the cluster, enforced by the network plugin: for Cilium, or for ClusterNetworkPolicy."""

from __future__ import annotations

from collections.abc import Iterator

from manifests.description import Description, DomainNames, Host
from manifests.shapes import LONGEST, NAMESPACE, Explained, labelled, made, never, ordered
from manifests.text import Value

_DENIED = "Never to the metadata services or the API server, because the DNS answer for a name could point to them."


def hosts_policy(workload: str) -> str:
    """The name of the CiliumNetworkPolicy of a *workload*."""
    return f"{workload[:LONGEST]}-hosts"


def by_cilium(description: Description) -> Iterator[Explained]:
    """A CiliumNetworkPolicy. It replaces the NetworkPolicy for DNS."""
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
    yield (
        "DNS queries go to the DNS pods only, through Cilium's proxy, which learns from the answers which addresses a name\n"
        "has. Then hosts outside by name and port.\n" + _DENIED,
        made(
            "cilium.io/v2",
            "CiliumNetworkPolicy",
            hosts_policy(description.name),
            description.namespace,
            {
                "endpointSelector": labelled(description.labels.items()),
                "egress": [dns, *named],
                "egressDeny": [{"toCIDR": never(description)}],
            },
        ),
    )


def by_cluster_policy(description: Description, said: DomainNames) -> Iterator[Explained]:
    """A ClusterNetworkPolicy of the tier Admin: only this tier allows names. It passes on all that it does not name."""
    named: list[Value] = [
        {
            "action": "Accept",
            "to": [{"domainNames": [host.name]}],
            "protocols": [{protocol.lower(): {"destinationPort": {"number": port}}} for protocol, port in ordered(host.ports)],
        }
        for host in _sorted(description)
    ]
    yield (
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
