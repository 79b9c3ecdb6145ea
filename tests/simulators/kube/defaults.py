"""What a real API server puts into objects of built-in kinds: the defaults of the API reference, as far as they matter here."""

from __future__ import annotations

import base64
import re
from decimal import Decimal
from typing import Any

_SUFFIX = {"n": -9, "u": -6, "m": -3, "": 0, "k": 3, "M": 6, "G": 9, "T": 12, "P": 15, "E": 18}
_BINARY = {"Ki": 1, "Mi": 2, "Gi": 3, "Ti": 4, "Pi": 5, "Ei": 6}


def quantity(text: Any) -> Any:
    """A quantity in its canonical form (API reference, Quantity): ``1000m`` is ``1``, ``1024Mi`` is ``1Gi``."""
    match = re.fullmatch(r"(-?[0-9.]+)([numkMGTPE]|[KMGTPE]i|)", str(text))
    if match is None:
        return text
    number, suffix = Decimal(match[1]), match[2]
    if suffix in _BINARY:
        value = number * (Decimal(1024) ** _BINARY[suffix])
        if value == value.to_integral_value():
            for name, power in reversed(_BINARY.items()):
                whole = value / (Decimal(1024) ** power)
                if whole == whole.to_integral_value() and whole:
                    return f"{int(whole)}{name}"
            return str(int(value))
        return text
    value = number.scaleb(_SUFFIX[suffix])
    for name, power in sorted(_SUFFIX.items(), key=lambda one: -one[1]):
        whole = value.scaleb(-power)
        if whole == whole.to_integral_value() and (whole or not power):
            return f"{int(whole)}{name}"
    return text


def _amounts(found: Any) -> None:
    for part in ("limits", "requests"):
        for name, one in ((found or {}).get(part) or {}).items():
            found[part][name] = quantity(one)


def _pod(spec: dict[str, Any]) -> None:
    spec.setdefault("restartPolicy", "Always")
    spec.setdefault("terminationGracePeriodSeconds", 30)
    spec.setdefault("dnsPolicy", "ClusterFirst")
    spec.setdefault("schedulerName", "default-scheduler")
    spec.setdefault("securityContext", {})
    if "serviceAccountName" in spec:
        spec.setdefault("serviceAccount", spec["serviceAccountName"])
    for volume in spec.get("volumes") or ():
        for kind, mode in (("configMap", 420), ("secret", 420), ("projected", 420)):
            if isinstance(volume.get(kind), dict):
                volume[kind].setdefault("defaultMode", mode)
        if isinstance(volume.get("emptyDir"), dict) and "sizeLimit" in volume["emptyDir"]:
            volume["emptyDir"]["sizeLimit"] = quantity(volume["emptyDir"]["sizeLimit"])
    for one in (*(spec.get("initContainers") or ()), *(spec.get("containers") or ())):
        one.setdefault("imagePullPolicy", "IfNotPresent" if "@" in one.get("image", "") else "Always")
        one.setdefault("terminationMessagePath", "/dev/termination-log")
        one.setdefault("terminationMessagePolicy", "File")
        one.setdefault("resources", {})
        _amounts(one["resources"])
        for port in one.get("ports") or ():
            port.setdefault("protocol", "TCP")
        for variable in one.get("env") or ():
            source = variable.get("valueFrom") or {}
            if "fieldRef" in source:
                source["fieldRef"].setdefault("apiVersion", "v1")
        for probe in ("livenessProbe", "readinessProbe", "startupProbe"):
            if probe in one:
                for name, value in (
                    ("timeoutSeconds", 1),
                    ("periodSeconds", 10),
                    ("successThreshold", 1),
                    ("failureThreshold", 3),
                ):
                    one[probe].setdefault(name, value)
                if "httpGet" in one[probe]:
                    one[probe]["httpGet"].setdefault("path", "/")
                    one[probe]["httpGet"].setdefault("scheme", "HTTP")


_TYPED = frozenset(
    (
        "configmaps", "services", "serviceaccounts", "pods", "deployments.apps", "replicasets.apps",
        "networkpolicies.networking.k8s.io", "poddisruptionbudgets.policy", "horizontalpodautoscalers.autoscaling",
    )
)  # fmt: skip
_MAPS = frozenset(("labels", "annotations", "data", "binaryData", "matchLabels", "nodeSelector", "limits", "requests"))
_FALSE = frozenset(("hostNetwork", "hostPID", "hostIPC", "readOnly", "publishNotReadyAddresses", "stdin", "tty"))
_ZERO = frozenset(("initialDelaySeconds", "minReadySeconds"))
_KEPT = frozenset(("data", "labels", "annotations", "matchLabels"))


