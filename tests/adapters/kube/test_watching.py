"""What a watch does with an object that is ours no more, and with one of others that goes."""

from __future__ import annotations

from typing import Any, cast

import pytest

from adapters.kube.api import Cluster, Expired, Page
from adapters.kube.cache import Cache, Kept
from adapters.kube.kinds import Kind
from adapters.kube.watching import Watching
from foundation.egress.kube import Answered
from manifests.objects import Json

pytestmark = pytest.mark.requirement("OPER-2/the-controller-keeps-the-objects")


def config_map(version: int, *, ours: bool, data: str = "good") -> dict[str, Json]:
    return {
        "metadata": {
            "name": "tools",
            "namespace": "shop",
            "uid": "u-1",
            "resourceVersion": str(version),
            "labels": {"ours": "yes"} if ours else {},
        },
        "data": {"x": data},
    }


def watching() -> tuple[Watching, Cache, list[tuple[Kept | None, Kept | None]], list[str]]:
    told: list[tuple[Kept | None, Kept | None]] = []
    asked: list[str] = []
    cache = Cache(lambda _, before, after: told.append((before, after)))

    def keep(value: dict[str, Json]) -> bool:
        metadata = cast(dict[str, Any], value["metadata"])
        asked.append(metadata["resourceVersion"])
        return bool(metadata["labels"])

    kind = Kind(api_version="v1", kind="ConfigMap", plural="configmaps")
    return Watching(cast(Cluster, None), kind, cache, keep=keep), cache, told, asked


def test_an_object_that_lost_our_label_is_gone_and_that_is_told() -> None:
    one, cache, told, _ = watching()
    one.changed(config_map(1, ours=True), deleted=False)
    one.changed(config_map(2, ours=False, data="changed by someone"), deleted=False)
    assert len(cache) == 0
    assert [after is None for _, after in told] == [False, True]


def test_who_names_an_object_of_others_hears_when_it_is_deleted() -> None:
    one, cache, told, asked = watching()
    one.changed(config_map(1, ours=False), deleted=False)
    assert (len(cache), told) == (0, [])
    one.changed(config_map(2, ours=False), deleted=True)
    assert asked == ["1", "2"]


class _Forgets:
    """A server that has forgotten a list by its next page, again and again."""

    def __init__(self) -> None:
        self.lists = 0

    def page(self, kind: Kind, namespace: str, labels: str, following: str, *, metadata: bool) -> Page:
        if following:
            raise Expired(Answered(status=410, body=b"{}"))
        self.lists += 1
        return Page(items=(), version="1", following="more")


def test_a_server_that_forgets_what_it_lists_is_not_asked_without_a_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    one, *_ = watching()
    forgets, rests = _Forgets(), list[float]()
    one._cluster = cast(Cluster, forgets)

    def rest(seconds: float) -> bool:
        rests.append(seconds)
        if len(rests) == 4:
            one.end()
        return False

    monkeypatch.setattr(one._ended, "wait", rest)
    one.run()
    assert forgets.lists == 5
    assert rests == sorted(rests)
    assert rests[0] > 0.1
