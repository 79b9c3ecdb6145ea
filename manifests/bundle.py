"""The bundle of one workload: all traffic is denied, and then exactly what its description names is allowed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from manifests.description import Addresses, DescribedEntry, DescribedMesh, Description, Host, Names, Pods, Port
from manifests.egress_gateway import through_gateway
from manifests.hosts import by_cilium, by_cluster_policy
from manifests.shapes import LONGEST, Explained, made, ordered, pods, rule
from manifests.text import Value, document, documents


@dataclass(frozen=True, slots=True, kw_only=True)
class ManifestText:
    """One file of the bundle. ``custom``: it holds objects of kinds that a CustomResourceDefinition defines."""

    name: str
    text: str
    custom: bool = False


def bundle(description: Description) -> tuple[ManifestText, ...]:
    """The files, in the order in which they are to be applied. Equal descriptions give equal bytes."""
    site = description.site
    by_name = bool(description.hosts) and site.names in (Names.CILIUM, Names.CLUSTER_POLICY)
    policies = documents(tuple(_policies(description)))
    files = [ManifestText(name="10-network-policies.yaml", text=policies, custom=by_name)]
    if site.mesh is DescribedMesh.ISTIO:
        files.append(ManifestText(name="20-mesh.yaml", text=documents(tuple(_mesh(description))), custom=True))
    if description.entry is not None:
        text = documents(tuple(_gateway(description, description.entry)))
        files.append(ManifestText(name="30-gateway.yaml", text=text, custom=True))
    return tuple(files)


def _policy(description: Description, name: str, spec: dict[str, Value]) -> dict[str, Value]:
    return made("networking.k8s.io/v1", "NetworkPolicy", name, description.namespace, spec)


def _policies(description: Description) -> Iterator[str]:
    yield document(
        "No traffic in or out of any pod of the namespace, unless another policy allows it; also for later pods.",
        _policy(description, "deny-all", {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}),
    )
    own: dict[str, Value] = {"podSelector": {"matchLabels": dict(sorted(description.labels.items()))}}
    dns = Pods(
        namespace="kube-system",
        labels=description.site.dns_labels,
        ports=(Port(port=53, protocol="TCP"), Port(port=53, protocol="UDP")),
    )
    if not (description.hosts and description.site.names is Names.CILIUM):
        yield document(
            "DNS queries go to the DNS pods only, not to all of kube-system.",
            _policy(
                description,
                f"{description.name[:LONGEST]}-dns",
                {**own, "policyTypes": ["Egress"], "egress": [rule("to", pods(dns, description), dns.ports)]},
            ),
        )
    callers = [rule("from", pods(one, description), one.ports) for one in _callers(description)]
    if callers:
        yield document(
            "Who may call it, by namespace, labels and port.",
            _policy(
                description,
                f"{description.name[:LONGEST]}-callers",
                {**own, "policyTypes": ["Ingress"], "ingress": callers},
            ),
        )
    calls = [rule("to", pods(one, description), one.ports) for one in description.calls]
    calls += [rule("to", _block(one), one.ports) for one in description.addresses]
    if calls:
        yield document(
            "What it may call, by namespace, labels or address, and port.",
            _policy(description, f"{description.name[:LONGEST]}-calls", {**own, "policyTypes": ["Egress"], "egress": calls}),
        )
    if description.site.mesh is DescribedMesh.ISTIO:
        plane = description.site.control_plane
        istiod = Pods(namespace=plane.namespace, labels=plane.labels, ports=(Port(port=plane.port),))
        egress = [rule("to", pods(istiod, description), istiod.ports)]
        through = egress_pods(description)
        if through is not None:
            egress.append(rule("to", pods(through, description), through.ports))
        yield document(
            "Sidecars get certificates and settings from the mesh's control plane"
            + (",\nand reach hosts outside only through the egress gateway." if through is not None else "."),
            _policy(description, f"{description.name[:LONGEST]}-mesh", {**own, "policyTypes": ["Egress"], "egress": egress}),
        )
    if description.hosts and description.site.names is Names.CILIUM:
        yield from _documents(by_cilium(description))
    elif description.hosts and description.site.domain_names is not None and description.site.names is Names.CLUSTER_POLICY:
        yield from _documents(by_cluster_policy(description, description.site.domain_names))


def _documents(explained: Iterable[Explained]) -> Iterator[str]:
    yield from (document(comment, value) for comment, value in explained)


def egress_pods(description: Description) -> Pods | None:
    """The pods of the egress gateway, if traffic to the hosts of *description* goes through it."""
    gateway = description.site.egress_gateway
    if gateway is None or not description.hosts:
        return None
    return Pods(namespace=gateway.namespace, labels=gateway.labels, ports=(Port(port=gateway.target_port),))


def _callers(description: Description) -> Iterable[Pods]:
    yield from description.callers
    if description.entry is not None:
        yield description.entry.gateway_pods


def _block(addresses: Addresses) -> dict[str, Value]:
    return {"ipBlock": {"cidr": addresses.cidr}}


def _mesh(description: Description) -> Iterator[str]:
    security, networking = "security.istio.io/v1", "networking.istio.io/v1"
    namespace = description.namespace
    yield document(
        "Mutual TLS for every connection, so that no caller is identified only by its address.",
        made(security, "PeerAuthentication", "strict", namespace, {"mtls": {"mode": "STRICT"}}),
    )
    yield document(
        "Every request is denied, unless another policy allows it.",
        made(security, "AuthorizationPolicy", "deny-all", namespace, {}),
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
            made(
                security,
                "AuthorizationPolicy",
                f"{description.name[:LONGEST]}-callers",
                namespace,
                {"selector": chosen, "action": "ALLOW", "rules": rules},
            ),
        )
    spaces = sorted({one.namespace for one in description.calls} - {namespace})
    gateway = description.site.egress_gateway
    hosts: list[Value] = ["./*", *(f"{one}/*" for one in spaces)]
    if gateway is not None and description.hosts and gateway.namespace not in spaces:
        domain = description.site.cluster_domain
        hosts.append(f"{gateway.namespace}/{gateway.service}.{gateway.namespace}.svc.{domain}")
    yield document(
        "Sidecars know only their own namespace and those that are called, and send nothing to unregistered hosts.",
        made(
            networking,
            "Sidecar",
            "default",
            namespace,
            {"outboundTrafficPolicy": {"mode": "REGISTRY_ONLY"}, "egress": [{"hosts": hosts}]},
        ),
    )
    for number, one in enumerate(description.addresses):
        yield document(
            f"{one.cidr}, which it may call, is registered only for this namespace.",
            made(networking, "ServiceEntry", f"{description.name[:LONGEST]}-{number}", namespace, _registered(one, number)),
        )
    if gateway is not None and description.hosts:
        yield from _documents(through_gateway(description, gateway))
        return
    for number, host in enumerate(sorted(description.hosts, key=lambda one: (one.name, ordered(one.ports)))):
        yield document(
            f"{host.name}, which it may call, is registered only for this namespace.",
            made(networking, "ServiceEntry", f"{description.name[:LONGEST]}-host-{number}", namespace, _named(host)),
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


def _named(host: Host) -> Value:
    return {
        "hosts": [host.name],
        "ports": [{"number": port, "name": f"tls-{port}", "protocol": "TLS"} for _, port in ordered(host.ports)],
        "location": "MESH_EXTERNAL",
        "resolution": "DNS",
        "exportTo": ["."],
    }


def _principal(pods: Pods, description: Description) -> str:
    return f"{description.site.trust_domain}/ns/{pods.namespace}/sa/{pods.service_account}"


def _gateway(description: Description, entry: DescribedEntry) -> Iterator[str]:
    api, namespace, name = "gateway.networking.k8s.io/v1", description.namespace, description.name[:LONGEST]
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
        "Clients connect with TLS, to exact host names; only routes of this namespace may use this Gateway.",
        made(api, "Gateway", name, namespace, {"gatewayClassName": description.site.gateway_class, "listeners": listeners}),
    )
    yield document(
        "The host names lead to one Service and port.",
        made(
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
        "The Gateway uses TLS to the workload, too, and verifies its certificate.",
        made(
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
