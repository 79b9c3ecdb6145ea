"""Do routes attach only to the intended Gateways, use exact host names, and keep TLS up to the backend?

Why: if a Gateway accepts routes from any namespace, or a host name has a wildcard, any user who can write a route can take over
the traffic of others. A route that does not attach looks like an entry, but no traffic comes in through it. And if TLS ends at
the Gateway, traffic behind it can be read.

Judged: each parent that a route names (does a listener accept the route, from this namespace, of this kind, for these host
names); listeners that accept routes from all namespaces or use plain text; host names with wildcards, or claimed by two
namespaces; and backends for which neither a BackendTLSPolicy nor the mesh requires TLS.

Fix: name Gateway and listener in 'parentRefs', restrict 'allowedRoutes' by namespace, give exact host names, listen on HTTPS,
and add a BackendTLSPolicy for each backend.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

from arcops.control import nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Rule
from arcops.gate import gate
from arcops.seen.network import POOL, GatewaySeen, ListenerSeen, Network, RouteSeen, Selector
from arcops.subjects.network import Manifests
from gates.listing import listed
from gates.network.gateway.patches import makers
from gates.network.patching import patched
from gates.network.words import place
from gates.words import shown
from reach.attachment import Attachment, attachments
from reach.entries import Services
from reach.meshed import meshed

ATTACHED = Rule(
    id="gateway/attached",
    asks="Does every route attach to the Gateways that it names?",
    fix="Correct 'parentRefs', or make the listener accept routes of this namespace, kind and host name.",
)
LISTENERS = Rule(
    id="gateway/listeners",
    asks="Does every listener use TLS, and accept routes only from chosen namespaces?",
    fix="Set 'allowedRoutes: {namespaces: {from: Same}}' or a selector, and 'protocol: HTTPS'.",
)
HOSTS = Rule(
    id="gateway/hosts",
    asks="Is every host name exact, and claimed by one namespace only?",
    fix="List the exact host names in the route.",
)
BACKEND_TLS = Rule(
    id="gateway/backend-tls",
    asks="Does every route use TLS to its backends?",
    fix="Add a BackendTLSPolicy that names the Service, or put its pods into the mesh.",
)


_ENCRYPTED = ("HTTPS", "TLS", "HBONE")
"""Protocols of listeners that encrypt; ``HBONE`` is that of a mesh's waypoint, with mutual TLS (Istio, ambient mode)."""
_NAMELESS = ("TCPRoute", "UDPRoute")
"""Routes of packets, which have no host name."""
_INGRESS = "Add 'tls' with the host and a Secret to the Ingress, or set 'plainListeners: true' if something before it ends TLS."


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayPolicy:
    """``plain_backends`` accepts plain text to backends. ``plain_listeners`` accepts listeners and Ingresses without TLS."""

    plain_backends: bool = False
    plain_listeners: bool = False


@gate(
    "gateway",
    judges=(Manifests,),
    needs=(Network,),
    policy=GatewayPolicy,
    rules=(ATTACHED, LISTENERS, HOSTS, BACKEND_TLS),
    takes=("network",),
    speaks_to=nist("SC-7") + soc("CC6.6"),
)
def gateway(seen: Seen, policy: GatewayPolicy) -> Iterator[Finding]:
    """The findings on Gateways, Ingresses and routes."""
    evidence = seen[Network]
    attached = tuple(attachments(evidence.body))
    count = len(evidence.body.routes)
    yield from _answer(ATTACHED, _attached(evidence, attached), f"All {count} route(s) attach to their Gateways.", evidence)
    listeners = chain(
        _listeners(evidence, plain=policy.plain_listeners), () if policy.plain_listeners else _ingresses(evidence)
    )
    yield from _answer(
        LISTENERS, listeners, f"All listeners of {len(evidence.body.gateways)} Gateway(s) are restricted.", evidence
    )
    yield from _answer(HOSTS, _hosts(evidence, attached), f"All host names of {count} route(s) are exact.", evidence)
    backends = () if policy.plain_backends else _backends(evidence, attached)
    yield from _answer(BACKEND_TLS, backends, f"The protocols to the backends of {count} route(s) are accepted.", evidence)


