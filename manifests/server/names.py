"""Names that every object of a server shares: labels, ports, folders in its pods."""

from __future__ import annotations

from collections.abc import Mapping

from manifests.objects import Json

SERVER_LABEL = "arcops.dev/mcp-server"
KIND_LABEL = "arcops.dev/mcp-server-kind"
MANAGED_LABEL = "app.kubernetes.io/managed-by"
MANAGER = "arcops"
DIGEST_ANNOTATION = "arcops.dev/applied"
"""The digest of what was applied: with another one, the object is applied again."""
SETTINGS_ANNOTATION = "arcops.dev/settings"
"""On a Deployment: the digest of the operator's settings under which it was made."""
OWNER_ANNOTATION = "arcops.dev/owner-uid"
"""Whose object it is, on objects that cannot have an owner reference."""
CONFIG_ANNOTATION = "arcops.dev/config"
"""On pods: the digest of what the relay is told, so that another one rolls them."""
SECRETS_ANNOTATION = "arcops.dev/secrets"
"""On pods: the versions of the Secrets that they use."""
SAME_SECRETS_ANNOTATION = "arcops.dev/same-secrets"
"""On a Deployment: later versions of these Secrets, which have the same data."""

MCP_CONTAINER = "mcp"
"""The server's own container; a podTemplateSpec names it so."""
RELAY_CONTAINER = "arcops-relay"
SHIM_CONTAINER = "arcops-shim"
RELAY_PORT = 15080
"""The relay listens there for clients."""
HEALTH_PORT = 15081
"""The relay says there whether the server answers, and what it said at its handshake."""
OPERATOR_PORT = 8090
"""The operator says there how it is, and gives its metrics."""
CONFIG_FOLDER = "/etc/arcops"
SHIM_FOLDER = "/arcops"
SOCKET_FOLDER = "/arcops-run"
SOCKET = f"{SOCKET_FOLDER}/stdio.sock"
OUR_FOLDERS = (CONFIG_FOLDER, SHIM_FOLDER, SOCKET_FOLDER)


def selector(name: str, kind: str) -> dict[str, str]:
    """The labels by which a server's pods are told from all others."""
    return {KIND_LABEL: kind, SERVER_LABEL: name}


def labels(name: str, kind: str) -> dict[str, str]:
    """The labels of all objects of a server."""
    return {**selector(name, kind), MANAGED_LABEL: MANAGER, "app.kubernetes.io/name": name}


def metadata(name: str, namespace: str, of: Mapping[str, str], **more: Json) -> dict[str, Json]:
    """``metadata`` with labels *of* the server."""
    made: dict[str, Json] = {"name": name, "labels": dict(of)}
    if namespace:
        made["namespace"] = namespace
    return {**made, **more}
