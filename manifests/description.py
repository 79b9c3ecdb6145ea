"""A workload's network in one short description: who may call it, what it calls, and what its site can enforce."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from arcops.errors import Refused

_NAME = re.compile(r"[a-z0-9](?:[-a-z0-9]{0,61}[a-z0-9])?\Z")
_HOST = re.compile(r"[a-z0-9](?:[-a-z0-9]*[a-z0-9])?(?:\.[a-z0-9](?:[-a-z0-9]*[a-z0-9])?)+\Z")
_LABEL = re.compile(r"(?:[A-Za-z0-9](?:[-A-Za-z0-9_./]*[A-Za-z0-9])?)\Z")


class Mesh(Enum):
    """The service mesh at the site."""

    NONE = "none"
    ISTIO = "istio"


@dataclass(frozen=True, slots=True, kw_only=True)
class Port:
    """A port by number."""

    port: int
    protocol: str = "TCP"

    def __post_init__(self) -> None:
        if not 1 <= self.port <= 65535 or self.protocol not in ("TCP", "UDP", "SCTP"):
            raise Refused(f"{self.protocol} {self.port} is no port; give 1 to 65535 of TCP, UDP or SCTP")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pods:
    """Pods by namespace and labels. ``service_account`` is their identity in a mesh."""

    namespace: str
    labels: Mapping[str, str]
    ports: tuple[Port, ...]
    service_account: str = ""

    def __post_init__(self) -> None:
        _named(self.namespace, "a namespace")
        _labelled(self.labels)
        if not self.ports:
            raise Refused(f"nothing says on which ports {self.namespace} is meant; give 'ports'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """Addresses outside of the cluster."""

    cidr: str
    ports: tuple[Port, ...]

    def __post_init__(self) -> None:
        try:
            ipaddress.ip_network(self.cidr)
        except ValueError as error:
            raise Refused(f"{self.cidr!r} is no CIDR: {error}") from error
        if not self.ports:
            raise Refused(f"nothing says on which ports {self.cidr} is meant; give 'ports'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """A host outside by its name."""

    name: str
    ports: tuple[Port, ...]

    def __post_init__(self) -> None:
        if not _HOST.match(self.name):
            raise Refused(f"{self.name!r} is no exact host name")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """How clients outside come in: by a Gateway of its own for exact ``hosts``, to ``port`` of the Service ``service``.

    ``certificate`` is the Secret with the Gateway's certificate; ``gateway_pods`` are the pods that carry its traffic;
    ``backend_name`` is the name in the workload's own certificate, checked against the CA in the ConfigMap ``backend_ca``.
    """

    hosts: tuple[str, ...]
    service: str
    port: int
    certificate: str
    gateway_pods: Pods
    backend_name: str
    backend_ca: str

    def __post_init__(self) -> None:
        if not self.hosts:
            raise Refused("an entry names at least one host")
        for host in (*self.hosts, self.backend_name):
            if not _HOST.match(host):
                raise Refused(f"{host!r} is no exact host name")
        for name in (self.service, self.certificate, self.backend_ca):
            _named(name, "a name")
        Port(port=self.port)


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Where it runs. ``cni`` is the network plugin; ``gateway_class`` is needed for an entry; ``api_server`` are addresses."""

    cni: str
    mesh: Mesh = Mesh.NONE
    gateway_class: str = ""
    trust_domain: str = "cluster.local"
    api_server: tuple[str, ...] = ()
    dns_labels: Mapping[str, str] = field(default_factory=lambda: {"k8s-app": "kube-dns"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """The whole. ``labels`` select the workload's own pods."""

    name: str
    namespace: str
    labels: Mapping[str, str]
    site: Site
    callers: tuple[Pods, ...] = ()
    calls: tuple[Pods, ...] = ()
    addresses: tuple[Addresses, ...] = ()
    hosts: tuple[Host, ...] = ()
    entry: Entry | None = None

    def __post_init__(self) -> None:
        _named(self.name, "a name")
        _named(self.namespace, "a namespace")
        _labelled(self.labels)
        if self.hosts:
            names = ", ".join(host.name for host in self.hosts)
            raise Refused(
                f"{names}: nothing that is understood here can hold a pod to host names; give their addresses under 'addresses'"
            )
        if self.entry is not None and not self.site.gateway_class:
            raise Refused("an entry needs a Gateway; say which 'gatewayClass' the site has")
        if self.site.mesh is Mesh.ISTIO:
            lacking = [one.namespace for one in self._peers() if not one.service_account]
            if lacking:
                raise Refused(f"in a mesh callers are known by identity; give the 'serviceAccount' of the one in {lacking[0]}")

    def _peers(self) -> tuple[Pods, ...]:
        return (*self.callers, *((self.entry.gateway_pods,) if self.entry is not None else ()))


def _named(text: str, what: str) -> None:
    if not _NAME.match(text):
        raise Refused(f"{text!r} cannot be {what}: lower-case letters, digits and '-', at most 63")


def _labelled(labels: Mapping[str, str]) -> None:
    if not labels:
        raise Refused("pods are named by at least one label; without any, all of the namespace would be meant")
    for text in (*labels, *labels.values()):
        if not _LABEL.match(text):
            raise Refused(f"{text!r} cannot stand in a label")
