"""Gateways for traffic that leaves the mesh: which callers may use them, and which hosts they lead to."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.mesh import MeshAction, MeshGatewaySeen, MeshSeen, ServiceEntrySeen
from arcops.seen.network import Network
from gates.network.words import place
from gates.words import shown

EGRESS = Rule(
    id="mesh/egress",
    asks="Does every gateway out of the mesh admit only named callers, and lead only to registered hosts?",
    fix="Select the gateway's pods in an AuthorizationPolicy that allows single principals, and route each host from "
    "the gateway to itself.",
)


def findings(evidence: Evidence[Network], said: MeshSeen) -> Iterator[Finding]:
    """On the gateways that take clients with a certificate of the mesh, and on the VirtualServices that are bound to them."""
    registered = {host for one in said.service_entries for host in one.hosts}
    for gateway in said.gateways:
        if not _guarded(gateway, said):
            text = (
                f"{place(gateway.at)}: every pod of the mesh may use {gateway.title}, because no AuthorizationPolicy"
                " restricts it."
            )
            yield EGRESS.fails(shown(text), evidence, about=gateway.title, location=gateway.at)
        for host in gateway.hosts:
            if host not in registered:
                text = f"{place(gateway.at)}: {gateway.title} accepts {host}, which no ServiceEntry registers."
                yield EGRESS.warns(shown(text), evidence, about=f"{gateway.title} {shown(host)}", location=gateway.at)
    known = {f"{one.namespace}/{one.name}" for one in said.gateways}
    for service in said.virtual_services:
        if not known & set(service.gateways):
            continue
        if service.unclear:
            text = (
                f"{place(service.at)}: {service.title} has a field for a gateway that ArcOps cannot judge ({service.unclear})."
            )
            yield EGRESS.unknown(shown(text), evidence, about=service.title, location=service.at)
        for route in service.routes:
            if not known & set(route.gateways):
                continue
            for host in route.hosts:
                if host not in service.hosts or host not in registered:
                    text = f"{place(route.at)}: {service.title} leads from the gateway to {host or 'an unknown host'}, "
                    text += "which is not one of its own registered hosts."
                    yield EGRESS.fails(shown(text), evidence, about=service.title, location=route.at)


def _guarded(gateway: MeshGatewaySeen, said: MeshSeen) -> bool:
    """Does an ALLOW AuthorizationPolicy cover all of the gateway's pods? Callers that no such policy names are refused
    there.
    """
    return any(
        one.namespace == gateway.namespace
        and one.action is MeshAction.ALLOW
        and not one.targeted
        and (one.selector is None or set(one.selector.labels) <= set(gateway.selector.labels))
        for one in said.authorizations
    )


def permitted(entry: ServiceEntrySeen, said: MeshSeen) -> set[str]:
    """The namespaces for which *entry* may be registered: its own, and those of the gateways that lead to its hosts."""
    known = {f"{one.namespace}/{one.name}": one.namespace for one in said.gateways}
    through = {
        known[name]
        for one in said.virtual_services
        if one.namespace == entry.namespace and set(entry.hosts) <= set(one.hosts)
        for name in one.gateways
        if name in known
    }
    return {".", entry.namespace, *through}
