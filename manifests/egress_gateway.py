"""Hosts outside by their names, through the egress gateway of an Istio mesh.

From the workload's sidecar to the gateway goes mutual TLS around the workload's own TLS, so that the gateway knows who asks; it
forwards what is inside to the one host that the outer server name says.
"""

from __future__ import annotations

from collections.abc import Iterator

from manifests.description import Description, EgressGateway
from manifests.shapes import LONGEST, labelled, made
from manifests.text import Value, document

_NETWORKING = "networking.istio.io/v1"


def through_gateway(description: Description, gateway: EgressGateway) -> Iterator[str]:
    name, namespace = f"{description.name[:LONGEST]}-egress", description.namespace
    own = f"{namespace}-{name}"  # beside the gateway stand objects of other namespaces, too
    service = f"{gateway.service}.{gateway.namespace}.svc.{description.site.cluster_domain}"
    hosts = sorted({one.name for one in description.hosts})
    both: list[Value] = [".", gateway.namespace]
    for number, host in enumerate(hosts):
        ports = sorted({port.port for one in description.hosts if one.name == host for port in one.ports})
        yield document(
            f"{host} is registered for this namespace and for the egress gateway alone.",
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
    yield document(
        "The egress gateway takes these names, from the mesh alone: whoever has no certificate of the mesh is turned away.",
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
    yield document(
        "To the gateway by mutual TLS. The server name tells it which host is meant, so each has a subset of its own.",
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
        yield document(
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
    yield document(
        "Who may use the gateway for these names, by identity. As soon as one such policy stands beside a gateway, it refuses\n"
        "whoever none of them names.",
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
