"""The pods that workloads make, and Services, as far as packets care."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.seen.network import ContainerPort, Label, PodSet, Selector, ServicePort, ServiceSeen
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
}
"""Where each kind that runs pods keeps the pod (Kubernetes API reference, workload resources)."""

_SELECTED = {"Deployment", "ReplicaSet", "StatefulSet", "DaemonSet"}


def pod_set(found: Field, group: str, kind: str, namespace: str, name: str) -> PodSet | None:
    """The pods of the workload at *found*; `None`, and the API server refuses it, where it has no pod template."""
    pod = found.within(*TEMPLATES[group, kind])
    if pod is None:
        found.complaints.add(found.line, ".".join(TEMPLATES[group, kind]), f"a {kind} needs the template of its pods")
        return None
    given = labels(pod.within("metadata", "labels"))
    if kind in _SELECTED:
        _selects_its_own(found, given, kind)
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
        at=found.at,
        labels=given,
        ports=ports,
        host_network=host,
        owner=_owner(found),
        account=_account(spec) or ("" if _owner(found) else "default"),
        bypasses=tuple(_bypasses(pod)),
    )


def _account(spec: Field | None) -> str:
    """The service account that the pods of *spec* name. Who names none gets ``default``; but what a cluster shows has an owner
    and always names one, so where it does not, whoever saved it left it out.
    """
    return text_at(spec.get("serviceAccountName") or spec.get("serviceAccount")) if spec is not None else ""


def _bypasses(pod: Field) -> Iterator[str]:
    """The annotations that take ports, addresses or whole interfaces out of what Istio's sidecar sees (Istio, resource
    annotations).
    """
    annotations = pod.within("metadata", "annotations")
    for name, _ in annotations.members() if annotations is not None else ():
        if name.startswith("traffic.sidecar.istio.io/"):
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
            item.complaints.add(item.line, f"{item.path}.containerPort", "a port needs its number")
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
        found.complaints.add(spec.line, "spec.type", f"{kind[:80]!r} is no type of Service")
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
    )


def _service_ports(spec: Field) -> Iterator[ServicePort]:
    for item in spec.items("ports"):
        port_at = item.get("port")
        if port_at is None:
            item.complaints.add(item.line, f"{item.path}.port", "a port needs its number")
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
