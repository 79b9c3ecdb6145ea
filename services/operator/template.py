"""What a podTemplateSpec may say: it may close the pods more, and place them. Each setting that would open them is refused.

Only settings that are named here pass; one that is not known here is refused, too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache

from manifests.crds.pods import affinity, probe, pull_secrets, resources, spread, tolerations, words
from manifests.crds.shapes import NAME, Shape, mapped, text
from manifests.objects import Json, inner, thawed
from manifests.server.names import MCP_CONTAINER
from manifests.server.plan import Tightened
from manifests.server.spec import ServerSpec, Transport
from tasks.kubernetes.manifests.schemas import Schema, as_written

Check = Callable[[Json], str]
"""Why a value is refused; empty if it may be."""

_MOST_RULES = 1000
_PREFIXES = ("app.kubernetes.io/", "prometheus.io/", "cluster-autoscaler.kubernetes.io/", "kubectl.kubernetes.io/")


def tighten(spec: ServerSpec, prefixes: Sequence[str]) -> tuple[Tightened, tuple[str, ...]]:
    """What the podTemplateSpec of *spec* adds, and every reason to refuse it. *prefixes* are those that the site allows."""
    template = _record(_given(spec.pod_template))
    refused = [f"podTemplateSpec.{name} is not known here" for name in template if name not in ("metadata", "spec")]
    metadata, pod = _record(template.get("metadata")), _record(template.get("spec"))
    refused += [f"podTemplateSpec.{name} is no object" for name in ("metadata", "spec") if not _is_record(template.get(name))]
    refused += [f"podTemplateSpec.metadata.{one} is not known here" for one in metadata if one not in ("labels", "annotations")]
    found: dict[str, dict[str, str]] = {}
    for name in ("labels", "annotations"):
        given = _record(metadata.get(name))
        if not _is_record(metadata.get(name)) or not all(isinstance(one, str) for one in given.values()):
            refused.append(f"podTemplateSpec.metadata.{name} is no object of texts")
        values = {key: str(one) for key, one in given.items()}
        refused += refused_keys(values, name, prefixes)
        found[name] = values
    refused += _refused(pod, POD, "podTemplateSpec.spec")
    for name, own in (("nodeSelector", spec.node_selector), ("tolerations", spec.tolerations), ("affinity", spec.affinity)):
        if name in pod and own:
            refused.append(f"podTemplateSpec.spec.{name} is given as spec.{name}, too; give it once")
    container, more = _container(pod.get("containers"), spec)
    refused += more
    plain = {name: one for name, one in pod.items() if name != "containers"}
    made = Tightened(labels=found["labels"], annotations=found["annotations"], pod=plain, container=container)
    return made, tuple(refused)


def _given(value: Json) -> Json:
    """*value* without what is null, which an API server takes for not given: it would leave our own setting out."""
    if isinstance(value, Mapping):
        return {name: _given(one) for name, one in value.items() if one is not None}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return tuple(_given(one) for one in value)
    return value


def _record(value: Json) -> Mapping[str, Json]:
    return value if isinstance(value, Mapping) else {}


def _is_record(value: Json) -> bool:
    return value is None or isinstance(value, Mapping)


def refused_keys(keys: Iterable[str], what: str, prefixes: Sequence[str]) -> Iterator[str]:
    """Why each of these *keys* of the pods' labels or annotations (*what*) is refused; *prefixes* are those of the site."""
    for key in keys:
        if key == "app.kubernetes.io/name" or key == "app.kubernetes.io/managed-by" or key.startswith("arcops.dev/"):
            yield f"podTemplateSpec.metadata.{what}[{key}] is ours: by it, policies and Services find the pods"
        elif "/" in key and not key.startswith((*_PREFIXES, *prefixes)):
            yield (
                f"podTemplateSpec.metadata.{what}[{key}] may change what the pod is or may do; the operator's settings can "
                "allow its prefix (allowedPrefixes)"
            )


