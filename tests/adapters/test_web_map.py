"""The map on the evidence pages: of what was judged, under a policy of its own, and never of bytes that were changed."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from adapters.web.app import site
from artifacts.objects import object_path
from capabilities.judging import Judged
from capabilities.network.check import CheckNetwork, check_network
from tests.kept import finding, fresh, keep, report, result
from tests.manifests import shop
from tests.models import Bench, bench

pytestmark = pytest.mark.requirement("ARC-D3/the-network-is-drawn")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return bench(tmp_path_factory.mktemp("keys"))


@pytest.fixture
def here(keys: Bench, tmp_path: Path) -> Bench:
    return fresh(keys, tmp_path)


@pytest.fixture
def web(here: Bench) -> Iterator[TestClient]:
    with TestClient(site(here.place)) as client:
        yield client


@pytest.fixture
def judged(here: Bench, tmp_path: Path) -> Judged:
    return check_network(CheckNetwork(target=shop(tmp_path / "shop"), policy="network-aks-arc"), here.place())


def evidence(judged: Judged) -> str:
    return judged.report.evidence[0].digest


def test_it_is_named_by_the_page_and_drawn_from_what_is_kept(web: TestClient, judged: Judged, tmp_path: Path) -> None:
    page = web.get(f"/artifacts/{judged.artifact}").text
    there = f"/evidence/{evidence(judged)}/map.svg?of={judged.artifact}"
    assert there in page
    assert there in web.get(f"/evidence/{evidence(judged)}?of={judged.artifact}").text
    shop(tmp_path / "shop", policies="")
    svg = web.get(there)
    assert svg.headers["content-type"] == "image/svg+xml; charset=utf-8"
    assert "shop web (Deployment) to shop db (StatefulSet): TCP 5432" in svg.text
    assert "What may talk to what in shop" in svg.text
    assert "What may talk to what in sha256:" in web.get(f"/evidence/{evidence(judged)}/map.svg").text


def test_it_may_do_nothing_but_look(web: TestClient, judged: Judged) -> None:
    policy = web.get(f"/evidence/{evidence(judged)}/map.svg").headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "script-src" not in policy


def test_changed_bytes_are_not_drawn_even_where_they_were_drawn_before(here: Bench, web: TestClient, judged: Judged) -> None:
    there = f"/evidence/{evidence(judged)}/map.svg"
    assert web.get(there).status_code == 200
    path = object_path(here.settings.store, evidence(judged))
    path.chmod(0o644)
    path.write_bytes(path.read_bytes().replace(b"5432", b"5433"))
    assert web.get(there).status_code == 409


def test_there_is_no_map_of_anything_else(here: Bench, web: TestClient) -> None:
    body = {"number": 7}
    said = report("tiny", result("g", finding("g/a")), evidence={"tree": body})
    artifact = keep(here, said, evidence={"tree": body})
    digest = said.evidence[0].digest
    assert "map.svg" not in web.get(f"/artifacts/{artifact}").text
    for path in (
        f"/evidence/{digest}/map.svg?of={artifact}",
        f"/evidence/{digest}/map.svg",
        f"/evidence/sha256:{'0' * 64}/map.svg",
    ):
        answer = web.get(path)
        assert (answer.status_code, "There is no map" in answer.text) == (404, True)
    assert web.get("/evidence/nothing/map.svg").status_code == 404
