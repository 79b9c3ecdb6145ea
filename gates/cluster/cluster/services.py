"""What the cluster itself must offer: storage, gateways, a mesh, DNS, certificates, webhooks, and APIs that stay."""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

from arcops.finding import Finding, Rule
from arcops.seen.cluster import ClusterWorkload, WebhookSeen, quantity
from gates.cluster.cluster.words import (
    CAPACITIES,
    CLASSES,
    DAEMON_SETS,
    DEPLOYMENTS,
    DRIVERS,
    GATEWAYS,
    METRICS,
    MUTATING,
    SLICES,
    VALIDATING,
    Seen,
    answer,
    unseen,
    version,
)
from gates.words import shown

_CERT_MANAGER = ("controller", "webhook", "cainjector")
"""The label ``app.kubernetes.io/component`` of cert-manager's Deployments, as its chart and manifests set it."""


class WantedMesh(Enum):
    """The mesh that the policy requires."""

    NONE = "none"
    ISTIO = "istio"
    ISTIO_AMBIENT = "istio-ambient"
    LINKERD = "linkerd"


_CONTROL_PLANES = {
    WantedMesh.ISTIO: ("istiod",),
    WantedMesh.ISTIO_AMBIENT: ("istiod",),
    WantedMesh.LINKERD: ("linkerd-destination", "linkerd-identity", "linkerd-proxy-injector"),
}
"""Deployments by the beginning of their names: an Istio of a revision is ``istiod-REVISION``."""
_ON_EVERY_NODE = {WantedMesh.ISTIO_AMBIENT: ("ztunnel", "istio-cni-node")}
"""DaemonSets that a mesh needs on every node, by name, as Istio's charts ``ztunnel`` and ``cni`` make them."""


STORAGE = Rule(
    id="cluster/storage-class",
    asks="Is there exactly one default storage class, or does the one that the policy names exist?",
    fix="Set the annotation storageclass.kubernetes.io/is-default-class=true on exactly one StorageClass.",
)


def storage_class(seen: Seen, name: str) -> Iterator[Finding]:
    lacking = unseen(STORAGE, seen, CLASSES)
    if lacking:
        yield from lacking
        return
    classes = seen.body.storage_classes
    defaults = [one.name for one in classes if one.default]
    if name:
        if any(one.name == name for one in classes):
            yield STORAGE.passes(shown(f"The storage class {name!r} exists."), seen)
        else:
            yield STORAGE.fails(shown(f"There is no storage class {name!r}."), seen)
    elif len(defaults) == 1:
        yield STORAGE.passes(shown(f"The default storage class is {defaults[0]!r}."), seen)
    elif defaults:
        text = f"{len(defaults)} storage classes are marked as default: {', '.join(sorted(defaults))}."
        yield STORAGE.warns(shown(text), seen)
    else:
        yield STORAGE.fails(f"None of {len(classes)} storage class(es) is the default.", seen)


FREE = Rule(
    id="cluster/free-storage",
    asks="Is there room for a volume as large as the policy needs?",
    fix="Add storage, or make the CSI driver publish its capacity (CSIDriver.spec.storageCapacity).",
)


def free_storage(seen: Seen, name: str, needed: str) -> Iterator[Finding]:
    """Room for one volume of *needed* in the class *name*, or in the default one."""
    least = quantity(needed)
    if least is None:
        yield FREE.passes("The policy requires no free storage.", seen)
        return
    lacking = unseen(FREE, seen, CLASSES, DRIVERS, CAPACITIES)
    if lacking:
        yield from lacking
        return
    chosen = [one for one in seen.body.storage_classes if (one.name == name if name else one.default)]
    publishing = {one.name for one in seen.body.csi_drivers if one.capacity}
    if len(chosen) != 1 or chosen[0].provisioner not in publishing:
        what = f"storage class {chosen[0].name}" if len(chosen) == 1 else "the default storage class"
        yield FREE.unknown(shown(f"No driver publishes the free space of {what}; the policy needs {needed}."), seen)
        return
    rooms = [(quantity(one.free), one.largest) for one in seen.body.capacities if one.storage_class == chosen[0].name]
    fits = [
        free
        for free, largest in rooms
        if free is not None and free >= least and (not largest or (quantity(largest) or 0) >= least)
    ]
    if fits:
        yield FREE.passes(
            shown(f"A volume of {needed} fits in storage class {chosen[0].name}, in {len(fits)} of {len(rooms)} part(s)."), seen
        )
    else:
        text = f"None of the {len(rooms)} part(s) of storage class {chosen[0].name} has room for a volume of {needed}."
        yield FREE.fails(shown(text), seen)


