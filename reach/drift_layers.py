"""What differs above the policies, in the mesh and at gateways. Each side is a set of facts that open something.

A rule that denies, or that asks for a certificate, is a fact if it is absent: without it, more is open. So the comparison
needs no order and no search, and a changed object that opens and closes nothing changes no fact.
"""

from __future__ import annotations

from collections.abc import Iterator

from arcops.finding import Location
from arcops.seen.mesh import AuthorizationSeen, MeshAction, MeshRule, MeshSeen, PeerAuthenticationSeen, SidecarSeen
from arcops.seen.network import Label, Network, PodSet, Selector
from reach.addresses import written
from reach.attachment import Attachment, attachments
from reach.changes import Change, Way
from reach.drift_rows import Kind, kind_of, kinds_of, like
from reach.entries import Services
from reach.filters import ROOT
from reach.future import KIND
from reach.mesh_parts import selects
from reach.meshed import Meshed, meshed
from reach.waypoints import Waypoints

Fact = tuple[str, str, str]
"""Source, target and ports, in words."""
_Opens = tuple[str, bool, Fact]
"""The kind of a fact, whether it holds for all of its kind, and the fact; ``{}`` in it stands for the pods' title."""
_PLAIN, _CALLERS, _HOSTS, _LISTED, _ACCOUNT, _ALONE = "plain", "callers", "hosts", "listed", "account", ""
_NEW = "arcops-new-namespace"


def layer_changes(declared: Network, live: Network) -> Iterator[Change]:
    """What only one of the two opens above the policies."""
    both = (declared, live)
    if any(network.mesh != MeshSeen() or meshed(network) for network in both):
        yield from _mesh_changes(both)
    was, now = (frozenset((*_gateways(one), *_led(one))) for one in both)
    for way, only in ((Way.GAINED, _uncovered(now, was)), (Way.LOST, _uncovered(was, now))):
        yield from (Change(way=way, source=one[0], target=one[1], ports=one[2]) for one in sorted(only))


_FOR = " for "
"""Before what a route asks of requests; what asks for nothing covers it."""


def _uncovered(some: frozenset[Fact], others: frozenset[Fact]) -> set[Fact]:
    """Those of *some* that are not in *others*, and that no fact there covers."""
    return {one for one in some - others if (one[0], one[1], one[2].partition(_FOR)[0]) not in others}


def _from(said: str, selector: Selector | None) -> str:
    """The namespaces that ``from`` and its selector name."""
    if said == "Selector" and selector is not None:
        return f"namespaces with {selector.worded or 'any labels'}"
    return {"All": "every namespace", "Same": "its own namespace", "None": "no namespace"}.get(said, f"namespace {said}")


def _mesh_changes(both: tuple[Network, Network]) -> Iterator[Change]:
    denying, made = _denying(both), tuple(_next_pods(both))
    sides = [_Mesh(network, denying, made) for network in both]
    for way, mine, other in ((Way.GAINED, sides[1], sides[0]), (Way.LOST, sides[0], sides[1])):
        shown: set[tuple[str, Fact]] = set()
        for kind, facts in sorted(mine.facts.items(), key=lambda one: (one[0].future, one[0].owner, sorted(one[0].labels))):
            behind = [other.facts[one] for one in like(kind, other.by_owner.get(kind.owner, ()))]
            for fact in sorted(facts) if behind else ():
                # An existing pod of the namespace says the same as one that could be created there.
                if all(_has(one, fact) for one in behind) or (kind.future and (kind.space, fact[2]) in shown):
                    continue
                shown.add((kind.space, fact[2]))
                source, target, ports = (part.replace("{}", kind.owner) for part in fact[2])
                yield Change(way=way, source=source, target=target, ports=ports)


def _has(facts: frozenset[_Opens], fact: _Opens) -> bool:
    if fact[0] == _ACCOUNT and all(kind != _ACCOUNT for kind, _, _ in facts):
        return True  # outside of the mesh an account opens nothing, and one that is not known cannot be compared
    return fact in facts or (bool(fact[0]) and any(wide and kind == fact[0] for kind, wide, _ in facts))


