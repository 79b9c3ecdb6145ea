"""The entries from outside of the cluster, and what they lead to."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.network import POOL, Backend, GrantSeen, Network, RouteSeen
from gates.listing import listed
from gates.network.words import place
from gates.words import shown
from reach.entries import Services, WayIn, entries, leads_elsewhere

Seen = Evidence[Network]

HOST = Rule(
    id="network/host",
    asks="Do all pods have their own network, to which policies apply?",
    fix="Remove hostNetwork: policies do not reliably apply to pods in the network of their node.",
)
ENTRIES = Rule(
    id="network/entries",
    asks="Does the policy list every entry from outside of the cluster?",
    fix="Make the Service a ClusterIP, remove the hostPort, or add the object to 'entries' of gate 'network'.",
)
BACKENDS = Rule(
    id="network/backends",
    asks="Does every Ingress and route lead to an existing Service and port, in a namespace that permits it?",
    fix="Correct the backend, add the Service to the manifests, or add a ReferenceGrant to its namespace.",
)


def findings(seen: Seen, granted: tuple[str, ...], harmless: tuple[str, ...] = ()) -> Iterator[Finding]:
    yield from listed(_host(seen), HOST.passes("No pod uses the network of its node, or other networks.", seen))
    well = ENTRIES.passes("There is no entry from outside, except those that the policy lists.", seen)
    ways = tuple(entries(seen.body))
    yield from listed(_entries(seen, ways, granted), well)
    yield from listed(
        chain(_backends(seen), _altered(seen, ways, harmless)),
        BACKENDS.passes("Every Ingress and route leads to an existing Service.", seen),
    )


def _host(seen: Seen) -> Iterator[Finding]:
    for pod in seen.body.pods:
        if pod.host_network:
            text = f"{place(pod.at)}: {pod.title} uses the network of its node, to which policies do not reliably apply."
            yield HOST.fails(shown(text), seen, about=pod.title, location=pod.at)
        for name in pod.attached:
            text = f"{place(pod.at)}: {pod.title} has other networks, too ({name}), to which policies do not apply."
            fix = "Remove the annotation, or waive this rule for the workload if what is on those networks may be reached."
            yield HOST.fails(shown(text), seen, about=f"{pod.title} {name}", location=pod.at, fix=fix)


def _entries(seen: Seen, ways: tuple[WayIn, ...], granted: tuple[str, ...]) -> Iterator[Finding]:
    for one in ways:
        names = {
            one.service.title if one.service else "",
            one.route.title if one.route else "",
            *(pod.title for pod in one.pods),
        }
        if one.route is not None:
            names = {one.route.title}
        elif one.service is not None:
            names = {one.service.title}
        if not names & set(granted):
            who = ", ".join(pod.title for pod in one.pods[:5]) or "pods that are not in these manifests"
            text = f"{place(one.at)}: {one.how} lets clients outside of the cluster reach {who}."
            yield ENTRIES.fails(shown(text), seen, about=shown(sorted(names)[0]), location=one.at)


def _backends(seen: Seen) -> Iterator[Finding]:
    body = seen.body
    services = Services(body)
    grants: dict[tuple[str, str, str, str], list[GrantSeen]] = {}
    for one in body.grants:
        grants.setdefault((one.namespace, one.from_namespace, one.from_kind, one.to_kind), []).append(one)
    for route in body.routes:
        for backend in route.backends:
            known = (backend.namespace, route.namespace, route.kind, backend.kind)
            why = _wrong(backend, route, services, {one.to_name for one in grants.get(known, ())})
            if why:
                text = f"{place(backend.at)}: {backend.field} of {route.title} names {backend.kind} "
                text += f"{backend.namespace}/{backend.name}, {why}."
                yield BACKENDS.fails(shown(text), seen, about=shown(f"{route.title} {backend.field}"), location=backend.at)


def _altered(seen: Seen, ways: tuple[WayIn, ...], harmless: tuple[str, ...]) -> Iterator[Finding]:
    """Routes whose controller may send requests elsewhere, and Services of ways in whose pods nothing in the manifests says."""
    for route in seen.body.routes:
        for part in route.altered:
            if part not in harmless:
                text = f"{place(route.at)}: {route.title} has {part}, by which its controller may send requests anywhere."
                fix = "Remove it. If it sends requests nowhere else, add it to 'harmless' of gate 'network'."
                yield BACKENDS.unknown(
                    shown(text), seen, about=shown(f"{route.title} {part}"), location=route.at, fix=shown(fix)
                )
    told: set[str] = set()
    for one in ways:
        why = leads_elsewhere(one.service) if one.service is not None else ""
        if one.service is None or not why or one.service.title in told:
            continue
        told.add(one.service.title)
        text = f"{place(one.service.at)}: {one.how} lets clients in, but {one.service.title} names no pods: {why}."
        fix = "Give the Service a selector for the pods that clients may reach, or waive this rule for it."
        yield BACKENDS.unknown(shown(text), seen, about=one.service.title, location=one.service.at, fix=fix)


def _wrong(backend: Backend, route: RouteSeen, services: Services, granted: set[str]) -> str:
    """*granted* are names that grants between these namespaces and kinds permit; an empty name permits all."""
    # Istio asks for no permission of the other namespace.
    if backend.namespace != route.namespace and route.kind != "VirtualService" and not granted & {"", backend.name}:
        return "in another namespace, which no ReferenceGrant permits"
    if backend.kind not in ("Service", POOL):
        return "which is not a Service, so ArcOps cannot tell what it leads to"
    service = services.find(backend)
    if service is None:
        return "which no manifest defines"
    if services.port(service, backend) is None and service.kind != "ExternalName":
        return f"which has no port {backend.port or backend.port_name or '(none is named)'}"
    return ""
