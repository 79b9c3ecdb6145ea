"""What can be reached in the end, computed from all policies together: by default, and what no pod should reach."""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

import numpy as np

from arcops.evidence import Evidence
from arcops.finding import Finding, Rule
from arcops.seen.network import Backend, Direction, GrantSeen, Network, PodSet, Protocol, RouteSeen, Tier
from gates.network.network import hosts, rules
from gates.network.sound import place
from gates.words import capped, shown
from reach.addresses import Address
from reach.decision import decide
from reach.entries import Services, entries
from reach.selectors import Flags
from reach.world import World

Seen = Evidence[Network]
_API_PORTS = (443, 6443)
_METADATA_PORTS = (80, 443, 32526)
"""HTTP and HTTPS, and the second port of Azure's WireServer."""


def findings(
    seen: Seen, *, metadata: tuple[str, ...], api_server: tuple[str, ...], entries: tuple[str, ...]
) -> Iterator[Finding]:
    world = World(seen.body, points=(*metadata, *api_server))
    out = _reached_outside(world)
    yield from _listed(rules.ISOLATED, _isolated(seen, world), "Every pod is closed by default, both ways.", seen)
    near, asked = _metadata(seen, world, out, metadata), _api_server(seen, world, out, api_server)
    if hosts.named(seen.body):
        near, asked = _with_names(seen, near, asked, metadata, api_server)
    yield from _listed(rules.METADATA, near, _nobody(seen, "a metadata service"), seen)
    yield from _listed(rules.API_SERVER, asked, _nobody(seen, "the API server"), seen)
    yield from _listed(rules.HOST, _host(seen), "No pod uses the network of its node.", seen)
    yield from _listed(
        rules.ENTRIES, _entries(seen, entries), "There is no way in from outside but those that were granted.", seen
    )
    yield from _listed(rules.BACKENDS, _backends(seen), "Every Ingress and route leads somewhere.", seen)


def _with_names(
    seen: Seen, near: Iterator[Finding], asked: Iterator[Finding], metadata: tuple[str, ...], api_server: tuple[str, ...]
) -> tuple[Iterator[Finding], Iterator[Finding]]:
    """*near* and *asked*, and what would be reached, too, if a name service answered with the worst address."""
    worst = World(seen.body, points=(*metadata, *api_server), names_anywhere=True)
    out = _reached_outside(worst)

    def more(
        rule: Rule, found: Iterator[Finding], addresses: tuple[str, ...], ports: tuple[int, ...], what: str
    ) -> Iterator[Finding]:
        certain = list(found)
        yield from certain
        known = {one.about for one in certain}
        reached = (hit for text in addresses for hit in _who_reaches(worst, out, text, ports))
        yield from hosts.perhaps(rule, seen, known, reached, what)

    return (
        more(rules.METADATA, near, metadata, _METADATA_PORTS, "the metadata service"),
        more(rules.API_SERVER, asked, api_server, (), "the API server"),
    )


def _nobody(seen: Seen, what: str) -> str:
    return f"None of {len(seen.body.pods)} workload(s) can reach {what}."


def _listed(rule: Rule, found: Iterator[Finding], well: str, seen: Seen) -> Iterator[Finding]:
    listed = list(capped(found, "{count} more are not listed here."))
    yield from listed
    if not listed:
        yield rule.passes(well, seen)


def _reached_outside(world: World) -> dict[int, Flags]:
    """For each class of ports: which classes of pods (rows) may go to which ranges of addresses outside (columns)."""
    pods = len(world.first_of_class)
    world.effort.hold(len(world.port_classes) * pods * (world.ends - pods))
    return {
        one: np.unpackbits(world.may(Direction.EGRESS, one), axis=1, count=world.ends).view(np.bool_)[:, pods:]
        for one in world.port_classes
    }