def _refused(values: Mapping[str, Json], known: Mapping[str, Check], at: str) -> Iterator[str]:
    for name, value in values.items():
        check = known.get(name)
        why = check(value) if check is not None else "it is not among the settings that may be changed"
        if why:
            yield f"{at}.{name} is refused: {why}"


def _container(value: Json, spec: ServerSpec) -> tuple[Mapping[str, Json], list[str]]:
    """The container of the server, and the reasons to refuse it or others."""
    refused: list[str] = []
    own: Mapping[str, Json] = {}
    given = value if isinstance(value, Sequence) and not isinstance(value, str) else ()
    if value is not None and given is not value:
        refused.append("podTemplateSpec.spec.containers is no list")
    names = [inner(one, "name") for one in given]
    if names.count(MCP_CONTAINER) > 1:
        refused.append(f"podTemplateSpec.spec.containers has {MCP_CONTAINER} twice; give it once")
    for container, name in zip(map(_record, given), names, strict=True):
        if name != MCP_CONTAINER:
            refused.append(
                f"podTemplateSpec.spec.containers[{name}] is refused: no other container runs beside the server; make it a "
                f"resource of its own (the server's is named {MCP_CONTAINER})"
            )
            continue
        own = {key: each for key, each in container.items() if key not in ("name", "image")}
        if container.get("image", spec.image) != spec.image:
            refused.append("podTemplateSpec.spec.containers[mcp].image is refused: it is not the image that was judged")
        refused += _refused(own, CONTAINER, "podTemplateSpec.spec.containers[mcp]")
        if "resources" in own and spec.resources:
            refused.append("podTemplateSpec.spec.containers[mcp].resources is given as spec.resources, too; give it once")
        if "command" in own and spec.transport is not Transport.STDIO and not own["command"]:
            refused.append("podTemplateSpec.spec.containers[mcp].command is empty")
    return own, refused


def _shaped(shape: Shape) -> Check:
    """Whatever has this *shape*: it says no more than the place of a pod and how it runs."""

    @cache
    def schema() -> Schema:
        return Schema(thawed({"type": "object", "properties": {"value": shape}}))

    def check(value: Json) -> str:
        found = schema().problems({"value": thawed(value)}, [_MOST_RULES])
        return next((f"{as_written(path[1:])}: {said}".removeprefix(": ") for path, said, _ in found), "")

    return check


def _free(value: Json) -> str:
    return ""


def _common(value: Json) -> str:
    return _NAMED(value) or ("it is for parts of the cluster itself" if str(value).startswith("system-") else "")


def _only(*allowed: Json) -> Check:
    words = ", ".join("true" if one is True else "false" if one is False else str(one) for one in allowed)
    return lambda value: "" if any(value is one or (value == one and not isinstance(one, bool)) for one in allowed) else (
        f"it may only be {words}"
    )  # fmt: skip


def _instead(field: str) -> Check:
    return lambda value: f"give it as {field}"


def _never(why: str) -> Check:
    return lambda value: why


def _positive(value: Json) -> str:
    return (
        "" if isinstance(value, int) and not isinstance(value, bool) and value > 0 else "it must be a number above 0 (not root)"
    )


def _positives(value: Json) -> str:
    found = value if isinstance(value, Sequence) and not isinstance(value, str) else [0]
    return next((why for one in found if (why := _positive(one))), "")


def _seconds(value: Json) -> str:
    return "" if isinstance(value, int) and not isinstance(value, bool) and 15 <= value <= 3600 else "it must be 15 to 3600"


def _confined(value: Json) -> str:
    """A profile of seccomp or AppArmor."""
    found = _record(value)
    if found.get("type") == "RuntimeDefault" and len(found) == 1:
        return ""
    if found.get("type") == "Localhost" and isinstance(found.get("localhostProfile"), str) and len(found) == 2:
        return ""
    return "it must be RuntimeDefault, or Localhost with a localhostProfile"


def _dropped(value: Json) -> str:
    found = _record(value)
    if found.get("add"):
        return "no capability is added"
    return "" if set(found) <= {"drop", "add"} else "only drop is known"