def _answer(rule: Rule, found: Iterable[Finding], well: str, evidence: Evidence[Network]) -> Iterator[Finding]:
    return patched(listed(found, rule.passes(well, evidence)), makers(evidence.body))


def _attached(evidence: Evidence[Network], attached: tuple[Attachment, ...]) -> Iterator[Finding]:
    for one in attached:
        if one.refusal:
            say = ATTACHED.unknown if one.unknown else ATTACHED.fails
            text = f"{place(one.parent.at)}: {one.route.title} does not attach: {one.refusal}."
            yield say(shown(text), evidence, about=one.route.title, location=one.parent.at)
    for route in evidence.body.routes:
        if not route.alone and not route.parents:
            text = f"{place(route.at)}: {route.title} names no Gateway, so no traffic comes in through it."
            yield ATTACHED.warns(shown(text), evidence, about=route.title, location=route.at)


def _listeners(evidence: Evidence[Network], *, plain: bool) -> Iterator[Finding]:
    for one in evidence.body.gateways:
        adding = _every_namespace(one.sets_from, one.sets)
        if adding:
            text = f"{place(one.at)}: {one.title} takes ListenerSets from {adding}, and each of them adds listeners to it."
            fix = "Set 'allowedListeners: {namespaces: {from: Same}}', or name the namespaces in its selector."
            yield LISTENERS.fails(shown(text), evidence, about=shown(f"{one.title} ListenerSets"), location=one.at, fix=fix)
        for listener in one.listeners:
            about = f"{one.title} {listener.name}"
            every = _every_namespace(listener.routes_from, listener.namespaces)
            if every:
                text = f"{place(listener.at)}: listener {listener.name} of {one.title} accepts routes from {every}."
                yield LISTENERS.fails(shown(text), evidence, about=shown(about), location=listener.at)
            yield from _certificates(evidence, one, listener)
            if listener.bare:
                said = f"listener {listener.name} of {one.title} ends TLS and names no certificate, so no client can connect, "
                text = f"{place(listener.at)}: {said}unless its implementation finds one by itself."
                fix = "Name a Secret under 'tls.certificateRefs'."
                yield LISTENERS.warns(shown(text), evidence, about=shown(f"{about} bare"), location=listener.at, fix=fix)
            if listener.protocol not in _ENCRYPTED and not plain:
                said = f"listener {listener.name} of {one.title} uses {listener.protocol}, which is plain text."
                text = f"{place(listener.at)}: {said}"
                yield LISTENERS.fails(shown(text), evidence, about=shown(about), location=listener.at)


def _every_namespace(said: str, selector: Selector | None) -> str:
    """The namespaces that ``from`` and its selector let in, in words, if somebody can make one of them; else empty."""
    if said == "All":
        return "every namespace"
    if said != "Selector" or selector is None or selector.named:
        return ""
    return f"every namespace with {selector.worded}" if selector.expressions else "every namespace"


def _certificates(evidence: Evidence[Network], gateway: GatewaySeen, listener: ListenerSeen) -> Iterator[Finding]:
    """Certificates in other namespaces, which a Gateway may use only if these grant it."""
    granted = {
        (one.namespace, one.to_kind, one.to_name)
        for one in evidence.body.grants
        if (one.from_kind, one.from_namespace) == ("Gateway", gateway.namespace)
    }
    for one in listener.certificates:
        if one.namespace == gateway.namespace or granted & {(one.namespace, one.kind, name) for name in ("", one.name)}:
            continue
        text = (
            f"{place(one.at)}: listener {listener.name} of {gateway.title} names {one.kind} {one.namespace}/{one.name} in "
            "another namespace, which no ReferenceGrant permits, so it has no certificate."
        )
        fix = (
            f"Add a ReferenceGrant to namespace {one.namespace}: from Gateway in {gateway.namespace}, to {one.kind} {one.name}."
        )
        yield LISTENERS.fails(
            shown(text), evidence, about=shown(f"{gateway.title} {listener.name} {one.name}"), location=one.at, fix=shown(fix)
        )


