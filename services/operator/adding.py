"""What others added to an object of ours beyond what is wanted: what may stay, and a patch that takes the rest away.

Defaults of the API server stay, and what a podTemplateSpec could have said, too: who may change a Deployment may close it more,
place it, or restart it. Anything else could open the pods, or what holds them: a container, a volume, a capability, a port
range, a selector that a policy did not have. A server-side apply leaves such fields alone, because they are another manager's.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from manifests.objects import Json
from manifests.server.names import MCP_CONTAINER
from services.operator.covering import by_key
from services.operator.template import CONTAINER, POD, POD_SECURITY, SECURITY, Check, refused_keys

Path = tuple[str, ...]
May = Callable[[Path, Json], bool]
"""May what is at a path stay, though it is not wanted?"""

_PLACES = ("nodeSelector", "tolerations", "affinity", "topologySpreadConstraints", "imagePullSecrets")
_OF_IMAGES = ("imagePullPolicy", "terminationMessagePath", "terminationMessagePolicy")
_OF_PROBES = (
    "successThreshold", "failureThreshold", "initialDelaySeconds", "timeoutSeconds", "periodSeconds", "scheme", "path",
    "service", "terminationGracePeriodSeconds",
)  # fmt: skip
_OF_SOURCES = ("defaultMode", "apiVersion", "divisor", "pullPolicy")
_OF_SERVICES = (
    "clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy", "internalTrafficPolicy", "trafficDistribution",
    "sessionAffinityConfig",
)  # fmt: skip
_UNCHECKED = ("PodDisruptionBudget", "HorizontalPodAutoscaler")
"""Kinds of which no field opens anything."""


def added(live: Mapping[str, Json], wanted: Mapping[str, Json], prefixes: Sequence[str]) -> tuple[str, ...]:
    """The fields of *live* that are not in *wanted*, and may not stay. *prefixes* are those that the site allows."""
    found: list[Path] = []
    _without(live, wanted, _rule(wanted, prefixes), (), found)
    return tuple(".".join(one) for one in found)


def removal(live: Mapping[str, Json], wanted: Mapping[str, Json], prefixes: Sequence[str]) -> dict[str, Json]:
    """A JSON merge patch (RFC 7396) that takes `added` away from *live*; empty if there is nothing."""
    return _patch(live, _without(live, wanted, _rule(wanted, prefixes), (), []))


def _without(live: Json, wanted: Json, may: May, path: Path, found: list[Path]) -> Json:
    """*live* without what may not stay, each place of which is put into *found*."""
    if live == wanted:
        return live
    if isinstance(live, Mapping) and isinstance(wanted, Mapping):
        return dict(_members(live, wanted, may, path, found))
    if isinstance(live, str) or isinstance(wanted, str) or not isinstance(live, Sequence) or not isinstance(wanted, Sequence):
        return live
    field = path[-1]
    asked = by_key(wanted, field)
    if not asked:
        if len(live) != len(wanted):
            return live  # it is replaced whole
        return [
            _without(one, other, may, (*path, str(number)), found)
            for number, (one, other) in enumerate(zip(live, wanted, strict=True))
        ]
    return list(_items(live, asked, may, path, found))


def _members(
    live: Mapping[str, Json], wanted: Mapping[str, Json], may: May, path: Path, found: list[Path]
) -> Iterator[tuple[str, Json]]:
    for name, one in live.items():
        here = (*path, name)
        if wanted.get(name) is not None:
            yield name, _without(one, wanted[name], may, here, found)
        elif one is None or may(here, one):
            yield name, one
        else:
            found.append(here)


def _items(live: Sequence[Json], asked: Mapping[str, Json], may: May, path: Path, found: list[Path]) -> Iterator[Json]:
    for number, one in enumerate(live):
        key = next(iter(by_key([one], path[-1])), "")
        here = (*path, key or str(number))
        if key in asked:
            yield _without(one, asked[key], may, here, found)
        elif may(here, one):
            yield one
        else:
            found.append(here)


def _patch(live: Mapping[str, Json], left: Json) -> dict[str, Json]:
    made: dict[str, Json] = {}
    for name, one in live.items():
        other = left.get(name) if isinstance(left, Mapping) else None
        if isinstance(one, Mapping) and isinstance(other, Mapping):
            if deeper := _patch(one, other):
                made[name] = deeper
        elif one != other:
            made[name] = other
    return made


def _rule(wanted: Mapping[str, Json], prefixes: Sequence[str]) -> May:
    kind = wanted.get("kind")
    of_kind = {"Deployment": _of_deployment(prefixes), "Service": _of_service, "ServiceAccount": _of_account}
    rule = of_kind.get(str(kind), _of_others)

    def may(path: Path, value: Json) -> bool:
        return path[0] in ("metadata", "status", "apiVersion", "kind") or kind in _UNCHECKED or rule(path, value)

    return may


def _of_others(path: Path, value: Json) -> bool:
    return path == ("immutable",)


def _of_account(path: Path, value: Json) -> bool:
    return path[0] in ("secrets", "imagePullSecrets")


def _of_service(path: Path, value: Json) -> bool:
    if len(path) == 2:
        return path[1] in _OF_SERVICES or (path[1] == "sessionAffinity" and value == "None")
    return path[1] in _OF_SERVICES or path[-1] == "appProtocol"


def _of_deployment(prefixes: Sequence[str]) -> May:
    def may(path: Path, value: Json) -> bool:
        match path:
            case ("spec", "template", "spec", "serviceAccount"):
                return True  # its name of before: serviceAccountName, which is ours, counts
            case ("spec", "template", "spec", *more):
                return _of_pod(tuple(more), value)
            case ("spec", "template", *more):
                return _of_metadata(tuple(more), value, prefixes)
            case _:
                return path[:2] != ("spec", "selector")

    return may


def _of_metadata(path: Path, value: Json, prefixes: Sequence[str]) -> bool:
    """Of the template's ``metadata``: as in a podTemplateSpec."""
    if path[1:2] not in (("labels",), ("annotations",)):
        return path == ("metadata", "creationTimestamp") or path == ("metadata", "name")
    keys = [path[2]] if len(path) > 2 else list(value) if isinstance(value, Mapping) else []
    return not list(refused_keys(keys, path[1], prefixes))


def _of_pod(path: Path, value: Json) -> bool:
    match path:
        case (field,):
            return field != "containers" and _passes(POD, field, value)
        case (field, *_) if field in _PLACES:
            return True
        case ("securityContext", field):
            return _passes(POD_SECURITY, field, value)
        case ("volumes", _, *_, field) if len(path) > 2:
            return field in _OF_SOURCES
        case ("containers" | "initContainers", name, field, *more):
            return _of_container((field, *more), value, own=path[0] == "containers" and name == MCP_CONTAINER)
        case _:
            return False


def _of_container(path: Path, value: Json, *, own: bool) -> bool:
    match path:
        case (field,):
            return field in _OF_IMAGES or (own and _passes(CONTAINER, field, value))
        case ("resources", side, *_):
            return side in ("limits", "requests")
        case ("securityContext", field):
            return own and _passes(SECURITY, field, value)
        case ("livenessProbe" | "readinessProbe" | "startupProbe", *_, field):
            return field in _OF_PROBES
        case ("env", _, *_, field) if len(path) > 2:
            return field in _OF_SOURCES
        case ("ports", _, "protocol"):
            return True
        case ("volumeMounts", _, "mountPropagation"):
            return value == "None"
        case _:
            return False


def _passes(known: Mapping[str, Check], field: str, value: Json) -> bool:
    check = known.get(field)
    return check is not None and not check(value)
