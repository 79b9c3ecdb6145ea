"""What a sidecar lets its own pods call: registered and listed hosts only, or any host."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.mesh import SidecarSeen
from arcops.seen.network import Direction, Network, PodSet, ServiceSeen
from reach.decision import End, Layer, Reason
from reach.entries import Services
from reach.mesh_hosts import host_of, may_see, registered
from reach.mesh_parts import MeshPart, place, reason, selects
from reach.sure import Sure, sure


class Outbound:
    """The sidecars of a network, whose mesh is governed from the namespace *root*."""

    def __init__(self, network: Network, root: str) -> None:
        self._network, self._mesh, self._root = network, network.mesh, root
        self._services = Services(network)

    def say(self, pods: PodSet, target: End, port: int, service: ServiceSeen | None) -> tuple[MeshPart, Sure]:
        """The decision of the sidecar of *pods*, and whether it knows the connection's destination."""
        sidecar, doubts = self.sidecar(pods)
        if isinstance(target, PodSet):
            called = [service] if service is not None else list(self.leading(target, port))
            known = sure(any(may_see(sidecar, pods.namespace, one.namespace, host_of(one)) for one in called))
            name = f"Service {called[0].namespace}/{called[0].name}" if called else f"{target.title} by its own address"
        else:
            known, name = registered(self._mesh.service_entries, sidecar, pods.namespace, str(target), port), f"{target}"
        if sidecar is not None and sidecar.by_port:
            doubts.append(f"{place(sidecar.at)}: {sidecar.title} lists hosts for single ports, which is not checked")
            known = Sure.PERHAPS
        if known is Sure.YES:
            reasons = (
                [reason(Direction.EGRESS, True, sidecar, f"lists {name}")] if sidecar is not None and sidecar.hosts else []
            )
            return MeshPart(Sure.PERHAPS if doubts else Sure.YES, reasons, doubts), known
        return self._unregistered(sidecar, name, known, doubts), known

    def _unregistered(self, sidecar: SidecarSeen | None, name: str, known: Sure, doubts: list[str]) -> MeshPart:
        """What happens to a connection to *name*, which the sidecar may not know."""
        mode = sidecar.outbound if sidecar is not None else ""
        decider: SidecarSeen | None = sidecar if mode else None
        at = decider.at if decider is not None else None
        title = decider.title if decider is not None else ""
        widest = self._mesh.widest_outbound if not mode else None
        if widest is not None:
            mode, at, title = widest.outbound, widest.at, widest.about
        if mode == "REGISTRY_ONLY":
            narrows = decider is None and sidecar is not None and sidecar.hosts
            lister = f" by {sidecar.title} ({place(sidecar.at)})" if narrows and sidecar is not None else ""
            text = f"{title} allows only registered and listed hosts (REGISTRY_ONLY), and {name} is not one{lister}"
            if known is Sure.PERHAPS and not doubts:
                doubts.append(
                    f"{place(at)}: a ServiceEntry may register {name} by a host name, whose addresses no manifest shows"
                )
            answer = Sure.PERHAPS if known is Sure.PERHAPS or doubts else Sure.NO
            reason = Reason(
                layer=Layer.MESH,
                direction=Direction.EGRESS,
                allows=answer is not Sure.NO,
                policy=title,
                rule="",
                at=at,
                text=text,
            )
            return MeshPart(answer, [] if answer is Sure.PERHAPS else [reason], doubts)
        if not mode:
            doubts.append(f"no manifest shows the mesh's outboundTrafficPolicy, so {name} counts as allowed (ALLOW_ANY)")
            return MeshPart(Sure.PERHAPS, [], doubts)
        text = f"{title} allows unregistered hosts ({mode})"
        reason = Reason(layer=Layer.MESH, direction=Direction.EGRESS, allows=True, policy=title, rule="", at=at, text=text)
        return MeshPart(Sure.PERHAPS if doubts else Sure.YES, [reason], doubts)

    def sidecar(self, pods: PodSet) -> tuple[SidecarSeen | None, list[str]]:
        """The Sidecar that configures *pods*, searched in Istio's order."""
        own = [one for one in self._mesh.sidecars if one.namespace == pods.namespace]
        stages = (
            [one for one in own if one.selector is not None and selects(one.selector, pods)],
            [one for one in own if one.selector is None],
            [one for one in self._mesh.sidecars if one.namespace == self._root and one.selector is None],
        )
        found = next((stage for stage in stages if stage), [])
        doubts = []
        if len(found) > 1:
            doubts.append(
                f"{place(found[1].at)}: {found[1].title} and {found[0].title} select the same pods, which is undefined"
            )
        return (found[0] if found else None), doubts

    def leading(self, target: PodSet, port: int) -> Iterator[ServiceSeen]:
        """The Services that lead to *port* of *target*."""
        for service in self._network.services:
            if any(target is one for one in self._services.behind(service)):
                names = {known.name: known.number for known in target.ports}
                if any(port == (one.target or names.get(one.target_name, 0)) for one in service.ports):
                    yield service
