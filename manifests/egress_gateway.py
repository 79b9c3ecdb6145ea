"""Host names outside the cluster, through the egress gateway of an Istio mesh.

The workload's sidecar sends the workload's own TLS to the gateway inside mutual TLS, so that the gateway knows the caller. The
gateway forwards the inner TLS to the one host in the outer server name.
"""

from __future__ import annotations

from collections.abc import Iterator

from manifests.description import Description, EgressGateway
from manifests.shapes import LONGEST, Explained, labelled, made
from manifests.text import Value

_NETWORKING = "networking.istio.io/v1"


def through_gateway(description: Description, gateway: EgressGateway) -> Iterator[Explained]:
    name, namespace = f"{description.name[:LONGEST]}-egress", description.namespace
    own = f"{namespace}-{name}"  # objects of other namespaces are beside the gateway, too
    service = f"{gateway.service}.{gateway.namespace}.svc.{description.site.cluster_domain}"
    hosts = sorted({one.name for one in description.hosts})
    both: list[Value] = [".", gateway.namespace]
    for number, host in enumerate(hosts):
        ports = sorted({port.port for one in description.hosts if one.name == host for port in one.ports})
        yield (
            f"{host} is registered only for this namespace and for the egress gateway.",
            made(
                _NETWORKING,
                "ServiceEntry",
                f"{description.name[:LONGEST]}-host-{number}",
                namespace,
                {
                    "hosts": [host],
                    "ports": [{"number": port, "name": f"tls-{port}", "protocol": "TLS"} for port in ports],
                    "location": "MESH_EXTERNAL",
                    "resolution": "DNS",
                    "exportTo": both,
                },
            ),
        )
    yield (
        "The egress gateway accepts these names only from callers with a certificate of the mesh.",
        made(
            _NETWORKING,
            "Gateway",
            own,
            gateway.namespace,
            {
                "selector": dict(sorted(gateway.labels.items())),
                "servers": [
                    {
                        "port": {"number": gateway.port, "name": f"tls-{number}", "protocol": "TLS"},
                        "hosts": [host],
                        "tls": {"mode": "ISTIO_MUTUAL"},
                    }
                    for number, host in enumerate(hosts)
                ],
            },
        ),
    )
    yield (
        "Mutual TLS to the gateway. The server name tells it the host, so each host has its own subset.",
        made(
            _NETWORKING,
            "DestinationRule",
            name,
            namespace,
            {
                "host": service,
                "subsets": [
                    {"name": f"host-{number}", "trafficPolicy": {"tls": {"mode": "ISTIO_MUTUAL", "sni": host}}}
                    for number, host in enumerate(hosts)
                ],
                "exportTo": ["."],
            },
        ),
    )
    for number, host in enumerate(hosts):
        ports = sorted({port.port for one in description.hosts if one.name == host for port in one.ports})
        yield (
            f"{host}: from the mesh to the gateway, from the gateway to the host, and nowhere else.",
            made(
                _NETWORKING,
                "VirtualService",
                f"{description.name[:LONGEST]}-host-{number}",
                namespace,
                {
                    "hosts": [host],
                    "gateways": ["mesh", f"{gateway.namespace}/{own}"],
                    "exportTo": both,
                    "tls": [
                        {
                            "match": [{"gateways": ["mesh"], "port": port, "sniHosts": [host]} for port in ports],
                            "route": [
                                {
                                    "destination": {
                                        "host": service,
                                        "subset": f"host-{number}",
                                        "port": {"number": gateway.port},
                                    }
                                }
                            ],
                        }
                    ],
                    "tcp": [
                        {
                            "match": [{"gateways": [f"{gateway.namespace}/{own}"], "port": gateway.port}],
                            "route": [{"destination": {"host": host, "port": {"number": ports[0]}}}],
                        }
                    ],
                },
            ),
        )
    yield (
        "Who may use the gateway for these names, by identity. As soon as a gateway has one such policy, it denies every\n"
        "caller that is in none of them.",
        made(
            "security.istio.io/v1",
            "AuthorizationPolicy",
            own,
            gateway.namespace,
            {
                "selector": labelled(gateway.labels.items()),
                "action": "ALLOW",
                "rules": [
                    {
                        "from": [
                            {
                                "source": {
                                    "principals": [
                                        f"{description.site.trust_domain}/ns/{namespace}/sa/{description.service_account}"
                                    ]
                                }
                            }
                        ],
                        "when": [{"key": "connection.sni", "values": hosts}],
                    }
                ],
            },
        ),
    )