def _next_pods(networks: tuple[Network, Network]) -> Iterator[PodSet]:
    """Pods of the mesh that could be created: those that an object of the mesh selects, and the next of its namespace."""
    found: dict[tuple[str, tuple[Label, ...]], Location] = {}
    for network in networks:
        said = network.mesh
        root = next((one.root_namespace for one in said.configs if one.root_namespace), ROOT)
        objects: list[AuthorizationSeen | PeerAuthenticationSeen | SidecarSeen] = [*said.authorizations]
        for one in [*objects, *said.peer_authentications, *said.sidecars]:
            for space in (one.namespace, _NEW) if one.namespace == root else (one.namespace,):
                found.setdefault((space, ()), one.at)
                if one.selector is not None:
                    found.setdefault((space, one.selector.labels), one.at)
        for entry in said.service_entries:
            found.setdefault((entry.namespace, ()), entry.at)
    for (space, given), at in sorted(found.items(), key=lambda item: item[0]):
        words = " ".join(filter(None, (",".join(f"{one.key}={one.value}" for one in given),)))
        where = "in a new namespace" if space == _NEW else f"in namespace {space}"
        title = f"a new pod {words} {where} in the mesh" if words else f"a new pod {where} in the mesh"
        yield PodSet(kind=KIND, namespace=space, name=title, at=at, labels=given)


class _Mesh:
    """The mesh of one network: what it opens for each kind of pods, and for those of *made*, which count as in the mesh."""

    def __init__(
        self, network: Network, denying: tuple[tuple[AuthorizationSeen, MeshRule], ...], made: tuple[PodSet, ...]
    ) -> None:
        self._network, self._said = network, network.mesh
        self._root = next((one.root_namespace for one in self._said.configs if one.root_namespace), ROOT)
        self._inside = {id(one.pods): one.ambient for one in meshed(network)} | {id(one): False for one in made}
        self._denying = denying
        self._ways, self._services = Waypoints(network), Services(network)
        found: dict[Kind, set[_Opens]] = {}
        for kind, pods in (*kinds_of(network), *((kind_of(one.name, one), one) for one in made)):
            facts = set(self._of(pods))
            found[kind] = found[kind] | facts if kind in found else facts
        self.facts = {kind: frozenset(one) for kind, one in found.items()}
        self.by_owner: dict[str, list[Kind]] = {}
        for one in found:
            self.by_owner.setdefault(one.owner, []).append(one)

    def _of(self, pods: PodSet) -> Iterator[_Opens]:
        ambient = self._inside.get(id(pods))
        if ambient is None:
            yield _ALONE, False, ("callers without a certificate of the mesh", "{}", "outside of the mesh")
        if ambient is None:
            yield _PLAIN, True, _ANY_PLAIN
            yield _CALLERS, True, _ANY_CALLER
        else:
            if pods.account and pods.kind != KIND:
                yield _ACCOUNT, False, ("{}", "what the mesh allows its account", f"as {pods.account}")
            yield from self._plain(pods, ambient=ambient)
            yield from self._callers(pods, ambient=ambient)
        if ambient is None or ambient:
            yield _HOSTS, True, _ANY_HOST
            yield _LISTED, True, _ANY_LISTED
        else:
            yield from self._outbound(pods)

    def _plain(self, pods: PodSet, *, ambient: bool) -> Iterator[_Opens]:
        said = self._said.peer_authentications
        mine = [one for one in said if one.namespace == pods.namespace and one.selector and selects(one.selector, pods)]
        own = [one for one in said if one.namespace == pods.namespace and one.selector is None]
        whole = [one for one in said if one.namespace == self._root and one.selector is None]
        modes = [one.mode for one in (*mine[:1], *own[:1], *whole[:1]) if one.mode != "UNSET"]
        mode = modes[0] if modes else "PERMISSIVE"
        if mode != "STRICT":
            yield _PLAIN, True, _ANY_PLAIN
        if mode == "DISABLE":
            yield _ALONE, False, ("plain text of every caller", "{}", "because mutual TLS is disabled")
        for one in mine[:1]:
            for number, other in zip(one.numbers, one.ports, strict=True):
                if other in ("PERMISSIVE", "DISABLE"):
                    yield _PLAIN, False, ("plain text of any caller", "{}", f"port {number} in the mesh")
        for bypass in Meshed(pods=pods, ambient=ambient).past:
            yield _ALONE, False, ("traffic past the sidecar", "{}", bypass)

    def _callers(self, pods: PodSet, *, ambient: bool) -> Iterator[_Opens]:
        about = [one for one in self._said.authorizations if self._is_about(one, pods, ambient=ambient)]
        allowing = [one for one in about if one.action is MeshAction.ALLOW]
        if not allowing:
            yield _CALLERS, True, _ANY_CALLER
        for one in allowing:
            for rule in one.rules:
                yield _CALLERS, False, (f"callers by a rule of the mesh ({_said(rule)})", "{}", "ALLOW")
        for action, what in ((MeshAction.DENY, "no longer denied"), (MeshAction.CUSTOM, "no longer asked about")):
            barred = {_said(rule) for one in about if one.action is action for rule in one.rules}
            for one, rule in self._denying:
                if one.action is action and _said(rule) not in barred and self._may_be_about(one, pods):
                    yield _ALONE, False, (f"callers by a rule of the mesh ({_said(rule)})", "{}", what)

    def _is_about(self, one: AuthorizationSeen, pods: PodSet, *, ambient: bool) -> bool:
        if one.targeted:
            return ambient and self._is_enforced(one, pods)
        return one.namespace in (pods.namespace, self._root) and (one.selector is None or selects(one.selector, pods))

    def _is_enforced(self, one: AuthorizationSeen, pods: PodSet) -> bool:
        """Does a waypoint that is shown enforce *one* for what is sent to *pods*, or to a Service of theirs?"""
        theirs = [service for service in self._network.services if service.namespace == pods.namespace]
        called = [service for service in theirs if any(pods is found for found in self._services.behind(service))]
        ways = [(service, self._ways.before(pods, service)) for service in (None, *called)]
        return any(way is not None and way.gateway is not None and way.enforces(one, service) for service, way in ways)

    def _may_be_about(self, one: AuthorizationSeen, pods: PodSet) -> bool:
        return one.namespace in (pods.namespace, self._root) and (one.selector is None or selects(one.selector, pods))

    def _outbound(self, pods: PodSet) -> Iterator[_Opens]:
        own = [one for one in self._said.sidecars if one.namespace == pods.namespace]
        stages = (
            [one for one in own if one.selector is not None and selects(one.selector, pods)],
            [one for one in own if one.selector is None],
            [one for one in self._said.sidecars if one.namespace == self._root and one.selector is None],
        )
        sidecar = next((stage[0] for stage in stages if stage), None)
        widest = self._said.widest_outbound
        mode = (sidecar.outbound if sidecar is not None else "") or (widest.outbound if widest is not None else "")
        if mode != "REGISTRY_ONLY":
            yield _HOSTS, True, _ANY_HOST
        if sidecar is None or not sidecar.hosts:
            yield _LISTED, True, _ANY_LISTED
        for host in sidecar.hosts if sidecar is not None else ():
            yield _LISTED, False, ("{}", f"the hosts {host}", "by its Sidecar")
        if sidecar is not None and sidecar.listens:
            yield _ALONE, False, ("callers by listeners of the Sidecar", "{}", "its own listeners")
        for entry in self._said.service_entries:
            here = {"*", pods.namespace, *(["."] if entry.namespace == pods.namespace else [])}
            ports = ",".join(str(one) for one in sorted(entry.ports)) or "every port"
            places = [
                *sorted(map(written, entry.addresses)),
                *(f"served at {one}" for one in sorted(map(written, entry.endpoints))),
            ]
            where = f" ({', '.join(places)})" if places else ""
            for host in entry.hosts if not entry.exported or here & set(entry.exported) else ():
                yield _HOSTS, False, ("{}", f"the registered host {host}{where}", f"port {ports}")