GATEWAY = Rule(
    id="cluster/gateway-class",
    asks="Does the gateway class that the policy names exist, and has its controller accepted it?",
    fix="Install the controller that the GatewayClass names, and check the condition Accepted.",
)


def gateway_class(seen: Seen, name: str) -> Iterator[Finding]:
    lacking = unseen(GATEWAY, seen, GATEWAYS)
    found = next((one for one in seen.body.gateway_classes if one.name == name), None)
    if not name:
        yield GATEWAY.passes("The policy requires no gateway class.", seen)
    elif lacking:
        yield from lacking
    elif found is None:
        yield GATEWAY.fails(shown(f"There is no gateway class {name!r}."), seen)
    elif found.accepted == "True" and not found.stale:
        yield GATEWAY.passes(shown(f"{found.controller} has accepted gateway class {name!r}."), seen)
    elif found.accepted == "False":
        yield GATEWAY.fails(shown(f"{found.controller} has not accepted gateway class {name!r}."), seen)
    else:
        text = (
            f"{found.controller} has not reported whether it accepts the current gateway class {name!r}; it may not be running."
        )
        yield GATEWAY.fails(shown(text), seen)


MESH = Rule(
    id="cluster/mesh",
    asks="Is the control plane of the mesh that the policy names available?",
    fix="Repair the Deployment: without its control plane, a mesh issues no certificates and no routes.",
)


def mesh(seen: Seen, wanted: WantedMesh) -> Iterator[Finding]:
    every = _ON_EVERY_NODE.get(wanted, ())
    lacking = unseen(MESH, seen, DEPLOYMENTS, *((DAEMON_SETS,) if every else ()))
    if wanted is WantedMesh.NONE:
        yield MESH.passes("The policy requires no mesh.", seen)
    elif lacking:
        yield from lacking
    else:
        deployments = [one for one in seen.body.workloads if one.kind == "Deployment"]
        found: list[Finding] = []
        for part in _CONTROL_PLANES[wanted]:
            running = [one for one in deployments if one.name == part or one.name.startswith(f"{part}-")]
            found += _available(MESH, seen, running, f"Deployment of {part}")
        for part in every:
            running = [one for one in seen.body.workloads if one.kind == "DaemonSet" and one.name == part]
            found += _available(MESH, seen, running, f"DaemonSet {part}")
        yield from answer(MESH, seen, found, f"The control plane of {wanted.value} is available.")


CERTIFICATES = Rule(
    id="cluster/cert-manager",
    asks="Are cert-manager's controller, webhook and injector available?",
    fix="Repair the Deployments in the namespace that 'certManager' of gate 'cluster' names.",
)


def certificates(seen: Seen, namespace: str) -> Iterator[Finding]:
    lacking = unseen(CERTIFICATES, seen, DEPLOYMENTS)
    if not namespace:
        yield CERTIFICATES.passes("The policy requires no cert-manager.", seen)
    elif lacking:
        yield from lacking
    else:
        there = [one for one in seen.body.workloads if one.kind == "Deployment" and one.namespace == namespace]
        found: list[Finding] = []
        for part in _CERT_MANAGER:
            running = [one for one in there if one.component == part]
            found += _available(CERTIFICATES, seen, running, f"Deployment of cert-manager's {part} in {namespace}")
        yield from answer(CERTIFICATES, seen, found, "cert-manager is available.")


def _available(rule: Rule, seen: Seen, running: list[ClusterWorkload], what: str) -> Iterator[Finding]:
    if not running:
        yield rule.fails(shown(f"There is no {what}."), seen, about=what)
    for one in running:
        if one.stale or not one.wanted or one.available < one.wanted:
            old = " (by an outdated status)" if one.stale else ""
            text = f"{one.kind} {one.namespace}/{one.name} has {one.available} of {one.wanted} pod(s) available{old}."
            yield rule.fails(shown(text), seen, about=f"{one.namespace}/{one.name}")


