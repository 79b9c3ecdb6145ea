"""What the mesh requires of callers of its pods: who may call them, and whether a certificate is needed."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv6Address

from arcops.finding import Location
from arcops.seen.mesh import AuthorizationSeen, DestinationRuleSeen, MeshAction, PeerAuthenticationSeen
from arcops.seen.network import Direction, Network, PodSet, ServiceSeen
from reach.decision import End, Layer, Reason
from reach.entries import Services
from reach.mesh_hosts import host_of
from reach.mesh_parts import MeshPart, place, reason, selects
from reach.mesh_rules import MeshCaller, asks_for_requests, for_packets, means
from reach.meshed import Meshed, meshed
from reach.sure import Sure, some
from reach.waypoints import Waypoints, missing


class Inbound:
    """The guards of a network, whose mesh is governed from the namespace *root*."""

    def __init__(self, network: Network, root: str) -> None:
        self._network, self._mesh, self._root = network, network.mesh, root
        self._services = Services(network)
        self._waypoints = Waypoints(network)
        self._ambient = {id(one.pods) for one in meshed(network) if one.ambient}

    def say(
        self, source: End | None, called: Meshed, port: int, service: ServiceSeen | None, *, inside: Sure, known: Sure
    ) -> Iterator[MeshPart]:
        """The mesh's answer about a connection to *port* of *called*, by *service* if that is not `None`.

        *inside*: is *source* in the mesh? *known*: does its sidecar know where the connection goes?
        """
        target = called.pods
        mode, decider, unclear = self._mode(target, port)
        doubts = self._tls(source, target, service) if inside is not Sure.NO else []
        if inside is Sure.PERHAPS and isinstance(source, PodSet):
            doubts.append(f"no manifest shows whether namespace {source.namespace} is in the mesh")
        # A sidecar passes on traffic to unknown destinations unchanged, and that is plain text most of the time.
        proven = min(inside, Sure.PERHAPS if doubts or unclear or known is not Sure.YES else Sure.YES)
        if mode == "DISABLE" and not unclear:
            proven = Sure.NO
        if unclear:
            yield MeshPart(Sure.PERHAPS, doubts=unclear)
        elif mode == "STRICT" and decider is not None:
            spoken = f", but {named(source)} does not use it" if proven is Sure.NO else ""
            text = f"requires mutual TLS of callers of {target.title}{spoken}"
            part = MeshPart(proven, [reason(Direction.INGRESS, proven is not Sure.NO, decider, text)])
            if proven is Sure.PERHAPS:
                unsure = f"{place(decider.at)}: {decider.title} requires mutual TLS, but {named(source)} may send plain text"
                part.doubts = doubts or [unsure]
            yield part
        yield from self._authorized(source, called, port, service, proven, doubts + unclear)

    def _mode(self, pods: PodSet, port: int) -> tuple[str, PeerAuthenticationSeen | None, list[str]]:
        """The mode of mutual TLS on *port* of *pods*, the object that sets it, and why that is not certain."""
        said = self._mesh.peer_authentications
        mine = [one for one in said if one.namespace == pods.namespace and one.selector and selects(one.selector, pods)]
        stages = (
            mine,
            [one for one in said if one.namespace == pods.namespace and one.selector is None],
            [one for one in said if one.namespace == self._root and one.selector is None],
        )
        doubts: list[str] = []
        for stage in stages:
            if len(stage) > 1:
                first, second = stage[0], stage[1]
                doubts.append(
                    f"{place(second.at)}: {second.title} and {first.title} select the same pods; the older one counts"
                )
            for one in stage[:1]:
                mode = one.mode
                for number, other in zip(one.numbers, one.ports, strict=True):
                    if stage is mine and number == port and other != "UNSET":
                        mode = other
                if mode != "UNSET":
                    return mode, one, doubts
        return "PERMISSIVE", None, doubts

    def _tls(self, source: End | None, target: PodSet, service: ServiceSeen | None) -> list[str]:
        """DestinationRules that may make the caller use something else than the mesh's mutual TLS."""
        names = {host_of(service)} if service is not None else {host_of(one) for one in self._services_of(target)}
        near = (source.namespace if isinstance(source, PodSet) else "", target.namespace, self._root)
        doubts = []
        for one in self._mesh.destination_rules:
            odd = [mode for mode in one.modes if mode != "ISTIO_MUTUAL"]
            if odd and one.namespace in near and any(_means(one, name) for name in names):
                doubts.append(f"{place(one.at)}: {one.title} makes callers of {one.host} use {odd[0]}")
        return doubts

    def _services_of(self, target: PodSet) -> Iterator[ServiceSeen]:
        for service in self._network.services:
            if any(target is one for one in self._services.behind(service)):
                yield service

    def _authorized(
        self, source: End | None, called: Meshed, port: int, service: ServiceSeen | None, proven: Sure, doubts: list[str]
    ) -> Iterator[MeshPart]:
        pod = source if isinstance(source, PodSet) else None
        caller = MeshCaller(
            proven=proven,
            namespace=pod.namespace if pod is not None else "",
            account=pod.account if pod is not None else "",
            address=source if isinstance(source, IPv4Address | IPv6Address) else None,
        )
        about = [one for one in self._mesh.authorizations if self._is_about(one, called)]
        way = self._waypoints.before(called.pods, service) if called.ambient else None
        if way is not None and pod is not None and not pod.host_network and id(pod) in self._ambient:
            targeted = [one for one in about if way.enforces(one, service)]
            if way.gateway is None:
                # If it exists, it calls with an identity of its own, and enforces what names it as a target.
                if about:
                    yield MeshPart(Sure.PERHAPS, doubts=[missing(way)])
            else:
                yield from _judged(targeted, caller, port, called.pods, doubts, requests=True)
                caller = MeshCaller(proven=Sure.YES, namespace=way.namespace, account=way.account)
        elif way is not None and proven is not Sure.NO:
            for one in about:
                if way.enforces(one, service):
                    text = f"it is not known whether {named(source)} goes through the waypoint {way.title}"
                    yield MeshPart(Sure.PERHAPS, doubts=[f"{place(one.at)}: {one.title} is for a waypoint, and {text}"])
        about = [one for one in about if not one.targeted]
        yield from _judged(about, caller, port, called.pods, doubts, requests=not called.ambient)

    def _is_about(self, one: AuthorizationSeen, called: Meshed) -> bool:
        if one.targeted:
            return called.ambient
        if one.namespace not in (called.pods.namespace, self._root):
            return False
        return one.selector is None or selects(one.selector, called.pods)