def _inside(known: Mapping[str, Check], at: str) -> Check:
    return lambda value: "; ".join(_refused(_record(value), known, at)) if isinstance(value, Mapping) else "it is no object"


def _probe(value: Json) -> str:
    if any(inner(value, handler, "host") is not None for handler in ("httpGet", "tcpSocket")):
        return "a probe asks no other host"
    return _PROBE(value)


_NAMED = _shaped(text(253, least=1, pattern=NAME))
_PROBE = _shaped(probe())


_NODE = "it would open the pod to its node"
POD_SECURITY: dict[str, Check] = {
    "runAsNonRoot": _only(True),
    "runAsUser": _positive,
    "runAsGroup": _positive,
    "fsGroup": _positive,
    "fsGroupChangePolicy": _only("OnRootMismatch", "Always"),
    "supplementalGroups": _positives,
    "supplementalGroupsPolicy": _only("Strict", "Merge"),
    "seccompProfile": _confined,
    "appArmorProfile": _confined,
}
SECURITY: dict[str, Check] = {
    "allowPrivilegeEscalation": _only(False),
    "privileged": _only(False),
    "readOnlyRootFilesystem": _only(True),
    "runAsNonRoot": _only(True),
    "runAsUser": _positive,
    "runAsGroup": _positive,
    "capabilities": _dropped,
    "seccompProfile": _confined,
    "appArmorProfile": _confined,
    "procMount": _only("Default"),
}
CONTAINER: dict[str, Check] = {
    "command": _shaped(words()),
    "workingDir": _shaped(text(4096, least=1)),
    "resources": _shaped(resources()),
    "imagePullPolicy": _only("Always", "IfNotPresent", "Never"),
    "terminationMessagePolicy": _only("File", "FallbackToLogsOnError"),
    "livenessProbe": _probe,
    "readinessProbe": _probe,
    "startupProbe": _probe,
    "securityContext": _inside(SECURITY, "securityContext"),
    "args": _instead("spec.args"),
    "env": _instead("spec.env"),
    "envFrom": _instead("spec.env, a variable each"),
    "volumeMounts": _instead("spec.volumeMounts"),
    "ports": _never("callers reach the relay, and the server's own port is spec.targetPort"),
    "lifecycle": _never("the pod ends in its own order, so that no call is dropped"),
    "volumeDevices": _never(_NODE),
}
POD: dict[str, Check] = {
    "containers": _free,
    "securityContext": _inside(POD_SECURITY, "securityContext"),
    "nodeSelector": _shaped(mapped(text(63), 50)),
    "tolerations": _shaped(tolerations()),
    "affinity": _shaped(affinity()),
    "topologySpreadConstraints": _shaped(spread()),
    "priorityClassName": _common,
    "preemptionPolicy": _only("Never", "PreemptLowerPriority"),
    "schedulerName": _NAMED,
    "runtimeClassName": _NAMED,
    "imagePullSecrets": _shaped(pull_secrets()),
    "terminationGracePeriodSeconds": _seconds,
    "automountServiceAccountToken": _only(False),
    "enableServiceLinks": _only(False),
    "hostNetwork": _only(False),
    "hostPID": _only(False),
    "hostIPC": _only(False),
    "hostUsers": _only(False),
    "shareProcessNamespace": _only(False),
    "restartPolicy": _only("Always"),
    "dnsPolicy": _only("ClusterFirst"),
    "serviceAccountName": _instead("spec.serviceAccount"),
    "serviceAccount": _instead("spec.serviceAccount"),
    "volumes": _instead("spec.volumes"),
    "initContainers": _never("no other image runs beside the server"),
    "ephemeralContainers": _never("no other image runs beside the server"),
    "nodeName": _never("it would go round the scheduler"),
    "hostAliases": _never("it would give host names of the profile other addresses"),
    "dnsConfig": _never("it would give host names of the profile other addresses"),
    "hostPort": _never(_NODE),
}
