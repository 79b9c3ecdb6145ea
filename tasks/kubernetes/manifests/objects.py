"""From documents to the network that they describe, object by object. An error in one object does not hide the others."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from arcops.finding import Location
from arcops.seen.network import (
    NAMESPACE_NAME,
    SYSTEM,
    BackendTlsSeen,
    Complaint,
    GatewaySeen,
    GrantSeen,
    Label,
    NamespaceSeen,
    OtherObject,
    PodSet,
    PolicySeen,
    RouteSeen,
    ServiceSeen,
)
from tasks.kubernetes.dumped import Dump, Shown, shown
from tasks.kubernetes.manifests import calico, cilium, cluster_policy, egress_firewall, policy, routes, workloads
from tasks.kubernetes.manifests.custom import Custom
from tasks.kubernetes.manifests.definitions import Read, Remembered, remember, remembered
from tasks.kubernetes.manifests.fields import Complaints, Field, text_at
from tasks.kubernetes.manifests.istio import NARROWING, MeshSettings
from tasks.kubernetes.manifests.kinds import CLUSTER_WIDE, HARMLESS
from tasks.kubernetes.manifests.names import dns_label, dns_subdomain, labels
from tasks.kubernetes.manifests.nodes import Mapping, Node, Scalar, Sequence, Unreadable, documents, idle
from tasks.kubernetes.manifests.operators import OPERATED, operated
from tasks.kubernetes.manifests.passages import Passages

_MOST_BROKEN = 20
"""The most documents of one file that may be unreadable; the file is parsed again after each."""
_MARK = re.compile(rb"^---(?=[ \t\r\n]|\Z)", re.MULTILINE)
_DEFINITION = "CustomResourceDefinition"
_TEMPLATE_KINDS = {"Kustomization": "kustomize build", "Component": "kustomize build"}


@dataclass(slots=True)
class Objects:
    """What has been read so far."""

    unread: list[Complaint] = field(default_factory=list)
    refused: list[Complaint] = field(default_factory=list)
    namespaces: dict[str, NamespaceSeen] = field(default_factory=dict)
    pods: list[PodSet] = field(default_factory=list)
    policies: list[PolicySeen] = field(default_factory=list)
    services: list[ServiceSeen] = field(default_factory=list)
    routes: list[RouteSeen] = field(default_factory=list)
    gateways: list[GatewaySeen] = field(default_factory=list)
    grants: list[GrantSeen] = field(default_factory=list)
    backend_tls: list[BackendTlsSeen] = field(default_factory=list)
    others: list[OtherObject] = field(default_factory=list)
    mesh: MeshSettings = field(default_factory=MeshSettings)
    custom: Custom = field(default_factory=Custom)
    calico: calico.Calico = field(default_factory=calico.Calico)
    passages: Passages = field(default_factory=Passages)
    dump: Dump = field(default_factory=Dump)
    cluster: str = ""
    _known: dict[tuple[str, str, str, str], Location] = field(default_factory=dict)
    _read: list[Read | None] = field(default_factory=list)
    _ended: list[PodSet] = field(default_factory=list)
    _of_templates: list[tuple[OtherObject, tuple[str, str]]] = field(default_factory=list)

    def read(self, path: str, data: bytes, tick: Callable[[], None] = idle) -> None:
        """Take every object in *data*, the content of the file *path*. *tick* is called often and may raise."""
        known = remembered(data)
        if known is not None:
            self.dump.take(path, known.shown)
            for one in known.definitions:
                at = Location(path=path, line=one.line)
                self._first(("apiextensions.k8s.io", _DEFINITION, "", one.name), at)
                self.custom.define(one.definition, at)
                self._other("apiextensions.k8s.io", _DEFINITION, "", one.name, at)
            return
        self._read, complaints, before = [], len(self.unread) + len(self.refused) + len(self.custom.unread), 0
        lists: list[Shown] = []
        for _ in range(_MOST_BROKEN):
            try:
                for document in documents(b"\n" * before + _from_line(data, before), tick):
                    self._take(path, document)
                    self.passages.take(path, data, document)
                    told = shown(document)
                    self.dump.take(path, told)
                    lists += told
                found = tuple(one for one in self._read if one is not None)
                clean = complaints == len(self.unread) + len(self.refused) + len(self.custom.unread)
                if (
                    clean and found and len(found) == len(self._read)
                ):  # a file with a complaint is read again, to complain again
                    remember(data, Remembered(definitions=found, shown=tuple(lists)))
                return
            except Unreadable as error:
                self._unread(path, error.line, str(error))
                # The documents after a broken one are read, too, so that it does not hide them.
                following = _next_document(data, max(error.line - 1, before + 1)) if _is_text(data) else None
            if following is None:
                return
            before = following
        self._unread(
            path, before + 1, f"{_MOST_BROKEN} documents of this file cannot be read; the rest of the file was not read"
        )

    def complete(self, tick: Callable[[], None] = idle) -> None:
        """Check custom objects against their definitions, now that all are known, and add the namespaces that are used but that
        no manifest defines: only their names are known.
        """
        self.custom.complete(tick)
        self.refused.extend(self.custom.refused)
        self.unread.extend(self.custom.unread)
        self.calico.complete(self.policies, self.namespaces)
        self.refused.extend(self.calico.refused)
        self.unread.extend(self.calico.unread)
        gateways, led = self.mesh.ways_in()
        self.gateways += gateways
        self.routes += led
        templates = {(one.namespace, one.name) for one in self.pods if one.kind == "SandboxTemplate"}
        for other, template in self._of_templates:
            # Its pods are those of the template; if no manifest has that, they may be anything.
            self.others.append(replace(other, harmless=template in templates))
        used: list[PodSet | ServiceSeen | RouteSeen | GatewaySeen | PolicySeen] = []
        used += [*self.pods, *self.services, *self.routes, *self.gateways, *(one for one in self.policies if one.namespace)]
        for one in used:
            if one.namespace not in self.namespaces:
                self.namespaces[one.namespace] = NamespaceSeen(
                    name=one.namespace,
                    labels=(Label(key=NAMESPACE_NAME, value=one.namespace),),
                    declared=False,
                    at=one.at,
                )

    def without_ended(self) -> None:
        """Leave out pods that have ended, which a cluster lists as well. Only for what a cluster printed: a manifest's status
        says nothing about the pod that it makes.
        """
        ended = {id(one) for one in self._ended}
        self.pods = [one for one in self.pods if id(one) not in ended]

    def _unread(self, path: str, line: int, text: str, about: str = "") -> None:
        self.unread.append(Complaint(at=Location(path=path, line=line), about=about, field="", text=text))

    def _take(self, path: str, node: Node) -> None:
        if not isinstance(node, Mapping):
            self._unread(path, node.line, "a Kubernetes object is a mapping, but this document is not a mapping")
            return
        kind, version = _plain(node, "kind"), _plain(node, "apiVersion")
        if not kind or not version:
            what = "values of a Helm chart are not manifests" if "apiVersion" not in node.items else "its kind is missing"
            self._unread(
                path, node.line, f"this document is not a Kubernetes object, because it has no apiVersion and kind; {what}"
            )
            return
        items = node.items.get("items")
        if kind.endswith("List") and isinstance(items, Sequence):
            for item in items.items:
                self._take(path, _of_list(item, kind, version))
            return
        if kind.endswith("List") and (items is None or (isinstance(items, Scalar) and items.value is None)):
            return
        self._object(path, node, kind, version)

    def _object(self, path: str, node: Mapping, kind: str, version: str) -> None:
        group, _, number = version.rpartition("/")
        if (version, kind) == ("arcops.dev/v1", "NotSeen"):
            reason = _plain(node, "reason") or "no reason is given"
            self._unread(path, node.line, f"it was not read when this snapshot was saved: {reason}", _named_in(node))
            return
        complaints = Complaints(path, kind)
        found = Field(node, "", complaints, node.line)
        metadata = found.get("metadata")
        namespace, name = self._named(found, metadata, kind)
        complaints.about = f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}"
        if kind in _TEMPLATE_KINDS:
            self._unread(
                path,
                node.line,
                f"a {kind} is not a manifest; check the output of '{_TEMPLATE_KINDS[kind]}'",
                complaints.about,
            )
            return
        given = labels(metadata.get("labels")) if metadata else ()
        at = Location(path=path, line=node.line)
        self._first((group, kind, namespace, name), at)
        definition = self.custom.take(node, group, number, kind, complaints.about, at)
        self._read.append(Read(line=node.line, name=name, definition=definition) if definition is not None else None)
        self._sort(found, (group, number, kind), namespace, name, given)
        self.refused.extend(complaints.found)

    def _first(self, key: tuple[str, str, str, str], at: Location) -> None:
        """Complain if the object *key* (group, kind, namespace, name) was read before."""
        _, kind, namespace, name = key
        earlier = self._known.setdefault(key, at)
        if earlier is not at and not name.endswith("*"):
            text = f"the object appears twice, first at {earlier.path}:{earlier.line}; the later one counts"
            self._unread(at.path, at.line, text, f"{kind} {namespace}/{name}" if namespace else f"{kind} {name}")

    def _other(self, group: str, kind: str, namespace: str, name: str, at: Location) -> None:
        harmless = (group, kind) in HARMLESS or (group, kind) in NARROWING
        self.others.append(OtherObject(group=group, kind=kind, namespace=namespace, name=name, at=at, harmless=harmless))

    def _named(self, found: Field, metadata: Field | None, kind: str) -> tuple[str, str]:
        """Namespace and name; without a namespace, kubectl uses ``default``."""
        complaints = found.complaints
        if metadata is None:
            complaints.add(found.line, "metadata", "an object needs metadata with a name")
            return ("" if kind in CLUSTER_WIDE else "default"), ""
        name_at, namespace_at = metadata.get("name"), metadata.get("namespace")
        name = text_at(name_at)
        shown = name or f"{text_at(metadata.get('generateName'))}*"
        if not name and shown == "*":
            complaints.add(metadata.line, "metadata.name", "an object needs a name")
        problem = (dns_label if kind in ("Namespace", "Service") else dns_subdomain)(name) if name else ""
        if name_at is not None and problem and kind in _CHECKED_NAMES:
            name_at.wrong(f"{name[:80]!r}: {problem}")
        if kind in CLUSTER_WIDE:
            return "", shown
        namespace = text_at(namespace_at) or "default"
        if namespace_at is not None and (problem := dns_label(namespace)):
            namespace_at.wrong(f"{namespace[:80]!r}: {problem}")
        return namespace, shown

    def _sort(self, found: Field, api: tuple[str, str, str], namespace: str, name: str, given: tuple[Label, ...]) -> None:
        group, version, kind = api
        match api:
            case ("", "v1", "Namespace"):
                kept = {label.key: label for label in given} | {NAMESPACE_NAME: Label(key=NAMESPACE_NAME, value=name)}
                if name == SYSTEM:
                    self.cluster = text_at(found.within("metadata", "uid"))
                self.namespaces[name] = NamespaceSeen(
                    name=name, labels=tuple(sorted(kept.values())), declared=True, at=found.at
                )
            case ("", "v1", "Service"):
                self.services.append(workloads.service(found, namespace, name))
            case ("inference.networking.k8s.io" | "inference.networking.x-k8s.io", _, "InferencePool"):
                self.services.append(workloads.inference_pool(found, namespace, name))
            case ("networking.k8s.io", "v1", "NetworkPolicy"):
                self.policies.append(policy.network_policy(found, namespace, name))
            case ("networking.k8s.io", "v1", "Ingress"):
                self.routes.append(routes.ingress(found, namespace, name))
            case ("policy.networking.k8s.io", _, _) if (version, kind) in cluster_policy.KINDS:
                self.policies.append(cluster_policy.cluster_policy(found, version, kind, name))
            case ("cilium.io", "v2", _) if kind in cilium.KINDS:
                policies, unclear = cilium.cilium_policies(found, kind, namespace, name)
                self.policies.extend(policies)
                self.unread.extend(unclear)
            case ("projectcalico.org" | "crd.projectcalico.org", _, _) if kind in calico.KINDS:
                self.calico.take(found, kind, namespace, name, len(self.policies))
            case _ if (group, kind) in egress_firewall.KINDS:
                self.policies.append(egress_firewall.egress_firewall(found, kind, namespace, name))
            case ("gateway.networking.k8s.io", _, _) if kind in routes.ROUTES:
                self.routes.append(routes.route(found, kind, namespace, name))
            case ("gateway.networking.k8s.io", _, "Gateway"):
                self.gateways.append(routes.gateway(found, namespace, name))
            case ("gateway.networking.k8s.io", _, "ListenerSet") | ("gateway.networking.x-k8s.io", _, "XListenerSet"):
                self.gateways.append(routes.listener_set(found, namespace, name))
            case ("route.openshift.io", "v1", "Route"):
                self.routes.append(routes.openshift_route(found, namespace, name))
            case ("gateway.networking.k8s.io", _, "BackendTLSPolicy"):
                self.backend_tls.extend(routes.backend_tls(found, namespace, name))
            case ("gateway.networking.k8s.io", _, "ReferenceGrant"):
                self.grants.extend(routes.grants(found, namespace, name))
            case ("extensions.agents.x-k8s.io", _, "SandboxClaim" | "SandboxWarmPool"):
                template = text_at(found.within("spec", "sandboxTemplateRef", "name"))
                other = OtherObject(group=group, kind=kind, namespace=namespace, name=name, at=found.at, harmless=False)
                self._of_templates.append((other, (namespace, template)))
            case (_, "v1", _) | (("agents.x-k8s.io" | "extensions.agents.x-k8s.io"), _, _) if (
                group,
                kind,
            ) in workloads.TEMPLATES:
                made = workloads.pod_set(found, group, kind, namespace, name)
                if made is not None:
                    self.pods.append(made)
                    if kind == "Pod" and text_at(found.within("status", "phase")) in ("Succeeded", "Failed"):
                        self._ended.append(made)
            case _ if (group, kind) in OPERATED:
                self.pods.extend(operated(found, group, kind, namespace, name))
            case _ if self.mesh.take(found, group, kind, namespace, name):
                pass
            case _:
                self._other(group, kind, namespace, name, found.at)


_CHECKED_NAMES = {"Namespace", "Service", "NetworkPolicy", "Ingress", *(kind for _, kind in workloads.TEMPLATES)}


def _is_text(data: bytes) -> bool:
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _from_line(data: bytes, number: int) -> bytes:
    """*data* without its first *number* lines."""
    position = 0
    for _ in range(number):
        position = data.index(b"\n", position) + 1
    return data[position:]


def _next_document(data: bytes, number: int) -> int | None:
    """How many lines are before the first ``---`` that has *number* lines or more before it."""
    lines = last = 0
    for mark in _MARK.finditer(data):
        lines, last = lines + data.count(b"\n", last, mark.start()), mark.start()
        if lines >= number:
            return lines
    return None


def _plain(node: Mapping, name: str) -> str:
    found = node.items.get(name)
    return found.value if isinstance(found, Scalar) and isinstance(found.value, str) else ""


def _named_in(node: Mapping) -> str:
    metadata = node.items.get("metadata")
    return _plain(metadata, "name") if isinstance(metadata, Mapping) else ""


def _of_list(item: Node, kind: str, version: str) -> Node:
    """*item* of a typed list, as a cluster prints it: it takes kind and version from the list if it has none."""
    if isinstance(item, Mapping) and kind != "List":
        for name, value in (("kind", kind.removesuffix("List")), ("apiVersion", version)):
            if name not in item.items:
                item.items[name] = Scalar(item.line, value)
                item.lines[name] = item.line
    return item