def _judged(
    about: list[AuthorizationSeen], caller: MeshCaller, port: int, target: PodSet, doubts: list[str], *, requests: bool
) -> Iterator[MeshPart]:
    """The answers of the policies *about* a pod. Without *requests*, the proxy that enforces them does not read requests: then
    a rule about them allows nothing, and denies more.
    """
    for one in (one for one in about if one.action is MeshAction.CUSTOM):
        if some(means(rule, caller, port, one.namespace) for rule in one.rules) is not Sure.NO:
            text = f"{place(one.at)}: {one.title} lets an external service decide (CUSTOM), whose answer is not known"
            yield MeshPart(Sure.PERHAPS, doubts=[text])
    yield _denied([one for one in about if one.action is MeshAction.DENY], caller, port, doubts, requests=requests)
    allowing = [one for one in about if one.action is MeshAction.ALLOW]
    if allowing:
        yield _let_in(allowing, caller, port, target, doubts, requests=requests)


def _means(rule: DestinationRuleSeen, host: str) -> bool:
    """Is *host* the host of *rule*? A short name means the rule's own namespace."""
    if rule.host.startswith("*"):
        return host.endswith(rule.host[1:])
    return host in (rule.host, f"{rule.host}.svc.cluster.local", f"{rule.host}.{rule.namespace}.svc.cluster.local")


def _denied(denying: list[AuthorizationSeen], caller: MeshCaller, port: int, doubts: list[str], *, requests: bool) -> MeshPart:
    part = MeshPart(Sure.YES)
    for one in denying:
        for rule in one.rules:
            found = means(rule if requests else for_packets(rule), caller, port, one.namespace)
            part.answer = min(part.answer, found.turned)
            if found is Sure.YES:
                part.reasons.append(by(one, rule.field, rule.at, False, f"denies it by {rule.field}"))
            elif found is Sure.PERHAPS:
                text = f"{place(rule.at)}: {one.title} may deny it by {rule.field}, depending on facts that are not known here"
                part.doubts += [text, *doubts]
    return part


def _let_in(
    allowing: list[AuthorizationSeen], caller: MeshCaller, port: int, target: PodSet, doubts: list[str], *, requests: bool
) -> MeshPart:
    part = MeshPart(Sure.NO)
    found = [
        (one, rule, means(rule, caller, port, one.namespace))
        for one in allowing
        for rule in one.rules
        if requests or not asks_for_requests(rule)
    ]
    part.answer = some(answer for _, _, answer in found)
    for one, rule, answer in found:
        if answer is Sure.YES:
            part.reasons.append(by(one, rule.field, rule.at, True, f"allows it by {rule.field}"))
        elif answer is Sure.PERHAPS and part.answer is Sure.PERHAPS:
            text = f"{place(rule.at)}: {one.title} may allow it by {rule.field}, depending on facts that are not known here"
            part.doubts += [text, *doubts]
    if part.answer is Sure.NO:
        part.reasons = [by(one, "", one.at, False, f"selects {target.title}, and no rule allows it") for one in allowing]
    return part


def by(one: AuthorizationSeen, rule: str, at: Location, allows: bool, words: str) -> Reason:
    text = f"{one.title} {words}"
    return Reason(layer=Layer.MESH, direction=Direction.INGRESS, allows=allows, policy=one.title, rule=rule, at=at, text=text)


def named(end: End | None) -> str:
    return end.title if isinstance(end, PodSet) else str(end or "a client outside")
