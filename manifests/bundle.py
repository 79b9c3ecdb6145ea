"""The bundle of one workload: everything closed, and then exactly what its description names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from manifests.description import Addresses, Description, Entry, Mesh, Pods, Port
from manifests.text import Value, document, documents

_NAMESPACE = "kubernetes.io/metadata.name"
_LONGEST = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestText:
    """One file of the bundle."""

    name: str
    text: str


def bundle(description: Description) -> tuple[ManifestText, ...]:
    """The files, in the order in which they are to be applied. Equal descriptions give equal bytes."""
    files = [ManifestText(name="10-network-policies.yaml", text=documents(tuple(_policies(description))))]
    if description.site.mesh is Mesh.ISTIO:
        files.append(ManifestText(name="20-mesh.yaml", text=documents(tuple(_mesh(description)))))
    if description.entry is not None:
        files.append(ManifestText(name="30-gateway.yaml", text=documents(tuple(_gateway(description, description.entry)))))
    return tuple(files)


def _object(api: str, kind: str, name: str, namespace: str, spec: Value) -> dict[str, Value]:
    return {"apiVersion": api, "kind": kind, "metadata": {"name": name[:63], "namespace": namespace}, "spec": spec}


def _policy(description: Description, name: str, spec: dict[str, Value]) -> dict[str, Value]:
    return _object("networking.k8s.io/v1", "NetworkPolicy", name, description.namespace, spec)


def _policies(description: Description) -> Iterator[str]:
    yield document(
        "Nothing in or out of any pod of the namespace, unless another policy allows it; also for pods that come later.",
        _policy(description, "deny-all", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
    )
    own: dict[str, Value] = {"podSelector": {"matchLabels": dict(sorted(description.labels.items()))}}
    dns = Pods(
        namespace="kube-system",
        labels=description.site.dns_labels,
        ports=(Port(port=53, protocol="TCP"), Port(port=53, protocol="UDP")),
    )
    yield document(
        "Names are asked of the DNS pods alone, not of all of kube-system.",
        _policy(
            description,
            f"{description.name[:_LONGEST]}-dns",
            {**own, "policyTypes": ["Egress"], "egress": [_rule("to", _pods(dns, description), dns.ports)]},
        ),
    )
    callers = [_rule("from", _pods(one, description), one.ports) for one in _callers(description)]
    if callers:
        yield document(
            "Who may call it, by namespace, labels and port.",
            _policy(
                description,
                f"{description.name[:_LONGEST]}-callers",
                {**own, "policyTypes": ["Ingress"], "ingress": callers},
            ),
        )
    calls = [_rule("to", _pods(one, description), one.ports) for one in description.calls]
    calls += [_rule("to", _block(one), one.ports) for one in description.addresses]
    if calls:
        yield document(
            "What it may call, by namespace, labels or address, and port.",
            _policy(description, f"{description.name[:_LONGEST]}-calls", {**own, "policyTypes": ["Egress"], "egress": calls}),
        )


def _callers(description: Description) -> Iterable[Pods]:
    yield from description.callers
    if description.entry is not None:
        yield description.entry.gateway_pods


def _rule(side: str, peer: dict[str, Value], ports: Iterable[Port]) -> Value:
    ordered = sorted({(one.protocol, one.port) for one in ports})
    return {side: [peer], "ports": [{"protocol": protocol, "port": port} for protocol, port in ordered]}


def _pods(pods: Pods, description: Description) -> dict[str, Value]:
    peer: dict[str, Value] = {"podSelector": {"matchLabels": dict(sorted(pods.labels.items()))}}
    if pods.namespace != description.namespace:
        peer = {"namespaceSelector": {"matchLabels": {_NAMESPACE: pods.namespace}}, **peer}
    return peer


def _block(addresses: Addresses) -> dict[str, Value]:
    return {"ipBlock": {"cidr": addresses.cidr}}


def _mesh(description: Description) -> Iterator[str]:
    security, networking = "security.istio.io/v1", "networking.istio.io/v1"
    namespace = description.namespace
    yield document(
        "Nobody is believed by address alone: mutual TLS, always.",
        _object(security, "PeerAuthentication", "strict", namespace, {"mtls": {"mode": "STRICT"}}),
    )
    yield document(
        "Every request is refused, unless another policy allows it.",
        _object(security, "AuthorizationPolicy", "deny-all", namespace, {}),
    )
    rules: list[Value] = [
        {
            "from": [{"source": {"principals": [_principal(one, description)]}}],
            "to": [{"operation": {"ports": [str(port) for port in sorted({port.port for port in one.ports})]}}],
        }
        for one in _callers(description)
    ]
    if rules:
        chosen: dict[str, Value] = {"matchLabels": dict(sorted(description.labels.items()))}
        yield document(
            "Who may call it, by identity and port.",
            _object(
                security,
                "AuthorizationPolicy",
                f"{description.name[:_LONGEST]}-callers",
                namespace,
                {"selector": chosen, "action": "ALLOW", "rules": rules},
            ),
        )
    spaces = sorted({one.namespace for one in description.calls} - {namespace})
    hosts: list[Value] = ["./*", *(f"{one}/*" for one in spaces)]
    yield document(
        "Sidecars know only their own namespace and those that are called, and send nothing to hosts that nobody registered.",
        _object(
            networking,
            "Sidecar",
            "default",
            namespace,
            {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, "egress": [{"hosts": hosts}]},
        ),
    )
    for number, one in enumerate(description.addresses):
        yield document(
            f"{one.cidr}, which it may call, is registered for this namespace alone.",
            _object(networking, "ServiceEntry", f"{description.name[:_LONGEST]}-{number}", namespace, _registered(one, number)),
        )


def _registered(addresses: Addresses, number: int) -> Value:
    ports: list[Value] = [
        {"number": port, "name": f"tcp-{port}", "protocol": "TCP"}
        for protocol, port in sorted({(one.protocol, one.port) for one in addresses.ports})
        if protocol == "TCP"
    ]
    return {
        "hosts": [f"addresses-{number}.internal"],
        "addresses": [addresses.cidr],
        "ports": ports,
        "location": "MESH_EXTERNAL",
        "resolution": "NONE",
        "exportTo": ["."],
    }


def _principal(pods: Pods, description: Description) -> str:
    return f"{description.site.trust_domain}/ns/{pods.namespace}/sa/{pods.service_account}"


def _gateway(description: Description, entry: Entry) -> Iterator[str]:
    api, namespace, name = "gateway.networking.k8s.io/v1", description.namespace, description.name[:_LONGEST]
    listeners: list[Value] = [
        {
            "name": f"https-{number}",
            "hostname": host,
            "port": 443,
            "protocol": "HTTPS",
            "tls": {"mode": "Terminate", "certificateRefs": [{"kind": "Secret", "name": entry.certificate}]},
            "allowedRoutes": {"namespaces": {"from": "Same"}, "kinds": [{"kind": "HTTPRoute"}]},
        }
        for number, host in enumerate(sorted(set(entry.hosts)))
    ]
    yield document(
        "Clients come in by TLS, under exact names, and only routes of this namespace may use it.",
        _object(api, "Gateway", name, namespace, {"gatewayClassName": description.site.gateway_class, "listeners": listeners}),
    )
    yield document(
        "The names lead to one Service and port.",
        _object(
            api,
            "HTTPRoute",
            name,
            namespace,
            {
                "parentRefs": [{"name": name}],
                "hostnames": sorted(set(entry.hosts)),
                "rules": [{"backendRefs": [{"name": entry.service, "port": entry.port}]}],
            },
        ),
    )
    yield document(
        "The Gateway speaks TLS to the workload, too, and checks whom it speaks to.",
        _object(
            api,
            "BackendTLSPolicy",
            name,
            namespace,
            {
                "targetRefs": [{"group": "", "kind": "Service", "name": entry.service}],
                "validation": {
                    "hostname": entry.backend_name,
                    "caCertificateRefs": [{"group": "", "kind": "ConfigMap", "name": entry.backend_ca}],
                },
            },
        ),
    )
