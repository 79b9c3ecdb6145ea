"""May this resource be taken? What the API server's own rules cannot say: verdicts on images, unsafe pods, policies. Pure.

Whatever is asked, a resource can be deleted, and what does not change what runs can be changed, so that no expired artifact
locks anyone out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from manifests.objects import Json, inner
from manifests.server.spec import Policies, ServerType
from services.operator.linting import linted
from services.operator.resource import Problems, ServerResource, parse
from services.operator.sidecar import CedarPolicies
from services.operator.template import tighten
from services.operator.verdicts import Verdicts

DELETE, UPDATE = "DELETE", "UPDATE"
_MOST_TOLD = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """``refused`` says why not, each in a sentence; without any the resource is taken. ``told`` are warnings for its author."""

    refused: tuple[str, ...] = ()
    told: tuple[str, ...] = ()


def admission(
    operation: str,
    value: Mapping[str, Json] | None,
    before: Mapping[str, Json] | None,
    verdicts: Callable[[], Verdicts],
    now: datetime,
    *,
    prefixes: Sequence[str] = (),
) -> Admission:
    """The decision on *value*, which was *before*. *verdicts* are asked for only if an image is decided about. *prefixes* are
    those of labels and annotations that a template may set.
    """
    if operation == DELETE:
        return Admission()
    if value is None:
        return Admission(refused=("there is no object, so there is nothing to decide about",))
    if operation == UPDATE and (_leaves(value) or (before is not None and value.get("spec") == before.get("spec"))):
        return Admission()
    resource = parse(value)
    if isinstance(resource, Problems):
        return Admission(refused=tuple(str(one) for one in resource.problems[:_MOST_TOLD]))
    if resource.spec.type is ServerType.REMOTE:
        return _of_policies(resource)
    unsafe = tuple(tighten(resource.spec, tuple(prefixes))[1][:_MOST_TOLD])
    known = verdicts()
    running = _images(before) if operation == UPDATE and before is not None else frozenset()
    said = [(one, why) for one in resource.spec.images if (why := known.refusal(one, now))]
    images = tuple(why for one, why in said if one not in running)
    told = tuple(f"{why}; it runs already, and the operator decides about that" for one, why in said if one in running)
    policies = _of_policies(resource)
    refused = (*images, *unsafe, *policies.refused)
    return Admission(refused=refused, told=(*told, *policies.told))


def _of_policies(resource: ServerResource) -> Admission:
    authz = resource.spec.authz
    if authz is None:
        return Admission()
    if not isinstance(authz, Policies):
        return Admission(told=(f"the policies in the ConfigMap {authz.name} are read, and judged, by the operator",))
    policies = CedarPolicies(policies=authz.policies, entities=authz.entities, actions=authz.actions)
    found = linted(policies, resource.identity.name)
    return Admission(refused=found.refused[:_MOST_TOLD], told=found.told[:_MOST_TOLD])


def _leaves(value: Mapping[str, Json]) -> bool:
    metadata = value.get("metadata")
    return isinstance(metadata, Mapping) and bool(metadata.get("deletionTimestamp"))


def _images(value: Mapping[str, Json]) -> frozenset[str]:
    volumes = inner(value, "spec", "volumes")
    mounted = (inner(one, "image", "reference") for one in volumes) if isinstance(volumes, Sequence) else ()
    return frozenset(str(one) for one in (inner(value, "spec", "image"), *mounted) if one)
