"""Pages and resources share their caller's limits: 429 over them, 503 if they are not known; another caller has their own."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route
from starlette.testclient import TestClient

from adapters.http.access import TO_READ, Door
from foundation.authorization.objects import CALL
from tests.adapters.relay.test_access import place as place
from tests.adapters.relay.test_accounting import records as records
from tests.simulators.issuer import Issuer

pytestmark = pytest.mark.requirement("HOST-025/pages-share-the-limits")
THREE = "rates:\n  - {name: calls, calls: 3, per: minute}\n"
READING = f"rates:\n  - {{name: reading, tools: [{TO_READ}], calls: 2, per: minute}}\n"
AUDIENCE = "https://arcops.example/mcp"


def client(door: Door, issuer: Issuer, who: str, accept: str = "application/json") -> TestClient:
    async def shown(_: Any) -> PlainTextResponse:
        return PlainTextResponse("read")

    app = Starlette(routes=[Route("/{path:path}", shown)])
    token = issuer.token(aud=AUDIENCE, sub=who, exp=time.time() + 3600, scope="arcops:read")
    headers = {"authorization": f"Bearer {token}", "accept": accept}
    return TestClient(door.for_readers(app, AUDIENCE, counted=True), headers=headers)


@pytest.mark.parametrize("place", [THREE], indirect=True, ids=["three a minute"])
def test_pages_count_as_calls_and_share_what_there_is(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place
    ada, eve = client(door, issuer, "ada"), client(door, issuer, "eve", accept="text/html")
    assert door.limits is not None
    for _ in range(5):
        assert ada.get("/static/arcops.css").status_code == 200
    assert [ada.get("/servers").status_code for _ in range(2)] == [200, 200]
    identity = door.accepting.at_hand(ada.headers["authorization"].partition(" ")[2], "")
    assert identity is not None
    assert door.limits.decide(identity, "host_find", frozenset((CALL,))).let, "a call of a tool is the third"
    over = ada.get("/servers")
    assert over.status_code == 429
    error = over.json()["error"]
    assert (error["code"], error["data"]["dev.arcops/error"]) == (-32029, "unavailable"), "as of a call that is over it"
    assert int(over.headers["retry-after"]) >= 1
    assert over.headers["ratelimit-policy"].startswith('"calls";q=3')
    assert not door.limits.decide(identity, "host_find", frozenset((CALL,))).let
    for _ in range(3):
        assert eve.get("/servers").status_code == 200, "another caller has their own"
    page = eve.get("/servers")
    assert (page.status_code, page.headers["content-type"].partition(";")[0]) == (429, "text/html")
    assert "Too often" in page.text


@pytest.mark.parametrize("place", [READING], indirect=True, ids=["of readers"])
def test_a_rate_of_readers_alone(place: tuple[Door, Issuer, Path]) -> None:
    door, issuer, _ = place
    ada = client(door, issuer, "ada")
    assert [ada.get("/").status_code for _ in range(3)] == [200, 200, 429]


@pytest.mark.parametrize("place", [THREE], indirect=True, ids=["that break"])
def test_limits_that_are_not_known_let_nothing_through(place: tuple[Door, Issuer, Path], tmp_path: Path) -> None:
    door, issuer, _ = place
    ada = client(door, issuer, "ada")
    assert ada.get("/").status_code == 200
    (tmp_path / "limits.yaml").write_text("rates: nonsense\n")
    assert door.limits is not None
    door.limits.file._looked = None  # a second has passed
    broken = ada.get("/")
    assert broken.status_code == 503
    assert broken.headers["retry-after"] == "5"