def _ingresses(evidence: Evidence[Network]) -> Iterator[Finding]:
    """Host names that an Ingress serves in plain text."""
    for route in evidence.body.routes:
        if not route.alone:
            continue
        if route.plain and route.tls:
            text = f"{place(route.at)}: {route.title} has TLS, but {route.plain} also lets requests in by plain text."
            fix = "Remove the annotation, so that plain text is redirected."
            yield LISTENERS.fails(shown(text), evidence, about=shown(f"{route.title} plain"), location=route.at, fix=fix)
        for host in route.hosts:
            if not any(one in ("*", host) or (one.startswith("*.") and host.partition(".")[2] == one[2:]) for one in route.tls):
                what = "any host" if host == "*" else host
                text = f"{place(route.at)}: {route.title} has no TLS for {what}, so requests come in plain text."
                yield LISTENERS.fails(
                    shown(text), evidence, about=shown(f"{route.title} {host}"), location=route.at, fix=_INGRESS
                )


def _hosts(evidence: Evidence[Network], attached: tuple[Attachment, ...]) -> Iterator[Finding]:
    by_gateway = {id(one.route): [host for _, hosts in one.listeners for host in hosts] for one in attached if one.listeners}
    claimed: dict[str, RouteSeen] = {}
    for route in evidence.body.routes:
        hosts = by_gateway.get(id(route), list(route.hosts)) if not route.alone else list(route.hosts)
        for host in dict.fromkeys(hosts) if route.kind not in _NAMELESS and not route.inside else ():
            if "*" in host:
                text = f"{place(route.at)}: {route.title} accepts requests for {'any host' if host == '*' else host}."
                yield HOSTS.fails(shown(text), evidence, about=route.title, location=route.at)
                continue
            first = claimed.setdefault(host, route)
            if first.namespace != route.namespace:
                text = f"{place(route.at)}: {route.title} claims {host}, which {first.title} ({place(first.at)}) also claims."
                yield HOSTS.fails(shown(text), evidence, about=route.title, location=route.at)


def _backends(evidence: Evidence[Network], attached: tuple[Attachment, ...]) -> Iterator[Finding]:
    body = evidence.body
    by_tls = {(one.namespace, one.service, one.section) for one in body.backend_tls}
    ends: dict[int, list[bool]] = {}
    for one in attached:
        ends.setdefault(id(one.route), []).extend(listener.passes for listener, _ in one.listeners)
    yield from _sections(evidence)
    inside = {id(one.pods) for one in meshed(body)}
    services = Services(body)
    for route in body.routes:
        for backend in route.backends:
            service = services.find(backend)
            if service is None or route.encrypts or (ends.get(id(route)) and all(ends[id(route)])):
                continue  # it goes by TLS from client to backend, or from the router to it
            port = services.port(service, backend)
            named = {(service.namespace, service.name, name) for name in ("", port.name if port is not None else "")}
            if by_tls & named and service.kind != POOL:
                continue
            behind = services.behind(service)
            if behind and all(id(pods) in inside for pods in behind):
                continue
            text = f"{place(backend.at)}: no object requires that {route.title} uses TLS to {service.title}."
            yield BACKEND_TLS.warns(shown(text), evidence, about=route.title, location=backend.at)


def _sections(evidence: Evidence[Network]) -> Iterator[Finding]:
    """BackendTLSPolicies for a port that their Service does not have: they have no effect."""
    services = {(one.namespace, one.name): one for one in evidence.body.services if one.kind != POOL}
    for one in evidence.body.backend_tls:
        service = services.get((one.namespace, one.service))
        if one.unverified:
            title = f"BackendTLSPolicy {one.namespace}/{one.name}"
            text = f"{place(one.at)}: {title} names no authority to check {one.service} by, so it is refused and has no effect."
            fix = "Name one under 'validation': 'caCertificateRefs', or 'wellKnownCACertificates: System'."
            yield BACKEND_TLS.fails(shown(text), evidence, about=shown(title), location=one.at, fix=fix)
        if one.section and service is not None and one.section not in {port.name for port in service.ports}:
            title = f"BackendTLSPolicy {one.namespace}/{one.name}"
            text = (
                f"{place(one.at)}: {title} names the port {one.section!r} of {service.title}, which has no port of that name."
            )
            fix = "Set 'sectionName' to the name of a port of the Service, or remove it to mean every port."
            yield BACKEND_TLS.fails(shown(text), evidence, about=shown(f"{title} {one.section}"), location=one.at, fix=fix)