def leave_out(value: Any, field: str = "") -> None:
    """Leave out what Go's ``omitempty`` does: empty lists, texts and maps, and false and zero in fields that are no pointers.

    API conventions, "Optional vs. Required"; the fields are those of ``k8s.io/api/core/v1/types.go``.
    """
    for one in value if isinstance(value, list) else ():
        leave_out(one)
    for name, one in list(value.items()) if isinstance(value, dict) else ():
        leave_out(one, name)
        empty = one == [] or one is None or (one == {} and name in _MAPS) or (one == "" and field not in _KEPT)
        if empty or (one is False and name in _FALSE) or (one == 0 and one is not False and name in _ZERO):
            del value[name]


def put_in(name: str, obj: dict[str, Any], address: str) -> None:
    """Put defaults into *obj*, a copy, of the resource *name*; a service without an address gets *address*.

    What an API server does not write of the built-in kinds is left out.
    """
    _put_in(name, obj, address)
    if name in _TYPED:
        leave_out(obj)


def _put_in(name: str, obj: dict[str, Any], address: str) -> None:
    spec = obj.get("spec")
    if name == "secrets":
        for key, value in (obj.pop("stringData", None) or {}).items():
            obj.setdefault("data", {})[key] = base64.b64encode(value.encode()).decode()
        obj.setdefault("type", "Opaque")
    elif name == "namespaces":
        obj.setdefault("spec", {}).setdefault("finalizers", ["kubernetes"])
        obj.setdefault("status", {}).setdefault("phase", "Active")
        obj["metadata"].setdefault("labels", {}).setdefault("kubernetes.io/metadata.name", obj["metadata"]["name"])
    elif name == "services" and isinstance(spec, dict):
        spec.setdefault("type", "ClusterIP")
        spec.setdefault("sessionAffinity", "None")
        if spec["sessionAffinity"] == "ClientIP":
            spec.setdefault("sessionAffinityConfig", {}).setdefault("clientIP", {}).setdefault("timeoutSeconds", 10800)
        spec.setdefault("clusterIP", address)
        spec.setdefault("clusterIPs", [spec["clusterIP"]])
        spec.setdefault("ipFamilies", ["IPv4"])
        spec.setdefault("ipFamilyPolicy", "SingleStack")
        spec.setdefault("internalTrafficPolicy", "Cluster")
        for port in spec.get("ports") or ():
            port.setdefault("protocol", "TCP")
            port.setdefault("targetPort", port["port"])
        obj.setdefault("status", {"loadBalancer": {}})
    elif name in ("deployments.apps", "replicasets.apps") and isinstance(spec, dict):
        spec.setdefault("replicas", 1)
        template = spec.setdefault("template", {})
        template.setdefault("metadata", {})
        _pod(template.setdefault("spec", {}))
        if name == "deployments.apps":
            spec.setdefault("revisionHistoryLimit", 10)
            spec.setdefault("progressDeadlineSeconds", 600)
            strategy = spec.setdefault("strategy", {})
            if strategy.setdefault("type", "RollingUpdate") == "RollingUpdate":
                rolling = strategy.setdefault("rollingUpdate", {})
                rolling.setdefault("maxSurge", "25%")
                rolling.setdefault("maxUnavailable", "25%")
    elif name == "pods" and isinstance(spec, dict):
        _pod(spec)
        obj.setdefault("status", {"phase": "Pending"})
    elif name == "networkpolicies.networking.k8s.io" and isinstance(spec, dict):
        spec.setdefault("policyTypes", ["Ingress", *(["Egress"] if "egress" in spec else [])])
        for rule in (*(spec.get("ingress") or ()), *(spec.get("egress") or ())):
            for port in rule.get("ports") or ():
                port.setdefault("protocol", "TCP")
    elif name == "customresourcedefinitions.apiextensions.k8s.io" and isinstance(spec, dict):
        spec.setdefault("conversion", {}).setdefault("strategy", "None")
        names = spec["names"]
        names.setdefault("singular", names["kind"].lower())
        names.setdefault("listKind", f"{names['kind']}List")
    elif name == "poddisruptionbudgets.policy":
        obj.setdefault("status", {})