def _isolated(seen: Seen, world: World) -> Iterator[Finding]:
    if seen.body.pods:
        yield from _open(seen, world)
        return
    fix = "Check the workloads together with the policies that are meant to protect them."
    if not seen.body.policies:
        yield rules.ISOLATED.unknown("The manifests hold neither pods nor policies, so nothing was judged.", seen, fix=fix)
    else:
        yield rules.ISOLATED.warns("The manifests hold no pods, so nothing shows whom the policies protect.", seen, fix=fix)


def _open(seen: Seen, world: World) -> Iterator[Finding]:
    body = seen.body
    first = {pod.namespace: pod.at for pod in reversed(body.pods)}
    for direction in Direction:
        idle = _may_nothing(world, direction)
        covered = _covered(body, direction)
        silent = _all_idle(body, idle)
        bare: dict[str, list[PodSet]] = {}
        for pod, isolated, nothing in zip(body.pods, world.terrain.isolated[direction], idle, strict=True):
            if not isolated and not nothing:
                bare.setdefault(pod.namespace, []).append(pod)
        word = direction.value.lower()
        for namespace in sorted({pod.namespace for pod in body.pods}):
            fix = _deny_all(namespace, direction)
            for pod in bare.get(namespace, ()):
                text = f"{place(pod.at)}: no policy closes {pod.title} for {word}, so everything is open."
                yield rules.ISOLATED.fails(shown(text), seen, about=f"{pod.title} {word}", location=pod.at, fix=fix)
            if namespace not in bare and namespace not in covered and namespace not in silent:
                text = f"Every pod in namespace {namespace} is closed for {word}, but the next one will not be."
                at = first[namespace]
                yield rules.ISOLATED.warns(shown(text), seen, about=f"Namespace {namespace} {word}", location=at, fix=fix)


def _all_idle(body: Network, idle: Flags) -> set[str]:
    """The namespaces in which every pod is idle."""
    busy = {pod.namespace for pod, nothing in zip(body.pods, idle, strict=True) if not nothing}
    return {pod.namespace for pod in body.pods} - busy


def _deny_all(namespace: str, direction: Direction) -> str:
    word = direction.value
    return (
        f"Add {{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, "
        f"metadata: {{name: deny-{word.lower()}, namespace: {namespace}}}, "
        f"spec: {{podSelector: {{}}, policyTypes: [{word}]}}}}"
    )


def _covered(body: Network, direction: Direction) -> set[str]:
    """The namespaces in which a policy closes whatever pod comes."""
    closing = [
        policy
        for policy in body.policies
        if policy.tier is Tier.NAMESPACE and policy.pods.everything and direction in policy.directions
    ]
    if any(policy.namespaces is not None and policy.namespaces.everything for policy in closing):
        return {one.name for one in body.namespaces}
    return {policy.namespace for policy in closing if policy.namespaces is None}


def _may_nothing(world: World, direction: Direction) -> Flags:
    """The pods to which policies for the whole cluster leave nothing in *direction*, whatever the namespace says."""
    if world.terrain.isolated[direction].all():
        return np.zeros(len(world.network.pods), dtype=np.bool_)  # nobody will ask
    silent = np.ones(len(world.first_of_class), dtype=np.bool_)
    for one in world.port_classes:
        silent &= ~world.may(direction, one).any(axis=1)
    return silent[world.class_of]


def _metadata(seen: Seen, world: World, out: dict[int, Flags], addresses: tuple[str, ...]) -> Iterator[Finding]:
    for text in addresses:
        for pod, address, port in _who_reaches(world, out, text, _METADATA_PORTS):
            yield _reach_finding(rules.METADATA, seen, world, pod, address, port, f"the metadata service at {address}")