_ANY_PLAIN = ("plain text of any caller", "{}", "every port in the mesh")
_ANY_CALLER = ("any caller", "{}", "as no rule of the mesh names callers")
_ANY_HOST = ("{}", "any host", "as the mesh forwards to unregistered hosts")
_ANY_LISTED = ("{}", "any registered host", "as no Sidecar lists hosts")


def _denying(networks: tuple[Network, Network]) -> tuple[tuple[AuthorizationSeen, MeshRule], ...]:
    """The rules of both that deny, or let someone else decide."""
    return tuple(
        (one, rule)
        for network in networks
        for one in network.mesh.authorizations
        if one.action in (MeshAction.DENY, MeshAction.CUSTOM)
        for rule in one.rules
    )


def _said(rule: MeshRule) -> str:
    """*rule* in words that are equal for equal rules."""
    parts = []
    for name, terms in (("from", rule.sources), ("to", rule.operations)):
        said = sorted(
            " and ".join(
                sorted(
                    f"{'not ' if one.but_not else ''}{one.attribute} {', '.join(sorted(map(written, one.values)))}"
                    for one in term.of
                )
            )
            for term in terms
        )
        parts += [f"{name} {' or '.join(said)}"] if said else []
    parts += sorted(
        f"when {'not ' if one.but_not else ''}{one.attribute} {', '.join(sorted(map(written, one.values)))}"
        for one in rule.conditions
    )
    return "; ".join(parts) or "any request"


