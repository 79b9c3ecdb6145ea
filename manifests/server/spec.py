"""What a resource says of its server, as values. What Kubernetes itself defines stays JSON that cannot be changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from manifests.objects import Json, inner


class ServerType(StrEnum):
    """Where the server runs."""

    HOSTED = "Hosted"
    REMOTE = "Remote"


class Transport(StrEnum):
    """How the server speaks."""

    STDIO = "stdio"
    HTTP = "streamable-http"
    SSE = "sse"


class OidcKind(StrEnum):
    """Where it is said whose tokens count."""

    KUBERNETES = "kubernetes"
    CONFIG_MAP = "configMap"
    INLINE = "inline"


@dataclass(frozen=True, slots=True, kw_only=True)
class KeyOf:
    """One key of a ConfigMap."""

    name: str
    key: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterTokens:
    """Tokens of service accounts of this cluster; ``namespace`` is where these accounts are."""

    namespace: str = ""
    service_account: str = ""
    audience: str = ""
    issuer: str = ""
    use_cluster_auth: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class IssuerTokens:
    """Tokens of one issuer; the paths are files in the pod."""

    issuer: str
    audience: str = ""
    jwks_url: str = ""
    ca_bundle_path: str = ""
    jwks_auth_token_path: str = ""
    client_certificate_path: str = ""
    client_key_path: str = ""


Oidc = ClusterTokens | IssuerTokens | KeyOf


@dataclass(frozen=True, slots=True, kw_only=True)
class Policies:
    """Cedar policies, the entities that they name as JSON, and the action of tools that have one of their own."""

    policies: tuple[str, ...]
    entities: str = "[]"
    actions: Mapping[str, str]


Authz = Policies | KeyOf


class Builtin(StrEnum):
    """A profile that every operator has."""

    NONE = "none"
    NETWORK = "network"


Profile = Builtin | KeyOf


@dataclass(frozen=True, slots=True, kw_only=True)
class SecretKey:
    """A key of a Secret, for a variable or a file."""

    name: str
    key: str
    variable: str = ""
    path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSpec:
    """The whole of ``spec``, with the API server's defaults.

    ``capabilities`` says what must be offered (true) and what must not. ``replicas`` is `None` if it is not given.
    """

    type: ServerType
    image: str
    url: str
    transport: Transport
    protocol_versions: tuple[str, ...]
    capabilities: Mapping[str, bool]
    oidc: Oidc | None
    authz: Authz | None
    profile: Profile
    replicas: int | None
    port: int
    target_port: int
    args: tuple[str, ...]
    env: tuple[Mapping[str, Json], ...]
    resources: Mapping[str, Json]
    secrets: tuple[SecretKey, ...]
    service_account: str
    tools_filter: tuple[str, ...] | None
    node_selector: Mapping[str, str]
    tolerations: tuple[Json, ...]
    affinity: Mapping[str, Json]
    pod_template: Mapping[str, Json]
    volume_mounts: tuple[Mapping[str, Json], ...]
    volumes: tuple[Mapping[str, Json], ...]

    @property
    def images(self) -> tuple[str, ...]:
        """Every image of which something may run: the server's own, and those that are mounted."""
        mounted = (inner(one, "image", "reference") for one in self.volumes)
        return tuple(str(one) for one in (self.image, *mounted) if one)
