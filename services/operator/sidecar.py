"""What the relay in a pod is told: one JSON document, in the ConfigMap of its server. It consumes exactly this."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from artifacts.wire import canonical_bytes, from_json

SIDECAR_FILE = "sidecar.json"
"""The key of the ConfigMap, and the name of the file in the pod."""
KEYS_FILE = "keys.json"
"""Beside it: keys of issuers (a JSON Web Key Set for each), which change without a restart."""


class Reach(StrEnum):
    """How the relay reaches the server's process."""

    SOCKET = "socket"
    HTTP = "http"
    SSE = "sse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """The way to the server's process: a Unix ``socket`` of the shim, or a ``url`` (of this pod, or of a remote server)."""

    reach: Reach
    socket: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustedIssuer:
    """Whose tokens count.

    ``keys`` says that they are in `KEYS_FILE`: then nothing is fetched. If not, they are fetched from ``jwks_url`` (or as the
    issuer's metadata say), with these files of the pod. ``namespace`` and ``service_account`` limit a cluster's own tokens.
    """

    issuer: str
    audience: str = ""
    jwks_url: str = ""
    keys: bool = False
    ca_bundle_path: str = ""
    token_path: str = ""
    client_certificate_path: str = ""
    client_key_path: str = ""
    namespace: str = ""
    service_account: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CedarPolicies:
    """What callers may do: Cedar policies, entities as JSON, and the action of tools that have one of their own."""

    policies: tuple[str, ...]
    entities: str = "[]"
    actions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnTls:
    """The relay's certificate (PEM files of the pod). With ``client_authorities_path`` only clients with a certificate of these
    authorities are let in; who they are is said by their token as always.
    """

    certificate_path: str
    key_path: str
    client_authorities_path: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SidecarConfig:
    """The whole document.

    ``server`` is ``NAMESPACE/NAME`` of the resource (or its name alone, of the whole cluster). ``tools`` are the only ones that
    callers see, `None` for all. ``capabilities`` says what must be offered (true) and what must not. ``protocol_versions``:
    one of them must be spoken; empty for any. ``stateless``: any replica may answer any call.

    ``port`` is that of the Service; ``url`` is its address for clients, if that is another than in the cluster, and ``hosts``
    are names by which it is asked besides. ``most`` is how many sessions there may be at once, if each has a process, and a
    call ends after ``call_seconds``.
    """

    server: str
    transport: str
    target: Target
    oidc: TrustedIssuer | None = None
    authz: CedarPolicies | None = None
    tools: tuple[str, ...] | None = None
    capabilities: Mapping[str, bool] = field(default_factory=dict)
    protocol_versions: tuple[str, ...] = ()
    stateless: bool = False
    port: int = 8080
    url: str = ""
    hosts: tuple[str, ...] = ()
    tls: OwnTls | None = None
    most: int = 16
    call_seconds: int = 600

    @property
    def text(self) -> str:
        """The document: canonical JSON, the same text for equal values."""
        return canonical_bytes(self).decode()


def read_config(text: str) -> SidecarConfig:
    """The document in *text*. Raises `Refused` if it is another."""
    return from_json(SidecarConfig, text)
