"""Everything that decides a server's objects, decided: its specification, its profile compiled, and what the relay is told."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from manifests.description import Addresses, Host, Pods
from manifests.description import Site as NetworkSite
from manifests.objects import Json
from manifests.server.spec import ServerSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Owner:
    """The resource that owns the objects."""

    api_version: str
    kind: str
    name: str
    uid: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Egress:
    """What the pods may reach. Without anything: nothing, not even DNS.

    ``everything``: all but the metadata services and the API server, on ``ports`` (without any: on all). ``api_server``: the
    ports on which the API server may be reached, which nothing else opens.
    """

    everything: bool = False
    ports: tuple[int, ...] = ()
    hosts: tuple[Host, ...] = ()
    addresses: tuple[Addresses, ...] = ()
    pods: tuple[Pods, ...] = ()
    api_server: tuple[int, ...] = ()

    @property
    def names(self) -> bool:
        """Must names be resolved?"""
        return bool(self.everything or self.hosts or self.pods or self.api_server)

    def __bool__(self) -> bool:
        return bool(self.names or self.addresses)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scratch:
    """A folder that is empty at first and gone with its pod."""

    path: str
    size: str = "64Mi"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tightened:
    """What a podTemplateSpec adds: each value was checked, and none opens the pod."""

    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    pod: Mapping[str, Json] = field(default_factory=dict)
    container: Mapping[str, Json] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerPlan:
    """One server, decided.

    ``command`` is what the shim starts for stdio. ``mounts`` and ``relay_mounts`` are those of the server and of the relay.
    ``config`` and ``keys`` are the two documents for the relay. ``callers`` are the namespaces that may call; `None` for every
    one. ``scale_to`` is the most replicas of an autoscaler, 0 for none. ``app_armor`` is a profile of the nodes for the
    server's container (``RuntimeDefault``, or a name), empty for none. ``secrets`` are versions of the Secrets that the pods
    use, another one of which rolls them; ``same_secrets`` are later versions with the same data. ``settings`` is the
    digest of what the operator's settings say of such a server.
    """

    owner: Owner
    name: str
    namespace: str
    spec: ServerSpec
    site: NetworkSite
    kubernetes: tuple[int, ...]
    operator_namespace: str
    relay_image: str
    config: str
    keys: str = "{}"
    command: tuple[str, ...] = ()
    egress: Egress = field(default_factory=Egress)
    scratch: tuple[Scratch, ...] = ()
    mounts: tuple[Mapping[str, Json], ...] = ()
    relay_mounts: tuple[Mapping[str, Json], ...] = ()
    template: Tightened = field(default_factory=Tightened)
    callers: tuple[str, ...] | None = None
    stateless: bool = False
    scale_to: int = 0
    app_armor: str = ""
    secrets: str = ""
    same_secrets: str = ""
    settings: str = ""
