"""The pods of a server: its own container, closed as far as Kubernetes can, and the relay before it."""

from __future__ import annotations

import hashlib

from manifests.objects import Json
from manifests.server.names import (
    CONFIG_ANNOTATION,
    CONFIG_FOLDER,
    HEALTH_PORT,
    MCP_CONTAINER,
    RELAY_CONTAINER,
    RELAY_PORT,
    SECRETS_ANNOTATION,
    SHIM_CONTAINER,
    SHIM_FOLDER,
    SOCKET,
    SOCKET_FOLDER,
    labels,
)
from manifests.server.plan import ServerPlan
from manifests.server.spec import Transport

USER = 65532
DRAIN_SECONDS = 10
"""How long a pod that ends still answers: until every balancer knows."""
ENDING_SECONDS = 60
_DEFAULT: dict[str, Json] = {
    "requests": {"cpu": "50m", "memory": "64Mi", "ephemeral-storage": "64Mi"},
    "limits": {"cpu": "500m", "memory": "256Mi", "ephemeral-storage": "256Mi"},
}
_OF_RELAY: dict[str, Json] = {
    "requests": {"cpu": "20m", "memory": "64Mi", "ephemeral-storage": "16Mi"},
    "limits": {"cpu": "500m", "memory": "128Mi", "ephemeral-storage": "64Mi"},
}
_CLOSED: dict[str, Json] = {
    "allowPrivilegeEscalation": False,
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_HOST_USERS_SINCE = (1, 36)


def pod_template(plan: ServerPlan) -> dict[str, Json]:
    """The template of the Deployment."""
    stdio = plan.spec.transport is Transport.STDIO
    volumes: list[Json] = [{"name": "arcops-config", "configMap": {"name": plan.name}}]
    if stdio:
        volumes.append({"name": "arcops-shim", "emptyDir": {"sizeLimit": "16Mi"}})
        volumes.append({"name": "arcops-run", "emptyDir": {"sizeLimit": "1Mi", "medium": "Memory"}})
    spec: dict[str, Json] = {
        "serviceAccountName": plan.spec.service_account or plan.name,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "terminationGracePeriodSeconds": ENDING_SECONDS,
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": USER,
            "runAsGroup": USER,
            "fsGroup": USER,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "initContainers": [*([_shim(plan)] if stdio else []), _relay(plan)],
        "containers": [_server(plan)],
        "volumes": volumes,
    }
    if plan.kubernetes >= _HOST_USERS_SINCE:
        spec["hostUsers"] = False
    annotations: dict[str, Json] = {CONFIG_ANNOTATION: digest_of(plan.config)}
    if plan.secrets:
        annotations[SECRETS_ANNOTATION] = plan.secrets
    return {"metadata": {"labels": labels(plan.name, plan.owner.kind), "annotations": annotations}, "spec": spec}


def digest_of(text: str) -> str:
    """The first half of the digest of *text*, which is enough to tell two texts apart that we made."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _server(plan: ServerPlan) -> Json:
    spec = plan.spec
    made: dict[str, Json] = {
        "name": MCP_CONTAINER,
        "image": spec.image,
        "securityContext": dict(_CLOSED),
        "resources": dict(spec.resources) or _DEFAULT,
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
    }
    if spec.transport is Transport.STDIO:
        made["command"] = [f"{SHIM_FOLDER}/shim", "--socket", SOCKET, "--", *plan.command]
        made["volumeMounts"] = [
            {"name": "arcops-shim", "mountPath": SHIM_FOLDER, "readOnly": True},
            {"name": "arcops-run", "mountPath": SOCKET_FOLDER},
        ]
    if spec.args:
        made["args"] = list(spec.args)
    if spec.env:
        made["env"] = list(spec.env)
    return made


def _relay(plan: ServerPlan) -> Json:
    """The relay is an init container that stays: it starts before the server and ends after it."""
    mounts: list[Json] = [{"name": "arcops-config", "mountPath": CONFIG_FOLDER, "readOnly": True}]
    if plan.spec.transport is Transport.STDIO:
        mounts.append({"name": "arcops-run", "mountPath": SOCKET_FOLDER})
    return {
        "name": RELAY_CONTAINER,
        "image": plan.relay_image,
        "restartPolicy": "Always",
        "args": ["sidecar", "--config", CONFIG_FOLDER],
        "ports": [{"name": "mcp", "containerPort": RELAY_PORT}, {"name": "health", "containerPort": HEALTH_PORT}],
        "securityContext": dict(_CLOSED),
        "resources": _OF_RELAY,
        "volumeMounts": mounts,
        "startupProbe": _probe("/live", 1, 60),
        "livenessProbe": _probe("/live", 10, 3),
        "readinessProbe": _probe("/ready", 2, 2),
    }


def _probe(path: str, every: int, failures: int) -> Json:
    return {
        "httpGet": {"path": path, "port": "health"},
        "periodSeconds": every,
        "timeoutSeconds": 2,
        "failureThreshold": failures,
    }


def _shim(plan: ServerPlan) -> Json:
    return {
        "name": SHIM_CONTAINER,
        "image": plan.relay_image,
        "command": ["/usr/local/bin/arcops-shim", "--install", f"{SHIM_FOLDER}/shim"],
        "securityContext": dict(_CLOSED),
        "resources": {
            "requests": {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "16Mi"},
            "limits": {"cpu": "100m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
        },
        "volumeMounts": [{"name": "arcops-shim", "mountPath": SHIM_FOLDER}],
    }
