"""Istio's objects (``networking.istio.io``, ``security.istio.io``) and the mesh's own settings."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from arcops.seen.labels import Selector
from arcops.seen.mesh import (
    AuthorizationSeen,
    DestinationRuleSeen,
    FilterSeen,
    MeshAction,
    MeshConfigSeen,
    MeshGatewaySeen,
    MeshMatch,
    MeshRule,
    MeshSeen,
    MeshTarget,
    MeshTerms,
    PeerAuthenticationSeen,
    ServiceEntrySeen,
    SidecarSeen,
    TokensSeen,
    VirtualServiceSeen,
)
from arcops.seen.network import GatewaySeen, RouteSeen
from tasks.kubernetes.manifests.fields import Field, text_at, whole_at
from tasks.kubernetes.manifests.istio_entries import entry_gateway, entry_route, is_beyond
from tasks.kubernetes.manifests.istio_filters import envoy_filter
from tasks.kubernetes.manifests.istio_routes import mesh_gateway, virtual_service
from tasks.kubernetes.manifests.names import labels
from tasks.kubernetes.manifests.nodes import Unreadable, documents

NARROWING = frozenset(
    {
        ("networking.istio.io", "WorkloadEntry"),
        ("networking.istio.io", "WorkloadGroup"),
        ("networking.istio.io", "ProxyConfig"),
        ("telemetry.istio.io", "Telemetry"),
    }
)
"""Kinds that only route, check or watch what policies allow. ``EnvoyFilter`` and ``WasmPlugin`` are not in the list: they
can do anything; of an EnvoyFilter it is read for which pods."""
DRY_RUN = "istio.io/dry-run"
"""The annotation of an AuthorizationPolicy that is only tried."""
_MODES = ("UNSET", "DISABLE", "PERMISSIVE", "STRICT")


@dataclass(slots=True)
class MeshSettings:
    """What has been read so far."""

    authorizations: list[AuthorizationSeen] = field(default_factory=list)
    peer_authentications: list[PeerAuthenticationSeen] = field(default_factory=list)
    sidecars: list[SidecarSeen] = field(default_factory=list)
    service_entries: list[ServiceEntrySeen] = field(default_factory=list)
    destination_rules: list[DestinationRuleSeen] = field(default_factory=list)
    configs: list[MeshConfigSeen] = field(default_factory=list)
    filters: list[FilterSeen] = field(default_factory=list)
    gateways: list[MeshGatewaySeen] = field(default_factory=list)
    virtual_services: list[VirtualServiceSeen] = field(default_factory=list)
    tokens: list[TokensSeen] = field(default_factory=list)
    entries: list[GatewaySeen] = field(default_factory=list)
    entry_routes: list[RouteSeen] = field(default_factory=list)

    def ways_in(self) -> tuple[list[GatewaySeen], list[RouteSeen]]:
        """Gateways that take clients without a certificate of the mesh, and the VirtualServices that lead from them."""
        out = {(one.namespace, one.name) for one in self.gateways}
        routes = []
        for one in self.entry_routes:
            parents = tuple(parent for parent in one.parents if (parent.namespace, parent.name) not in out)
            if parents:
                routes.append(replace(one, parents=parents))
        return self.entries, routes

    def seen(self) -> MeshSeen:
        return MeshSeen(
            authorizations=tuple(self.authorizations),
            peer_authentications=tuple(self.peer_authentications),
            sidecars=tuple(self.sidecars),
            service_entries=tuple(self.service_entries),
            destination_rules=tuple(self.destination_rules),
            configs=tuple(self.configs),
            gateways=tuple(self.gateways),
            virtual_services=tuple(self.virtual_services),
            filters=tuple(self.filters),
            tokens=tuple(self.tokens),
        )

    def take(self, found: Field, group: str, kind: str, namespace: str, name: str) -> bool:
        """Read the object at *found*; says whether it is one of the mesh's."""
        match (group, kind):
            case ("security.istio.io", "AuthorizationPolicy"):
                self.authorizations.append(_authorization(found, namespace, name))
            case ("security.istio.io", "PeerAuthentication"):
                self.peer_authentications.append(_peer_authentication(found, namespace, name))
            case ("security.istio.io", "RequestAuthentication"):
                self.tokens.append(_tokens(found, namespace, name))
            case ("networking.istio.io", "Sidecar"):
                self.sidecars.append(_sidecar(found, namespace, name))
            case ("networking.istio.io", "ServiceEntry"):
                self.service_entries.append(_service_entry(found, namespace, name))
            case ("networking.istio.io", "DestinationRule"):
                self.destination_rules.append(_destination_rule(found, namespace, name))
            case ("networking.istio.io", "VirtualService"):
                self.virtual_services.append(virtual_service(found, namespace, name))
                route = entry_route(found, namespace, name)
                self.entry_routes.extend([route] if route is not None else [])
            case ("networking.istio.io", "Gateway"):
                made = mesh_gateway(found, namespace, name)
                if made is not None:
                    self.gateways.append(made)
                elif is_beyond(found):
                    return False  # it may allow more than exact hosts, or more than its routes say
                else:
                    self.entries.append(entry_gateway(found, namespace, name))
            case ("networking.istio.io", "EnvoyFilter"):
                self.filters.append(envoy_filter(found, namespace, name))
                return False  # what it does is not understood, only for which pods
            case ("install.istio.io", "IstioOperator"):
                config = found.within("spec", "meshConfig")
                if config is not None:
                    self.configs.append(_config(config, f"IstioOperator {namespace}/{name}"))
            case ("sailoperator.io", "Istio" | "IstioRevision"):
                config = found.within("spec", "values", "meshConfig")
                if config is not None:
                    self.configs.append(_config(config, f"{kind} {name}"))
            case ("", "ConfigMap") if name == "istio" or name.startswith("istio-"):
                return self._settings(found, namespace, name)
            case _:
                return False
        return True

    def _settings(self, found: Field, namespace: str, name: str) -> bool:
        """The settings in a ConfigMap, as YAML in a string. Lines inside the string are not known; the string's line counts."""
        held = found.within("data", "mesh")
        if held is None:
            return False
        try:
            nodes = list(documents(held.text().encode()))
        except Unreadable as error:
            held.wrong(f"the mesh's settings in it cannot be read: {error}")
            return True
        for node in nodes:
            self.configs.append(_config(Field(node, held.path, held.complaints, held.line), f"ConfigMap {namespace}/{name}"))
        return True


