"""Shapes of what Kubernetes itself defines and a server's resource takes over (core/v1): variables, volumes, scheduling."""

from __future__ import annotations

from manifests.crds.shapes import KEY, NAME, Shape, flag, listed, mapped, one_of, quantity, record, rule, text, whole

_LABEL = text(317)
_VALUE = text(63)
_VARIABLE = r"^[-._a-zA-Z][-._a-zA-Z0-9]*$"
_PATH = text(1024, least=1)


def _keyed(about: str) -> Shape:
    return record({"name": text(253, least=1, pattern=NAME), "key": text(253, least=1, pattern=KEY), "optional": flag()},
                  needs=("name", "key"), about=about)  # fmt: skip


def variables() -> Shape:
    """EnvVar."""
    source = record(
        {
            "secretKeyRef": _keyed("A key of a Secret of the same namespace."),
            "configMapKeyRef": _keyed("A key of a ConfigMap of the same namespace."),
            "fieldRef": record({"apiVersion": text(63), "fieldPath": text(253, least=1)}, needs=("fieldPath",)),
            "resourceFieldRef": record(
                {"containerName": text(63), "resource": text(63, least=1), "divisor": quantity()}, needs=("resource",)
            ),
        },
        rules=(
            rule(
                "[has(self.secretKeyRef), has(self.configMapKeyRef), has(self.fieldRef), has(self.resourceFieldRef)]"
                ".filter(x, x).size() == 1",
                "valueFrom has exactly one source",
            ),
        ),
    )
    one = record(
        {"name": text(253, least=1, pattern=_VARIABLE), "value": text(32768), "valueFrom": source},
        needs=("name",),
        rules=(rule("!(has(self.value) && has(self.valueFrom))", "a variable has a value or valueFrom, not both"),),
    )
    return listed(one, 100, keys=("name",))


def resources() -> Shape:
    """ResourceRequirements, without claims of devices."""
    return record({"requests": mapped(quantity(), 20), "limits": mapped(quantity(), 20)})


def tolerations() -> Shape:
    """Toleration."""
    one = record(
        {
            "key": _LABEL,
            "operator": one_of("Exists", "Equal"),
            "value": _VALUE,
            "effect": one_of("NoSchedule", "PreferNoSchedule", "NoExecute"),
            "tolerationSeconds": whole(0, 2**53, wide=True),
        }
    )
    return listed(one, 50)


def _expressions(operators: tuple[str, ...]) -> Shape:
    one = record(
        {"key": text(317, least=1), "operator": one_of(*operators), "values": listed(text(63), 50)}, needs=("key", "operator")
    )
    return listed(one, 20)


def _selector() -> Shape:
    return record(
        {"matchLabels": mapped(_VALUE, 20), "matchExpressions": _expressions(("In", "NotIn", "Exists", "DoesNotExist"))}
    )


def affinity() -> Shape:
    """Affinity."""
    of_nodes = _expressions(("In", "NotIn", "Exists", "DoesNotExist", "Gt", "Lt"))
    term = record({"matchExpressions": of_nodes, "matchFields": of_nodes})
    weight = whole(1, 100)
    nodes = record(
        {
            "requiredDuringSchedulingIgnoredDuringExecution": record(
                {"nodeSelectorTerms": listed(term, 10, least=1)}, needs=("nodeSelectorTerms",)
            ),
            "preferredDuringSchedulingIgnoredDuringExecution": listed(
                record({"weight": weight, "preference": term}, needs=("weight", "preference")), 10
            ),
        }
    )
    beside = record(
        {
            "labelSelector": _selector(),
            "namespaceSelector": _selector(),
            "namespaces": listed(text(63), 20),
            "topologyKey": text(317, least=1),
            "matchLabelKeys": listed(text(317), 10),
            "mismatchLabelKeys": listed(text(317), 10),
        },
        needs=("topologyKey",),
    )
    pods = record(
        {
            "requiredDuringSchedulingIgnoredDuringExecution": listed(beside, 10),
            "preferredDuringSchedulingIgnoredDuringExecution": listed(
                record({"weight": weight, "podAffinityTerm": beside}, needs=("weight", "podAffinityTerm")), 10
            ),
        }
    )
    return record({"nodeAffinity": nodes, "podAffinity": pods, "podAntiAffinity": pods})


def mounts() -> Shape:
    """VolumeMount."""
    one = record(
        {
            "name": text(63, least=1),
            "mountPath": _PATH,
            "subPath": text(1024),
            "subPathExpr": text(1024),
            "readOnly": flag(),
            "recursiveReadOnly": one_of("Disabled", "IfPossible", "Enabled"),
            "mountPropagation": one_of("None", "HostToContainer", "Bidirectional"),
        },
        needs=("name", "mountPath"),
    )
    return listed(one, 50, keys=("mountPath",))