def _api_server(seen: Seen, world: World, out: dict[int, Flags], addresses: tuple[str, ...]) -> Iterator[Finding]:
    for text in addresses:
        for pod, address, port in _who_reaches(world, out, text, ()):
            yield _reach_finding(rules.API_SERVER, seen, world, pod, address, port, f"the API server at {address}")
    if addresses:
        return
    ports = {int(world.port_class_of[world.terrain.ports.position(Protocol.TCP, port)]) for port in _API_PORTS}
    for position, pod in enumerate(seen.body.pods):
        row = int(world.class_of[position])
        if any(out[one][row].any() for one in ports):
            text = (
                f"{place(pod.at)}: {pod.title} may go to addresses outside on port 443 or 6443, and nobody said where the API "
                "server is."
            )
            yield rules.API_SERVER.unknown(shown(text), seen, about=pod.title, location=pod.at)


def _who_reaches(
    world: World, out: dict[int, Flags], text: str, ports: tuple[int, ...]
) -> Iterator[tuple[PodSet, Address, int]]:
    """Each pod that reaches an address of *text* by TCP on one of *ports* (none given: on any), with the first that it does."""
    within = world.terrain.outside.within(text)
    spans = world.terrain.outside.spans
    space = world.terrain.ports
    asked = ports or tuple(piece.first for piece in space.pieces if piece.protocol is Protocol.TCP)
    wanted = np.flatnonzero(within)
    # Ports of one class are alike, so the first of each speaks for all; and so are pods of one class.
    classes: dict[int, int] = {}
    for port in asked:
        classes.setdefault(int(world.port_class_of[space.position(Protocol.TCP, port)]), port)
    found: dict[int, tuple[Address, int]] = {}
    for port_class, port in classes.items():
        hits = out[port_class][:, wanted]
        for row in np.flatnonzero(hits.any(axis=1)).tolist():
            if row not in found:
                first = spans[int(wanted[int(hits[row].argmax())])]
                found[row] = _address(first.version, first.first), port
    for position, pod in enumerate(world.network.pods):
        row = int(world.class_of[position])
        if row in found:
            yield pod, *found[row]


def _address(version: int, value: int) -> Address:
    return ipaddress.IPv4Address(value) if version == 4 else ipaddress.IPv6Address(value)


def _reach_finding(rule: Rule, seen: Seen, world: World, pod: PodSet, address: Address, port: int, what: str) -> Finding:
    reason = decide(world, pod, address, Protocol.TCP, port).reasons[0]
    at = reason.at or pod.at
    text = f"{place(at)}: {pod.title} can reach {what} (TCP {port}): {reason.text}."
    return rule.fails(shown(text), seen, about=f"{pod.title} {address}", location=at)


def _host(seen: Seen) -> Iterator[Finding]:
    for pod in seen.body.pods:
        if pod.host_network:
            text = f"{place(pod.at)}: {pod.title} uses the network of its node, where policies do not reliably hold."
            yield rules.HOST.fails(shown(text), seen, about=pod.title, location=pod.at)


def _entries(seen: Seen, granted: tuple[str, ...]) -> Iterator[Finding]:
    for one in entries(seen.body):
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
            who = ", ".join(pod.title for pod in one.pods[:5]) or "pods that are not among these manifests"
            text = f"{place(one.at)}: {one.how} lets clients outside of the cluster come to {who}."
            yield rules.ENTRIES.fails(shown(text), seen, about=shown(sorted(names)[0]), location=one.at)


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
                yield rules.BACKENDS.fails(
                    shown(text), seen, about=shown(f"{route.title} {backend.field}"), location=backend.at
                )


def _wrong(backend: Backend, route: RouteSeen, services: Services, granted: set[str]) -> str:
    """*granted* are names that grants between these namespaces and kinds permit; an empty one permits all."""
    if backend.namespace != route.namespace and not granted & {"", backend.name}:
        return "in another namespace, which no ReferenceGrant permits"
    if backend.kind != "Service":
        return "which is no Service, so nothing here knows where it leads"
    service = services.find(backend)
    if service is None:
        return "which no manifest makes"
    if services.port(service, backend) is None:
        return f"which has no port {backend.port or backend.port_name or '(none is named)'}"
    return ""