def _config(found: Field, about: str) -> MeshConfigSeen:
    return MeshConfigSeen(
        at=found.at,
        about=about,
        outbound=text_at(found.within("outboundTrafficPolicy", "mode")),
        root_namespace=text_at(found.get("rootNamespace")),
    )


def _selector(found: Field | None, *path: str) -> Selector | None:
    """The labels at *path*; `None` if there are no labels, which means the whole namespace."""
    chosen = labels(found.within(*path)) if found is not None else ()
    return Selector(labels=chosen) if chosen else None


def _authorization(found: Field, namespace: str, name: str) -> AuthorizationSeen:
    found.only("apiVersion", "kind", "metadata", "spec", "status")
    spec = found.get("spec")
    action = MeshAction.ALLOW
    rules: tuple[MeshRule, ...] = ()
    if spec is not None:
        spec.only("selector", "targetRef", "targetRefs", "rules", "action", "provider")
        action_at = spec.get("action")
        if action_at is not None:
            known = {one.value: one for one in MeshAction}
            text = action_at.text()
            if text not in known:
                action_at.wrong(f"{text[:80]!r} is not one of {', '.join(known)}")
            action = known.get(text, MeshAction.ALLOW)
        rules = tuple(_rule(item) for item in spec.items("rules"))
    if text_at(found.within("metadata", "annotations", DRY_RUN)).lower() == "true":
        action = MeshAction.AUDIT  # nothing enforces it
    return AuthorizationSeen(
        namespace=namespace,
        name=name,
        at=found.at,
        action=action,
        selector=_selector(spec, "selector", "matchLabels"),
        targeted=spec is not None and (spec.get("targetRef") is not None or spec.get("targetRefs") is not None),
        rules=rules,
        targets=tuple(_targets(spec)) if spec is not None else (),
    )