def _gateways(network: Network) -> Iterator[Fact]:
    """What Gateways, routes and Ingresses open."""
    services = Services(network)
    by_tls = {(one.namespace, one.service, one.section) for one in network.backend_tls}
    for gateway in network.gateways:
        for listener in gateway.listeners:
            title = f"listener {listener.name} of {gateway.title}"
            host = "any host" if listener.hostname in ("", "*") else listener.hostname
            yield f"clients of {host}", title, f"{listener.protocol} {listener.port}"
            for held in listener.certificates:
                yield f"the certificate {held.kind} {held.namespace}/{held.name}", title, "for its clients"
            kinds = f" ({', '.join(sorted(listener.kinds))})" if listener.kinds else ""
            yield f"routes from {_from(listener.routes_from, listener.namespaces)}{kinds}", title, "may attach"
        if gateway.sets_from not in ("None", ""):
            yield f"ListenerSets from {_from(gateway.sets_from, gateway.sets)}", gateway.title, "may add listeners"
    for tls in network.backend_tls:
        if tls.checks:
            yield f"servers {tls.checks}", f"Service {tls.namespace}/{tls.service} {tls.section}".rstrip(), "by TLS"
    attached: dict[int, list[Attachment]] = {}
    for one in attachments(network):
        attached.setdefault(id(one.route), []).append(one)
    granted = {(one.namespace, one.from_namespace, one.from_kind, one.to_kind, one.to_name) for one in network.grants}
    for given in granted:
        yield f"{given[2]} of namespace {given[1]}", f"{given[3]} {given[0]}/{given[4] or '*'}", "may refer to it"
    for route in network.routes:
        found = attached.get(id(route), [])
        openings = [
            f"{host} by {one.parent.kind} {one.parent.namespace}/{one.parent.name} {listener.name}"
            for one in found
            for listener, hosts in one.listeners
            for host in hosts
        ]
        openings += [
            f"{host} by {one.parent.kind} {one.parent.namespace}/{one.parent.name} {one.parent.section}".rstrip()
            for one in found
            if one.unknown
            for host in route.hosts
        ]
        for host in route.hosts if route.alone else ():
            secured = bool(set(route.tls) & {host, "*", f"*.{host.partition('.')[2]}"})
            openings += [host] if secured else []
            openings += [f"{host} in plain text"] if route.plain or not secured else []
        for part in route.altered:
            yield f"requests by {part}", route.title, "as its controller says"
        for backend in route.backends:
            service = services.find(backend)
            target = f"{backend.kind} {backend.namespace}/{backend.name}"
            for opening in openings:
                for asked in backend.asked or ("",):
                    place = f"port {backend.port or backend.port_name or 'of its own'}"
                    yield f"clients of {opening}, by {route.title},", target, f"{place}{_FOR}{asked}" if asked else place
            port = services.port(service, backend) if service is not None else None
            name = port.name if port is not None else ""
            if (
                service is not None
                and not route.encrypts
                and not by_tls & {(service.namespace, service.name, section) for section in ("", name)}
            ):
                yield f"{route.title}, in plain text,", target, f"port {backend.port or backend.port_name or 'of its own'}"


def _led(network: Network) -> Iterator[Fact]:
    """Where Istio's own gateways and VirtualServices lead."""
    for gateway in network.mesh.gateways:
        for host in gateway.hosts:
            yield f"callers with a certificate of the mesh, for {host},", gateway.title, "by its listeners"
    for rule in network.mesh.destination_rules:
        for tls in rule.modes:
            if tls != "ISTIO_MUTUAL":
                yield f"callers with TLS of their own ({tls})", f"{rule.host} of namespace {rule.namespace}", "past the mesh"
    for tokens in network.mesh.tokens:
        who = f" with {tokens.selector.worded}" if tokens.selector is not None else ""
        for issuer in tokens.issuers:
            yield f"callers with tokens of {issuer}", f"pods of namespace {tokens.namespace}{who}", "by their tokens"
    for service in network.mesh.virtual_services:
        for route in service.routes:
            for host in route.hosts:
                for gateway_name in route.gateways:
                    hosts = ", ".join(sorted(service.hosts))
                    yield f"requests for {hosts} by {gateway_name}", host, f"by {service.title}"