DNS = Rule(
    id="cluster/dns",
    asks="Does the cluster's DNS Service have a ready endpoint?",
    fix="Check the pods of the DNS server, CoreDNS in kube-system mostly; if it has another Service, name it under 'dns' of "
    "gate 'cluster'.",
)


_DNS = ("kube-system/kube-dns", "openshift-dns/dns-default", "kube-system/rke2-coredns-rke2-coredns")
"""The DNS Services of Kubernetes and most distributions, of OpenShift, and of RKE2."""


def dns(seen: Seen, service: str) -> Iterator[Finding]:
    """*service* is ``namespace/name``; if it is empty, it is the one of the known ones that the cluster has."""
    lacking = unseen(DNS, seen, SLICES)
    there = {f"{one.namespace}/{one.service}" for one in seen.body.endpoints}
    service = service or next((one for one in _DNS if one in there), _DNS[0])
    ready = sum(one.ready for one in seen.body.endpoints if f"{one.namespace}/{one.service}" == service)
    if lacking:
        yield from lacking
    elif ready:
        yield DNS.passes(shown(f"The Service {service} has {ready} ready endpoint(s)."), seen)
    else:
        yield DNS.fails(shown(f"The Service {service} has no ready endpoint, so names cannot be resolved."), seen)


WEBHOOKS = Rule(
    id="cluster/webhooks",
    asks="Does every admission webhook that fails closed have a ready endpoint?",
    fix="Repair the webhook's pods, or remove its configuration. Until then, the API server refuses the requests that it "
    "covers.",
)


def webhooks(seen: Seen, by_url: tuple[str, ...]) -> Iterator[Finding]:
    lacking = unseen(WEBHOOKS, seen, VALIDATING, MUTATING, SLICES)
    yield from lacking
    if any(one.about == SLICES for one in lacking):
        return
    closed = [one for one in seen.body.webhooks if one.fails_closed]
    found = [finding for one in closed for finding in _silent(seen, one, by_url)]
    if found or not lacking:
        yield from answer(WEBHOOKS, seen, found, f"All {len(closed)} webhook(s) that fail closed have a ready endpoint.")


def _silent(seen: Seen, one: WebhookSeen, by_url: tuple[str, ...]) -> Iterator[Finding]:
    title = f"{one.configuration}/{one.name}"
    if not one.service:
        if one.configuration not in by_url:
            text = f"Webhook {title} fails closed and is called by URL, so ArcOps cannot see whether it answers."
            fix = f"If you know that it answers, add {one.configuration!r} to 'webhooksByUrl' of gate 'cluster'."
            yield WEBHOOKS.unknown(shown(text), seen, about=title, fix=shown(fix))
        return
    ready = sum(
        slice_.ready for slice_ in seen.body.endpoints if (slice_.namespace, slice_.service) == (one.namespace, one.service)
    )
    if not ready:
        text = f"Webhook {title} fails closed, but its Service {one.namespace}/{one.service} has no ready endpoint."
        yield WEBHOOKS.fails(shown(text), seen, about=title)


DEPRECATED = Rule(
    id="cluster/deprecated",
    asks="Is the cluster free of requests for APIs that a later release removes?",
    fix="Move the manifests or the controller to the newer API version before the upgrade.",
)


def deprecated(seen: Seen) -> Iterator[Finding]:
    lacking = unseen(DEPRECATED, seen, METRICS, "version")
    if lacking:
        yield from lacking
        return
    server = version(seen.body.version)
    found = []
    for one in seen.body.deprecated:
        title = f"{one.resource}.{one.version}.{one.group}".rstrip(".")
        removed = version(one.removed)
        soon = removed is not None and server is not None and removed[:2] <= (server[0], server[1] + 1)
        release = f"release {one.removed}" if one.removed else "a later release"
        text = f"The deprecated API {title} was requested; {release} removes it."
        say = DEPRECATED.fails if soon else DEPRECATED.warns
        found.append(say(shown(text), seen, about=title))
    well = "No client has requested a deprecated API from this API server since it started."
    yield from answer(DEPRECATED, seen, found, well)