def _targets(spec: Field) -> Iterator[MeshTarget]:
    single = spec.get("targetRef")
    for one in [*([single] if single is not None else []), *spec.items("targetRefs")]:
        yield MeshTarget(at=one.at, kind=text_at(one.get("kind")), name=text_at(one.get("name")))


def _rule(item: Field) -> MeshRule:
    item.only("from", "to", "when")
    identities: list[str] = []
    sources = list(item.items("from"))
    for source in sources:
        said = source.get("source")
        for name in ("principals", "requestPrincipals", "namespaces", "serviceAccounts", "ipBlocks", "remoteIpBlocks"):
            identities += [one.text() for one in said.items(name)] if said is not None else []
    return MeshRule(
        at=item.at,
        field=item.path,
        named=bool(sources),
        identities=tuple(identities),
        limited=item.get("to") is not None or item.get("when") is not None,
        sources=tuple(_terms(one.get("source")) for one in sources),
        operations=tuple(_terms(one.get("operation")) for one in item.items("to")),
        conditions=tuple(match for one in item.items("when") for match in _condition(one)),
    )


def _terms(found: Field | None) -> MeshTerms:
    """The conditions of *found*, a source or an operation: ``notPorts`` means none of these ports."""
    asked = []
    for name, _ in found.members() if found is not None else ():
        plain = name[3:4].lower() + name[4:] if name.startswith("not") and name[3:4].isupper() else name
        values = tuple(one.text() for one in found.items(name)) if found is not None else ()
        if values:
            asked.append(MeshMatch(attribute=plain, values=values, but_not=plain != name))
    return MeshTerms(of=tuple(asked))


def _condition(found: Field) -> Iterator[MeshMatch]:
    for name in ("values", "notValues"):
        values = tuple(one.text() for one in found.items(name))
        if values:
            yield MeshMatch(attribute=text_at(found.get("key")), values=values, but_not=name == "notValues")


def _mode(found: Field | None) -> str:
    if found is None:
        return "UNSET"
    text = text_at(found, "UNSET")
    if text not in _MODES:
        found.wrong(f"{text[:80]!r} is not one of {', '.join(_MODES)}")
    return text


def _peer_authentication(found: Field, namespace: str, name: str) -> PeerAuthenticationSeen:
    found.only("apiVersion", "kind", "metadata", "spec", "status")
    spec = found.get("spec")
    by_port = spec.get("portLevelMtls") if spec is not None else None
    return PeerAuthenticationSeen(
        namespace=namespace,
        name=name,
        at=found.at,
        mode=_mode(spec.within("mtls", "mode") if spec is not None else None),
        selector=_selector(spec, "selector", "matchLabels"),
        ports=tuple(_mode(port.get("mode")) for _, port in by_port.members()) if by_port is not None else (),
        numbers=tuple(_number(name, port) for name, port in by_port.members()) if by_port is not None else (),
    )


def _tokens(found: Field, namespace: str, name: str) -> TokensSeen:
    spec = found.get("spec")
    issuers = []
    for one in spec.items("jwtRules") if spec is not None else ():
        keys = text_at(one.get("jwksUri")) or f"keys {hashlib.sha256(text_at(one.get('jwks')).encode()).hexdigest()[:16]}"
        meant = sorted(audience.text() for audience in one.items("audiences"))
        of = f" for {', '.join(meant)}" if meant else ""
        issuers.append(f"{text_at(one.get('issuer'))} by {keys}{of}")
    return TokensSeen(
        namespace=namespace,
        name=name,
        at=found.at,
        selector=_selector(spec, "selector", "matchLabels"),
        issuers=tuple(issuers),
    )