def volumes() -> Shape:
    """Volume, of the kinds that hold no more than the namespace's own."""
    items = listed(
        record({"key": text(253, least=1, pattern=KEY), "path": _PATH, "mode": whole(0, 0o777)}, needs=("key", "path")), 50
    )
    mode = whole(0, 0o777)
    config_map = {"name": text(253, least=1, pattern=NAME), "items": items, "optional": flag()}
    secret = {"name": text(253, least=1, pattern=NAME), "items": items, "optional": flag()}
    fields = listed(
        record(
            {
                "path": _PATH,
                "mode": mode,
                "fieldRef": record({"apiVersion": text(63), "fieldPath": text(253, least=1)}, needs=("fieldPath",)),
                "resourceFieldRef": record(
                    {"containerName": text(63), "resource": text(63, least=1), "divisor": quantity()}, needs=("resource",)
                ),
            },
            needs=("path",),
        ),
        20,
    )
    token = record(
        {"audience": text(253, least=1), "expirationSeconds": whole(600, 2**32, wide=True), "path": _PATH},
        needs=("audience", "path"),
    )
    sources = {
        "configMap": record({**config_map, "defaultMode": mode}, needs=("name",)),
        "secret": record(
            {"secretName": text(253, least=1, pattern=NAME), "items": items, "optional": flag(), "defaultMode": mode},
            needs=("secretName",),
        ),
        "emptyDir": record({"medium": one_of("", "Memory"), "sizeLimit": quantity()}),
        "persistentVolumeClaim": record(
            {"claimName": text(253, least=1, pattern=NAME), "readOnly": flag()}, needs=("claimName",)
        ),
        "downwardAPI": record({"items": fields, "defaultMode": mode}),
        "projected": record(
            {
                "sources": listed(
                    record(
                        {
                            "configMap": record(config_map, needs=("name",)),
                            "secret": record(secret, needs=("name",)),
                            "downwardAPI": record({"items": fields}),
                            "serviceAccountToken": token,
                        }
                    ),
                    20,
                ),
                "defaultMode": mode,
            }
        ),
        "image": record(
            {"reference": text(1024, least=1), "pullPolicy": one_of("Always", "IfNotPresent", "Never")}, needs=("reference",)
        ),
    }
    counted = ", ".join(f"has(self.{name})" for name in sources)
    one = record(
        {"name": text(63, least=1, pattern=NAME), **sources},
        needs=("name",),
        rules=(
            rule(
                f"[{counted}].filter(x, x).size() == 1",
                f"a volume has exactly one source, of these: {', '.join(sources)}",
            ),
        ),
    )
    return listed(one, 50, keys=("name",))


def probe() -> Shape:
    """Probe. It asks no other host."""
    port: Shape = {"anyOf": [{"type": "integer"}, {"type": "string"}], "x-kubernetes-int-or-string": True, "maxLength": 63}
    header = record({"name": text(253, least=1), "value": text(4096)}, needs=("name", "value"))
    handlers = {
        "httpGet": record(
            {"path": text(4096), "port": port, "scheme": one_of("HTTP", "HTTPS"), "httpHeaders": listed(header, 20)},
            needs=("port",),
        ),
        "tcpSocket": record({"port": port}, needs=("port",)),
        "exec": record({"command": words()}),
        "grpc": record({"port": whole(1, 65535), "service": text(253)}, needs=("port",)),
    }
    counted = ", ".join(f"has(self.{name})" for name in handlers)
    seconds = whole(0, 86_400)
    return record(
        {
            **handlers,
            "initialDelaySeconds": seconds,
            "timeoutSeconds": seconds,
            "periodSeconds": seconds,
            "successThreshold": seconds,
            "failureThreshold": seconds,
            "terminationGracePeriodSeconds": whole(1, 86_400, wide=True),
        },
        rules=(rule(f"[{counted}].filter(x, x).size() == 1", "a probe asks in exactly one way"),),
    )


def words() -> Shape:
    """A command."""
    return listed(text(32_768), 200)


def spread() -> Shape:
    """TopologySpreadConstraint."""
    one = record(
        {
            "maxSkew": whole(1, 1000),
            "topologyKey": text(317, least=1),
            "whenUnsatisfiable": one_of("DoNotSchedule", "ScheduleAnyway"),
            "labelSelector": _selector(),
            "minDomains": whole(1, 1000),
            "nodeAffinityPolicy": one_of("Honor", "Ignore"),
            "nodeTaintsPolicy": one_of("Honor", "Ignore"),
            "matchLabelKeys": listed(text(317), 10),
        },
        needs=("maxSkew", "topologyKey", "whenUnsatisfiable"),
    )
    return listed(one, 10)


def pull_secrets() -> Shape:
    """LocalObjectReference."""
    return listed(record({"name": text(253, least=1, pattern=NAME)}, needs=("name",)), 20)
