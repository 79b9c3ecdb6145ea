"""Which changes of a Secret are changes of what is in it, as far as its metadata says."""

from __future__ import annotations

from typing import Any

import pytest

from adapters.kube.cache import Cache
from adapters.kube.secret_versions import version_of, versions_alone

pytestmark = pytest.mark.requirement("OPER-8/a-changed-secret-rolls-the-pods-once")
EARLY, LATE = "2026-11-30T12:00:00Z", "2026-11-30T12:00:01Z"
LABEL: dict[str, Any] = {"f:metadata": {"f:labels": {"f:a": {}}}}


def entry(manager: str, fields: Any, time: str = EARLY) -> dict[str, Any]:
    return {"manager": manager, "operation": "Update", "time": time, "fieldsType": "FieldsV1", "fieldsV1": fields}


def data(*keys: str) -> dict[str, Any]:
    return {"f:data": {".": {}, **{f"f:{one}": {} for one in keys}}, "f:type": {}}


class Watched:
    """A cache that hears of versions of one Secret."""

    def __init__(self) -> None:
        self.cache = Cache(lambda *said: None)
        self._keeps = versions_alone(self.cache)

    def hears(self, version: int, *entries: dict[str, Any], uid: str = "u") -> str:
        """The version of its data after this version of the object."""
        metadata = {
            "name": "db", "namespace": "team", "uid": uid, "resourceVersion": str(version), "managedFields": list(entries),
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "very secret"},
        }  # fmt: skip
        value: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": metadata}
        assert self._keeps(value)
        self.cache.heard(value)
        found = self.cache.get(("team", "db"))
        assert found is not None
        assert b"very secret" not in found.data
        return version_of(found)


def test_what_others_do_to_its_labels_is_no_change_of_its_data() -> None:
    watched = Watched()
    first = watched.hears(1, entry("kubectl", data("url")))
    assert watched.hears(2, entry("kubectl", data("url")), entry("labels", LABEL)) == first
    assert watched.hears(3, entry("kubectl", data("url")), entry("labels", LABEL, LATE)) == first
    assert watched.hears(4, entry("kubectl", data("url"))) == first


CHANGES: dict[str, tuple[dict[str, Any], ...]] = {
    "a value": (entry("kubectl", data("url"), LATE),),
    "a key more": (entry("kubectl", data("url", "more")),),
    "a key less": (entry("kubectl", data("more")),),
    "a key that another manager took": (entry("kubectl", data()), entry("other", data("url"), LATE)),
    "a value and a label by one manager": (entry("kubectl", data("url") | LABEL, LATE),),
    "a value in the same second": (entry("kubectl", data("url")),),
    "fields that cannot be read": (entry("kubectl", data("url")), entry("other", None)),
    "no word of who changed what": (),
}


@pytest.mark.parametrize("entries", CHANGES.values(), ids=CHANGES)
def test_every_change_that_may_be_one_of_the_data_is_one(entries: tuple[dict[str, Any], ...]) -> None:
    watched = Watched()
    first = watched.hears(1, entry("kubectl", data("url")))
    second = watched.hears(2, *entries)
    assert second != first
    assert watched.hears(2, *entries) == second, "the same version again is no change"


def test_a_change_within_a_second_stays_told_apart() -> None:
    watched = Watched()
    first = watched.hears(1, entry("kubectl", data("url")))
    second = watched.hears(2, entry("kubectl", data("url")))
    third = watched.hears(3, entry("kubectl", data("url")))
    assert len({first, second, third}) == 3
    assert {one.partition(".")[0] for one in (second, third)} == {first}, "one who begins later sees the same data"
    assert watched.hears(4, entry("kubectl", data("url")), entry("labels", LABEL)) == third


def test_another_secret_of_this_name_has_a_version_of_its_own() -> None:
    watched = Watched()
    watched.hears(1, entry("kubectl", data("url")))
    second = watched.hears(2, entry("kubectl", data("url")))
    assert "." in second
    assert "." not in watched.hears(3, entry("kubectl", data("url")), uid="another")
