"""The pods that workloads make, and Services, as far as they matter for traffic."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from arcops.seen.mesh import INJECT
from arcops.seen.network import POOL, ContainerPort, Label, PodSet, Protocol, Selector, ServicePort, ServiceSeen
from tasks.kubernetes.manifests.fields import Field, text_at, true_at, whole_at
from tasks.kubernetes.manifests.names import labels, port_name, selector
from tasks.kubernetes.manifests.policy import port_number, protocol

TEMPLATES: dict[tuple[str, str], tuple[str, ...]] = {
    ("", "Pod"): (),
    ("", "ReplicationController"): ("spec", "template"),
    ("apps", "Deployment"): ("spec", "template"),
    ("apps", "ReplicaSet"): ("spec", "template"),
    ("apps", "StatefulSet"): ("spec", "template"),
    ("apps", "DaemonSet"): ("spec", "template"),
    ("batch", "Job"): ("spec", "template"),
    ("batch", "CronJob"): ("spec", "jobTemplate", "spec", "template"),
    ("agents.x-k8s.io", "Sandbox"): ("spec", "podTemplate"),
    ("extensions.agents.x-k8s.io", "SandboxTemplate"): ("spec", "podTemplate"),
}
"""The path of the pod in each kind that runs pods (Kubernetes API reference, workload resources; agent-sandbox)."""

_SIDECAR = "traffic.sidecar.istio.io/"
ATTACHES = frozenset(("k8s.v1.cni.cncf.io/networks", "v1.multus-cni.io/default-network", "networking.gke.io/interfaces"))
"""Annotations of pods that attach other networks (Multus: Network Plumbing Working Group, "Network Custom Resource Definition"
1.3; GKE, "Multi-network support for Pods").
"""
_PAST: dict[str, Callable[[str], bool]] = {
    "sidecar.istio.io/interceptionMode": lambda value: value == "NONE",
    "proxy.istio.io/config": lambda value: re.search(r"interceptionMode\W+NONE\b", value) is not None,
    "inject.istio.io/templates": lambda value: not {"sidecar", "gateway"} & {one.strip() for one in value.split(",")},
    "ambient.istio.io/bypass-inbound-capture": lambda value: value == "true",
}
"""Other annotations by which packets go past the proxy, each with the values that do (Istio, resource annotations; of templates
only Istio's own are known to capture what comes in)."""

_SELECTED = {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"}


def pod_set(found: Field, group: str, kind: str, namespace: str, name: str) -> PodSet | None:
    """The pods of the workload at *found*; `None`, and the API server refuses it, if it has no pod template."""
    pod = found.within(*TEMPLATES[group, kind])
    if pod is None:
        found.complaints.add(found.line, ".".join(TEMPLATES[group, kind]), f"a {kind} needs a pod template")
        return None
    if kind in _SELECTED:
        _selects_its_own(found, labels(pod.within("metadata", "labels")), kind)
    return pods_of(pod, kind, namespace, name, owner=_owner(found), at=found)


def pods_of(
    pod: Field,
    kind: str,
    namespace: str,
    name: str,
    *,
    owner: str = "",
    at: Field | None = None,
    added: tuple[Label, ...] = (),
) -> PodSet:
    """The pods that the template (or Pod) *pod* makes; *added* are labels that a controller adds, *at* is the whole object."""
    given = {one.key: one for one in (*labels(pod.within("metadata", "labels")), *added)}
    spec = pod.get("spec")
    ports: tuple[ContainerPort, ...] = ()
    host = False
    if spec is None:
        pod.complaints.add(pod.line, f"{pod.path}.spec".lstrip("."), "a pod needs a spec")
    else:
        host = true_at(spec.get("hostNetwork"))
        containers = [*spec.items("containers"), *(one for one in spec.items("initContainers") if _stays(one))]
        ports = tuple(port for container in containers for port in _ports(container, host))
    return PodSet(
        kind=kind,
        namespace=namespace,
        name=name,
        at=(at or pod).at,
        labels=tuple(sorted(given.values())),
        ports=ports,
        host_network=host,
        owner=owner,
        account=_account(spec) or ("" if owner and at is not None else "default"),
        bypasses=tuple(_bypasses(pod)),
        attached=tuple(name for name, value in _annotations(pod) if name in ATTACHES and value.strip() not in ("", "[]")),
    )


def _account(spec: Field | None) -> str:
    """The service account of the pods of *spec*. Without a name it is ``default``. But an object that a cluster prints always
    names one; if the name is missing there, it was left out when the object was saved.
    """
    return text_at(spec.get("serviceAccountName") or spec.get("serviceAccount")) if spec is not None else ""


def is_kept(name: str) -> bool:
    """Is the annotation *name* of a pod one that is read?"""
    return name in ATTACHES or name in _PAST or name == INJECT or name.startswith(_SIDECAR)


def _annotations(pod: Field) -> Iterator[tuple[str, str]]:
    annotations = pod.within("metadata", "annotations")
    for name, value in annotations.members() if annotations is not None else ():
        if is_kept(name):
            yield name, value.text()


def _bypasses(pod: Field) -> Iterator[str]:
    """The annotations that keep traffic away from Istio's proxy, or that ask for none (a label of the same name counts instead
    of the annotation).
    """
    labelled = any(one.key == INJECT for one in labels(pod.within("metadata", "labels")))
    for name, value in _annotations(pod):
        harmless = "*" if name.startswith(f"{_SIDECAR}include") else ""
        past = _PAST.get(name)
        if (
            (name.startswith(_SIDECAR) and value != harmless)
            or (name == INJECT and value == "false" and not labelled)
            or (past is not None and past(value))
        ):
            yield name


def _stays(container: Field) -> bool:
    """Does this init container keep running beside the others (a sidecar)?"""
    return text_at(container.get("restartPolicy")) == "Always"


def _selects_its_own(found: Field, given: tuple[Label, ...], kind: str) -> None:
    asked_at = found.within("spec", "selector")
    asked = selector(asked_at)
    if asked is None or asked.everything:
        found.complaints.add((asked_at or found).line, "spec.selector", f"a {kind} needs a selector that is not empty")
    elif not set(asked.labels) <= set(given):
        assert asked_at is not None  # noqa: S101  # a selector was read from it
        found.complaints.add(asked_at.line, "spec.template.metadata.labels", "they do not match the selector")


def _ports(container: Field, host_network: bool) -> Iterator[ContainerPort]:
    for item in container.items("ports"):
        number_at = item.get("containerPort")
        if number_at is None:
            item.complaints.add(item.line, f"{item.path}.containerPort", "a port needs a number")
            continue
        number = port_number(number_at, number_at.whole())
        name_at = item.get("name")
        name = text_at(name_at)
        if name_at is not None and (problem := port_name(name)):
            name_at.wrong(f"{name[:80]!r}: {problem}")
        host_port = whole_at(item.get("hostPort"))
        if number:
            shown = host_port or (number if host_network else 0)
            yield ContainerPort(protocol=protocol(item.get("protocol")), number=number, name=name, host_port=shown)


def _owner(found: Field) -> str:
    for item in (found.get("metadata") or found).items("ownerReferences"):
        if true_at(item.get("controller")):
            return f"{text_at(item.get('kind'), 'Pod') or 'Pod'}/{text_at(item.get('name'))}"
    return ""


def service(found: Field, namespace: str, name: str) -> ServiceSeen:
    """The Service at *found*."""
    spec = found.get("spec")
    if spec is None:
        return ServiceSeen(namespace=namespace, name=name, at=found.at, kind="ClusterIP", selector=None)
    kind = text_at(spec.get("type"), "ClusterIP")
    if kind not in ("ClusterIP", "NodePort", "LoadBalancer", "ExternalName"):
        found.complaints.add(spec.line, "spec.type", f"{kind[:80]!r} is not a type of Service")
    chosen = labels(spec.get("selector"))
    external = [item.text() for item in spec.items("externalIPs")]
    if kind == "ExternalName":
        external.append(text_at(spec.get("externalName")))
    return ServiceSeen(
        namespace=namespace,
        name=name,
        at=found.at,
        kind=kind,
        selector=Selector(labels=chosen) if chosen and kind != "ExternalName" else None,
        ports=tuple(_service_ports(spec)),
        external=tuple(external),
        waypoint=_waypoint(found, namespace),
        exposed=tuple(_exposed(found)),
    )


EXPOSES = frozenset(
    (
        "tailscale.com/expose",
        "mirror.linkerd.io/exported",
        "service.cilium.io/global",
        "io.cilium/global-service",
        "skupper.io/proxy",
    )
)
"""Annotations and labels of a Service by which others reach it: a tailnet (Tailscale's operator), or other clusters (Linkerd,
Cilium's ClusterMesh, Skupper).
"""


def _exposed(found: Field) -> Iterator[str]:
    for where in ("annotations", "labels"):
        given = found.within("metadata", where)
        for name, value in given.members() if given is not None else ():
            if name in EXPOSES and value.text() not in ("", "false"):
                yield name


def inference_pool(found: Field, namespace: str, name: str) -> ServiceSeen:
    """The InferencePool at *found* (``inference.networking.k8s.io/v1``, ``inference.networking.x-k8s.io/v1alpha2``)."""
    chosen, spec = None, found.get("spec")
    numbers: list[int] = []
    if spec is not None:
        selector_at = spec.get("selector")
        matched = selector_at.get("matchLabels") if selector_at is not None else None
        chosen = labels(matched if matched is not None else selector_at)
        single = spec.get("targetPortNumber")
        wanted = [one for item in spec.items("targetPorts") if (one := item.get("number")) is not None]
        numbers = [port_number(one, one.whole()) for one in [*([single] if single is not None else []), *wanted]]
    return ServiceSeen(
        namespace=namespace,
        name=name,
        at=found.at,
        kind=POOL,
        selector=Selector(labels=chosen) if chosen else None,
        ports=tuple(ServicePort(name="", protocol=Protocol.TCP, port=one, target=one) for one in numbers),
    )


def _waypoint(found: Field, namespace: str) -> str:
    """What the labels of a Service say of a waypoint (Istio, ambient mode)."""
    given = {one.key: one.value for one in labels(found.within("metadata", "labels"))}
    name = given.get("istio.io/use-waypoint", "")
    return name if name in ("", "none") else f"{given.get('istio.io/use-waypoint-namespace', namespace)}/{name}"


def _service_ports(spec: Field) -> Iterator[ServicePort]:
    for item in spec.items("ports"):
        port_at = item.get("port")
        if port_at is None:
            item.complaints.add(item.line, f"{item.path}.port", "a port needs a number")
            continue
        port = port_number(port_at, port_at.whole())
        target_at = item.get("targetPort")
        target = target_at.whole_or_text() if target_at else port
        yield ServicePort(
            name=text_at(item.get("name")),
            protocol=protocol(item.get("protocol")),
            port=port,
            target=target if isinstance(target, int) else 0,
            target_name=target if isinstance(target, str) else "",
            node_port=whole_at(item.get("nodePort")),
        )