def _number(name: str, port: Field) -> int:
    if not name.isdigit() or not 1 <= int(name) <= 65535:
        port.wrong(f"{name[:80]!r} is not a port; use 1 to 65535")
        return 0
    return int(name)


def _sidecar(found: Field, namespace: str, name: str) -> SidecarSeen:
    spec = found.get("spec")
    return SidecarSeen(
        namespace=namespace,
        name=name,
        at=found.at,
        outbound=text_at(spec.within("outboundTrafficPolicy", "mode")) if spec is not None else "",
        selector=_selector(spec, "workloadSelector", "labels"),
        hosts=tuple(_texts(spec, "egress", "hosts")),
        by_port=spec is not None and any(one.get("port") is not None for one in spec.items("egress")),
        listens=spec is not None and any(True for _ in spec.items("ingress")),
    )


def _texts(spec: Field | None, of: str, name: str) -> Iterator[str]:
    for item in spec.items(of) if spec is not None else ():
        yield from (one.text() for one in item.items(name))


def _service_entry(found: Field, namespace: str, name: str) -> ServiceEntrySeen:
    spec = found.get("spec")
    if spec is None or spec.get("hosts") is None:
        found.complaints.add((spec or found).line, "spec.hosts", "a ServiceEntry needs hosts")
    hosts, addresses, exported = (
        tuple(one.text() for one in spec.items(name)) if spec is not None else () for name in ("hosts", "addresses", "exportTo")
    )
    return ServiceEntrySeen(
        namespace=namespace,
        name=name,
        at=found.at,
        hosts=hosts,
        addresses=addresses,
        exported=exported,
        ports=tuple(whole_at(one.get("number")) for one in spec.items("ports")) if spec is not None else (),
        protocols=tuple(dict.fromkeys(_protocols(spec))) if spec is not None else (),
        resolution=_resolution(spec) if spec is not None else "",
        endpoints=tuple(text_at(one.get("address")) for one in spec.items("endpoints")) if spec is not None else (),
    )


def _resolution(spec: Field) -> str:
    """How addresses are found; if it is not said, callers choose them (``NONE``) on each port that there is."""
    return text_at(spec.get("resolution")) or ("NONE" if spec.get("ports") is not None else "")


def _protocols(spec: Field) -> Iterator[str]:
    """The protocols of the ports; without one, Istio takes it from the beginning of the port's name, else TCP."""
    for item in spec.items("ports"):
        said = text_at(item.get("protocol")) or text_at(item.get("name")).partition("-")[0]
        yield said.upper() or "TCP"


def _destination_rule(found: Field, namespace: str, name: str) -> DestinationRuleSeen:
    spec = found.get("spec")
    return DestinationRuleSeen(
        namespace=namespace,
        name=name,
        at=found.at,
        host=text_at(spec.get("host")) if spec is not None else "",
        modes=tuple(text_at(one.get("mode")) for one in _tls(spec)) if spec is not None else (),
        unverified=tuple(dict.fromkeys(_unverified(spec))) if spec is not None else (),
    )


def _unverified(spec: Field) -> Iterator[str]:
    """The modes that start TLS of their own and check no authority: without ``caCertificates`` a sidecar accepts every
    certificate (Istio, ClientTLSSettings). A Secret of the name ``credentialName`` brings its authority with it.
    """
    for one in _tls(spec):
        mode = text_at(one.get("mode"))
        skips = one.get("insecureSkipVerify")
        named = text_at(one.get("caCertificates")) or text_at(one.get("credentialName"))
        if mode in ("SIMPLE", "MUTUAL") and (not named or (skips is not None and skips.true())):
            yield mode


def _tls(spec: Field) -> Iterator[Field]:
    """The TLS settings that name a mode."""
    policies = [spec.get("trafficPolicy"), *(subset.get("trafficPolicy") for subset in spec.items("subsets"))]
    for policy in policies:
        if policy is None:
            continue
        for one in (policy, *policy.items("portLevelSettings")):
            tls = one.get("tls")
            if tls is not None and tls.get("mode") is not None:
                yield tls
