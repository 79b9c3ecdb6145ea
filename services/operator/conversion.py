"""Conversion between the versions of a resource: one field has another name, and nothing is lost in either direction.

``apiextensions.k8s.io/v1``, ConversionReview: an API server asks with objects in one version and gets all of them in another.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from arcops.errors import Refused
from manifests.crds.definitions import BUNDLE_OF, GROUP
from manifests.objects import Json, Thawed, inner, thawed_mapping

_REVIEW = "apiextensions.k8s.io/v1"
_AT = ("spec", "oidcConfig", "inline")


def convert(value: Mapping[str, Json], version: str) -> dict[str, Thawed]:
    """*value* in *version* (``v1beta1`` or ``v1``). Raises `Refused` for another version or group."""
    group, _, now = str(value.get("apiVersion", "")).partition("/")
    if group != GROUP or now not in BUNDLE_OF or version not in BUNDLE_OF:
        raise Refused(f"{value.get('apiVersion')} cannot be converted to {version}; known: {', '.join(BUNDLE_OF)} of {GROUP}")
    made = thawed_mapping(value)
    made["apiVersion"] = f"{GROUP}/{version}"
    if not isinstance(inner(value, *_AT), Mapping):
        return made
    block: Thawed = made
    for name in _AT:
        block = block.get(name) if isinstance(block, dict) else None
    if isinstance(block, dict) and BUNDLE_OF[now] in block and now != version:
        block[BUNDLE_OF[version]] = block.pop(BUNDLE_OF[now])
    return made


def converted(review: Mapping[str, Json]) -> dict[str, Thawed]:
    """The ConversionReview that answers *review*. What cannot be converted is a failure of the whole, with its reason."""
    uid, version = inner(review, "request", "uid"), inner(review, "request", "desiredAPIVersion")
    objects = inner(review, "request", "objects")
    answer: dict[str, Thawed] = {"uid": str(uid)}
    try:
        if not isinstance(objects, Sequence) or isinstance(objects, str):
            raise Refused("the review has no objects")
        wanted = str(version).removeprefix(f"{GROUP}/")
        done: list[Thawed] = [convert(one, wanted) for one in objects if isinstance(one, Mapping)]
        if len(done) != len(objects):
            raise Refused("the review has something that is not an object")
        answer |= {"convertedObjects": done, "result": {"status": "Success"}}
    except Refused as error:
        answer["result"] = {"status": "Failure", "message": str(error)}
    return {"apiVersion": _REVIEW, "kind": "ConversionReview", "response": answer}
