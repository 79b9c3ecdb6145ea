"""The pods of a server: its own container, closed as far as Kubernetes can, and the relay before it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping

from arcops.seen.mesh import INJECT
from manifests.objects import Json, inner
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
from manifests.server.network import by_gateway, in_mesh
from manifests.server.plan import ServerPlan
from manifests.server.spec import SecretKey, ServerType, Transport

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
_OF_SHIM: dict[str, Json] = {
    "requests": {"cpu": "10m", "memory": "16Mi", "ephemeral-storage": "16Mi"},
    "limits": {"cpu": "100m", "memory": "32Mi", "ephemeral-storage": "16Mi"},
}
_CLOSED: dict[str, Json] = {
    "allowPrivilegeEscalation": False,
    "privileged": False,
    "readOnlyRootFilesystem": True,
    "runAsNonRoot": True,
    "capabilities": {"drop": ["ALL"]},
    "seccompProfile": {"type": "RuntimeDefault"},
}
_POD_CLOSED: dict[str, Json] = {
    "runAsNonRoot": True,
    "runAsUser": USER,
    "runAsGroup": USER,
    "fsGroup": USER,
    "seccompProfile": {"type": "RuntimeDefault"},
}
_CONFINING = ("seccompProfile", "appArmorProfile")
_HOST_USERS_SINCE = (1, 36)
"""User namespaces are generally available from this version of Kubernetes on."""


def pod_template(plan: ServerPlan) -> dict[str, Json]:
    """The template of the Deployment."""
    annotations: dict[str, Json] = {**plan.template.annotations, CONFIG_ANNOTATION: digest_of(plan.config)}
    if plan.secrets:
        annotations[SECRETS_ANNOTATION] = plan.secrets
    marked: dict[str, Json] = {**plan.template.labels, **labels(plan.name, plan.owner.kind)}
    if in_mesh(plan):
        marked[INJECT] = "true" if by_gateway(plan) else "false"
        marked["istio.io/dataplane-mode"] = "none"
    return {"metadata": {"labels": marked, "annotations": annotations}, "spec": _pod(plan)}


def digest_of(text: str) -> str:
    """The first half of the digest of *text*, which is enough to tell two texts apart that we made."""
    return hashlib.sha256(text.encode()).hexdigest()[:32]


def _pod(plan: ServerPlan) -> dict[str, Json]:
    stdio, remote = plan.spec.transport is Transport.STDIO, plan.spec.type is ServerType.REMOTE
    more = {name: one for name, one in plan.template.pod.items() if name != "securityContext"}
    asked = plan.template.pod.get("securityContext")
    made: dict[str, Json] = {
        "terminationGracePeriodSeconds": ENDING_SECONDS,
        **more,
        "serviceAccountName": plan.spec.service_account or plan.name,
        "automountServiceAccountToken": bool(plan.egress.api_server),
        "enableServiceLinks": False,
        "hostNetwork": False,
        "hostPID": False,
        "hostIPC": False,
        "shareProcessNamespace": False,
        "securityContext": {**_POD_CLOSED, **(asked if isinstance(asked, Mapping) else {})},
        "containers": [_relay(plan)] if remote else [_server(plan)],
        "volumes": list(_volumes(plan)),
    }
    if not remote:
        made["initContainers"] = [*([_shim(plan)] if stdio else []), _beside(_relay(plan))]
    if plan.kubernetes >= _HOST_USERS_SINCE:
        made["hostUsers"] = False
    for name, value in (
        ("nodeSelector", plan.spec.node_selector),
        ("tolerations", plan.spec.tolerations),
        ("affinity", plan.spec.affinity),
    ):
        if value:
            made[name] = value
    return made


def _volumes(plan: ServerPlan) -> Iterator[Json]:
    yield {"name": "arcops-config", "configMap": {"name": plan.name}}
    if plan.spec.transport is Transport.STDIO:
        yield {"name": "arcops-shim", "emptyDir": {"sizeLimit": "16Mi"}}
        yield {"name": "arcops-run", "emptyDir": {"sizeLimit": "1Mi", "medium": "Memory"}}
    for number, scratch in enumerate(plan.scratch):
        yield {"name": f"arcops-scratch-{number}", "emptyDir": {"sizeLimit": scratch.size}}
    for number, secret in enumerate(_files(plan)):
        items: Json = [{"key": secret.key, "path": "content"}]
        yield {"name": f"arcops-secret-{number}", "secret": {"secretName": secret.name, "items": items, "defaultMode": 0o440}}
    for volume in plan.spec.volumes:
        empty = volume.get("emptyDir")
        if isinstance(empty, Mapping) and "sizeLimit" not in empty:
            yield {**volume, "emptyDir": {**empty, "sizeLimit": "64Mi"}}
        else:
            yield volume


def _files(plan: ServerPlan) -> tuple[SecretKey, ...]:
    return tuple(one for one in plan.spec.secrets if one.path)


def _server(plan: ServerPlan) -> Json:
    spec, asked = plan.spec, plan.template.container
    security: dict[str, Json] = {**_CLOSED}
    if plan.app_armor:
        named: Json = {"type": "Localhost", "localhostProfile": plan.app_armor}
        security["appArmorProfile"] = {"type": "RuntimeDefault"} if plan.app_armor == "RuntimeDefault" else named
    of_pod = plan.template.pod.get("securityContext")
    for name in _CONFINING:  # of the container, ours would win over what the template says of the pod
        if (value := inner(of_pod, name)) is not None:
            security[name] = value
    tighter = asked.get("securityContext")
    for name, value in tighter.items() if isinstance(tighter, Mapping) else ():
        if name != "capabilities":  # all are dropped anyway
            security[name] = value
    made: dict[str, Json] = {
        **asked,
        "name": MCP_CONTAINER,
        "image": spec.image,
        "securityContext": security,
        "resources": _resources(plan),
        "lifecycle": {"preStop": {"sleep": {"seconds": DRAIN_SECONDS}}},
    }
    mounts: list[Json] = []
    if spec.transport is Transport.STDIO:
        made["command"] = [f"{SHIM_FOLDER}/shim", "--socket", SOCKET, "--", *plan.command]
        mounts.append({"name": "arcops-shim", "mountPath": SHIM_FOLDER, "readOnly": True})
        mounts.append({"name": "arcops-run", "mountPath": SOCKET_FOLDER})
    mounts += [{"name": f"arcops-scratch-{number}", "mountPath": one.path} for number, one in enumerate(plan.scratch)]
    mounts += [
        {"name": f"arcops-secret-{number}", "mountPath": one.path, "subPath": "content", "readOnly": True}
        for number, one in enumerate(_files(plan))
    ]
    mounts += plan.mounts
    if mounts:
        made["volumeMounts"] = mounts
    if spec.args:
        made["args"] = list(spec.args)
    if variables := [*spec.env, *_secret_variables(plan)]:
        made["env"] = variables
    return made


def _resources(plan: ServerPlan) -> Json:
    """As asked for; without limits a pod could starve its node, so what is not said is ours."""
    asked: Mapping[str, Json] = plan.spec.resources
    templated = plan.template.container.get("resources")
    if isinstance(templated, Mapping):
        asked = templated
    made: dict[str, Json] = {}
    for side in ("requests", "limits"):
        given = inner(asked, side)
        default = _DEFAULT[side]
        found = dict(given) if isinstance(given, Mapping) else {}
        for name, value in default.items() if isinstance(default, Mapping) else ():
            # A default beside what is asked for could contradict it: a request above its limit is refused.
            if name not in found and inner(asked, "requests", name) is None and inner(asked, "limits", name) is None:
                found[name] = value
        made[side] = found
    return made


def _secret_variables(plan: ServerPlan) -> Iterator[Json]:
    for one in plan.spec.secrets:
        if one.path:
            if one.variable:
                yield {"name": one.variable, "value": one.path}
        else:
            yield {"name": one.variable or one.key, "valueFrom": {"secretKeyRef": {"name": one.name, "key": one.key}}}


def _beside(relay: dict[str, Json]) -> Json:
    """The *relay* as an init container that stays: it starts before the server and ends after it."""
    return {**relay, "restartPolicy": "Always"}


def _relay(plan: ServerPlan) -> dict[str, Json]:
    mounts: list[Json] = [{"name": "arcops-config", "mountPath": CONFIG_FOLDER, "readOnly": True}]
    if plan.spec.transport is Transport.STDIO:
        mounts.append({"name": "arcops-run", "mountPath": SOCKET_FOLDER})
    return {
        "name": RELAY_CONTAINER,
        "image": plan.relay_image,
        "args": ["--config", CONFIG_FOLDER],
        "ports": [
            {"name": "mcp", "containerPort": RELAY_PORT, "protocol": "TCP"},
            {"name": "health", "containerPort": HEALTH_PORT, "protocol": "TCP"},
        ],
        "securityContext": dict(_CLOSED),
        "resources": _OF_RELAY,
        "volumeMounts": [*mounts, *plan.relay_mounts],
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
        "resources": _OF_SHIM,
        "volumeMounts": [{"name": "arcops-shim", "mountPath": SHIM_FOLDER}],
    }
