"""The meaning of a mesh, one request at a time: every fact that manifests do not tell is given, and the answer is yes or no."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, ip_network

from arcops.seen.mesh import AuthorizationSeen, MeshAction, MeshMatch, MeshRule, SidecarSeen
from arcops.seen.network import Network, PodSet, ServiceSeen
from tests.reach.naive import matches

ROOT = "istio-system"
End = PodSet | IPv4Address


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What no manifest tells."""

    trust_domain: str = "cluster.local"
    method: str = "GET"
    token: str = ""
    consents: bool = True
    resolves: bool = False
    encrypts_what_it_does_not_know: bool = False
    mode: str = "ALLOW_ANY"


class NaiveMesh:
    def __init__(self, network: Network, facts: Facts) -> None:
        self.network, self.facts, self.mesh = network, facts, network.mesh
        self.labels = {one.name: {label.key: label.value for label in one.labels} for one in network.namespaces}

    def allowed(self, source: End, target: End, port: int, service: ServiceSeen | None) -> bool:
        knows = True
        if isinstance(source, PodSet) and self.kind(source) == "sidecar":
            knows = self.knows(source, target, port, service)
            if not knows and self.mode(source) == "REGISTRY_ONLY":
                return False
        if not isinstance(target, PodSet) or self.kind(target) == "":
            return True
        mode = self.tls(target, port)
        proven = isinstance(source, PodSet) and self.kind(source) != "" and mode != "DISABLE"
        if not knows and not self.facts.encrypts_what_it_does_not_know:
            proven = False
        if mode == "STRICT" and not proven:
            return False
        about = [one for one in self.mesh.authorizations if self.guards(one, target)]

        def hit(one: AuthorizationSeen) -> bool:
            return any(self.means(one, rule, source, proven, port) for rule in one.rules)

        if not self.facts.consents and any(hit(one) for one in about if one.action is MeshAction.CUSTOM):
            return False
        if any(hit(one) for one in about if one.action is MeshAction.DENY):
            return False
        allowing = [one for one in about if one.action is MeshAction.ALLOW]
        return not allowing or any(hit(one) for one in allowing)

    def kind(self, pods: PodSet) -> str:
        around = self.labels[pods.namespace]
        if around.get("istio.io/dataplane-mode") == "ambient":
            return "ambient"
        return "sidecar" if around.get("istio-injection") == "enabled" else ""

    def sidecar(self, pods: PodSet) -> SidecarSeen | None:
        for one in self.mesh.sidecars:
            if one.namespace == pods.namespace and one.selector is not None and matches(one.selector, pods.labels):
                return one
        for namespace in (pods.namespace, ROOT):
            for one in self.mesh.sidecars:
                if one.namespace == namespace and one.selector is None:
                    return one
        return None

    def mode(self, pods: PodSet) -> str:
        sidecar = self.sidecar(pods)
        said = [sidecar.outbound if sidecar else "", *(one.outbound for one in self.mesh.configs)]
        return next((one for one in said if one), self.facts.mode)

    def sees(self, pods: PodSet, namespace: str, host: str) -> bool:
        sidecar = self.sidecar(pods)
        if sidecar is None or not sidecar.hosts:
            return True
        for one in sidecar.hosts:
            where, name = one.split("/")
            there = where in ("*", namespace) or (where == "." and namespace == pods.namespace)
            if there and (name in ("*", host) or (name[:2] == "*." and host.endswith(name[1:]))):
                return True
        return False

    def knows(self, source: PodSet, target: End, port: int, service: ServiceSeen | None) -> bool:
        if isinstance(target, PodSet):
            named = [service] if service else [one for one in self.network.services if leads(one, target, port)]
            return any(self.sees(source, one.namespace, f"{one.name}.{one.namespace}.svc.cluster.local") for one in named)
        for one in self.mesh.service_entries:
            exported = not one.exported or "*" in one.exported or source.namespace in one.exported
            exported = exported or ("." in one.exported and one.namespace == source.namespace)
            at_port = not one.ports or port in one.ports
            if exported and at_port and any(self.sees(source, one.namespace, host) for host in one.hosts):
                if any(target in ip_network(block) for block in one.addresses):
                    return True
                if not one.addresses and self.facts.resolves:
                    return True
        return False

    def tls(self, pods: PodSet, port: int) -> str:
        said = self.mesh.peer_authentications
        for one in said:
            if one.namespace == pods.namespace and one.selector is not None and matches(one.selector, pods.labels):
                by_port = dict(zip(one.numbers, one.ports, strict=True)).get(port, "UNSET")
                if by_port != "UNSET":
                    return by_port
                if one.mode != "UNSET":
                    return one.mode
        for namespace in (pods.namespace, ROOT):
            for one in said:
                if one.namespace == namespace and one.selector is None and one.mode != "UNSET":
                    return one.mode
        return "PERMISSIVE"

    def guards(self, one: AuthorizationSeen, target: PodSet) -> bool:
        return one.namespace in (target.namespace, ROOT) and matches(one.selector, target.labels)

    def means(self, policy: AuthorizationSeen, rule: MeshRule, source: End, proven: bool, port: int) -> bool:
        def holds(one: MeshMatch) -> bool:
            return any(self.holds(policy, one.attribute, value, source, proven, port) for value in one.values) != one.but_not

        for listed in (rule.sources, rule.operations):
            if listed and not any(all(holds(one) for one in term.of) for term in listed):
                return False
        return all(holds(one) for one in rule.conditions)

    def holds(self, policy: AuthorizationSeen, attribute: str, value: str, source: End, proven: bool, port: int) -> bool:
        pod = source if isinstance(source, PodSet) and proven else None
        if attribute in ("ports", "destination.port"):
            return value == str(port)
        if attribute in ("principals", "source.principal"):
            if pod is None:
                return False
            names = {f"{domain}/ns/{pod.namespace}/sa/{pod.account}" for domain in ("cluster.local", self.facts.trust_domain)}
            return any(fits(value, name) for name in names)
        if attribute in ("namespaces", "source.namespace"):
            return pod is not None and fits(value, pod.namespace)
        if attribute == "serviceAccounts":
            whole = value if "/" in value else f"{policy.namespace}/{value}"
            return pod is not None and whole == f"{pod.namespace}/{pod.account}"
        if attribute in ("ipBlocks", "source.ip"):
            return not isinstance(source, PodSet) and source in ip_network(value)
        if attribute == "methods":
            return value == self.facts.method
        assert attribute == "requestPrincipals"
        return fits(value, self.facts.token)


def leads(service: ServiceSeen, pods: PodSet, port: int) -> bool:
    return (
        service.namespace == pods.namespace
        and service.selector is not None
        and matches(service.selector, pods.labels)
        and any(one.target == port for one in service.ports)
    )


def fits(pattern: str, text: str) -> bool:
    if pattern == "*":
        return text != ""
    if pattern[-1:] == "*":
        return text.startswith(pattern[:-1])
    return text.endswith(pattern[1:]) if pattern[:1] == "*" else text == pattern
