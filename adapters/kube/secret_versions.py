"""The version of what is in a Secret, which a change of its labels or annotations alone does not change.

Only metadata is asked for. In ``managedFields`` every manager has an entry with the fields that it holds and the time at which
it changed one of them last (metav1.ManagedFieldsEntry). A change of the data shows in an entry that holds data; if only other
entries changed, the data did not. Times are whole seconds, so a change that shows in no entry counts as one of the data.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping

from adapters.kube.cache import Cache, Kept, place_of
from manifests.objects import Json, inner, text_of

_DATA = ("f:data", "f:stringData")


def versions_alone(cache: Cache) -> Callable[[dict[str, Json]], bool]:
    """Of a Secret only its name and versions are kept in *cache*: annotations may repeat what is in it, as those of ``kubectl
    apply`` do.
    """

    def keeps(value: dict[str, Json]) -> bool:
        seen = _seen(value, cache.get(place_of(value)))
        kept = ("name", "namespace", "uid", "resourceVersion")
        value["metadata"] = {name: inner(value, "metadata", name) for name in kept}
        value["seen"] = seen
        return True

    return keeps


def version_of(one: Kept) -> str:
    """The version of the data of the Secret that is kept as *one*."""
    return str(inner(one.value(), "seen", "version"))


def _seen(value: Mapping[str, Json], before: Kept | None) -> dict[str, Json]:
    """The version of its data; and the entries of who holds data, and of others, each as a digest."""
    version, uid = str(inner(value, "metadata", "resourceVersion")), inner(value, "metadata", "uid")
    entries = inner(value, "metadata", "managedFields")
    if not isinstance(entries, list) or not entries:
        return {"version": version, "data": "", "others": ""}
    holding = [one for one in entries if _holds_data(one)]
    data, others = _digest([_of_data(one) for one in holding]), _digest([one for one in entries if one not in holding])
    now: dict[str, Json] = {"version": data, "data": data, "others": others}
    last = before.value() if before is not None and before.uid == uid else {}
    if inner(last, "seen", "data") != data:
        return now
    unseen = inner(last, "seen", "others") == others and inner(last, "metadata", "resourceVersion") != version
    return now | {"version": f"{data}.{version}" if unseen else inner(last, "seen", "version")}


def _holds_data(entry: Json) -> bool:
    """Does its manager hold data? One whose fields cannot be read may."""
    fields = inner(entry, "fieldsV1")
    return not isinstance(fields, Mapping) or any(name in fields for name in _DATA)


def _of_data(entry: Json) -> Json:
    fields = inner(entry, "fieldsV1")
    who = [inner(entry, name) for name in ("manager", "operation", "subresource", "time")]
    return [*who, {name: inner(fields, name) for name in _DATA} if isinstance(fields, Mapping) else fields]


def _digest(value: Json) -> str:
    return hashlib.sha256(text_of(value).encode()).hexdigest()[:16]
