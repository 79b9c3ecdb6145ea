"""From a release to its last fetch: the spans name the same artifact, also in the trace of the one who asks."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx2
import pytest

from adapters.cli.conf_measuring import ConfigurationMetrics
from adapters.cli.configured import alone
from adapters.http.app import front
from adapters.http.bound import bind
from adapters.http.configuration import Configuration
from adapters.http.opening import UserOpening
from adapters.http.stored import StoreWatch
from capabilities.client.publishing import PublishClientConfig, publish_client_config
from capabilities.client.serving import served_here
from foundation.telemetry import spans
from tests.adapters.doors import door_for
from tests.services.config.folders import machine
from tests.services.config.place import DRAFT

pytestmark = pytest.mark.requirement("CONF-TOP/metrics-and-traces")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@dataclass(slots=True, kw_only=True)
class Noted:
    """A span as the tracer of the tests keeps it."""

    name: str
    parent: str
    said: dict[str, str] = field(default_factory=dict)
    ended: bool = False
    trace: str = ""

    def say(self, what: Mapping[str, str]) -> None:
        self.said.update(what)

    def end(self, error: str) -> None:
        self.ended = True

    def current(self) -> AbstractContextManager[object]:
        return nullcontext()


class Tracer:
    def __init__(self) -> None:
        self.found: list[Noted] = []

    def begin(self, name: str, parent: str, served: bool, what: Mapping[str, str]) -> Noted:
        self.found.append(Noted(name=name, parent=parent, said=dict(what)))
        return self.found[-1]


@pytest.fixture
def tracer() -> Iterator[Tracer]:
    made = Tracer()
    spans.use(made)
    yield made
    spans.use(None)


def test_a_release_and_its_fetches_are_found_by_the_artifact(tmp_path: Path, tracer: Tracer) -> None:
    here = machine(tmp_path)
    done = publish_client_config(PublishClientConfig(draft=DRAFT.decode(), changelog="x"), here.at)
    artifact = done.records[0].artifact_id
    streamed: list[str] = []

    async def run() -> None:
        bound = bind("127.0.0.1", 8440, here.at.settings, certificate=None, key=None, behind_proxy=False)
        way_in = UserOpening(bound=bound, cache=tmp_path / "cache", secret="the-secret")
        made = Configuration(
            served=served_here(here.at, None), at=lambda: here.at, door=door_for(opening=way_in), origin=bound.url
        )
        metrics = ConfigurationMetrics(StoreWatch(here.at.settings.store, here.at.settings.memory), lambda app: app)
        app = front([alone(made, metrics)], bound)
        headers = {"Authorization": "Bearer the-secret", "traceparent": PARENT}
        transport = httpx2.ASGITransport(app=app, client=("127.0.0.1", 1))
        async with made.running(), httpx2.AsyncClient(transport=transport, base_url=bound.url, headers=headers) as client:
            assert (await client.get("/conf/v1/configs/claude-code/dev")).status_code == 200
            assert (await client.get("/conf/v1/configs/claude-code/none")).status_code == 404
            streamed.append(await _streamed(app, made))
        told = {one.name: one for one in metrics.sent.collect()}
        assert sum(each.value for one in told.values() for each in one.samples if each.name.endswith("_total")) == 1

    asyncio.run(run())
    assert "event: release" in streamed[0]
    (released,) = (one for one in tracer.found if one.name == "conf release")
    assert released.said["artifact"] == artifact
    fetched = [one for one in tracer.found if one.name == "conf"]
    assert [one.said.get("artifact", "") for one in fetched] == [artifact, "", ""]
    assert [one.said["tool"] for one in fetched] == ["get_client_config", "get_client_config", "poll_client_changes"]
    assert [one.said["outcome"] for one in fetched] == ["2xx", "4xx", "2xx"]
    assert fetched[0].parent == PARENT, "the trace of the one who asks goes on here"
    assert all(one.ended for one in tracer.found)


async def _streamed(app: Any, made: Configuration) -> str:
    """What a subscriber from the beginning gets, until the first release."""
    got: list[bytes] = []
    enough = asyncio.Event()
    before = made.served.reading._token(0, ())
    asked = False

    async def receive() -> dict[str, Any]:
        nonlocal asked
        if not asked:
            asked = True
            return {"type": "http.request", "body": b"", "more_body": False}
        await enough.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        got.append(message.get("body", b""))
        if b"event: release" in got[-1]:
            enough.set()

    scope = {
        "type": "http", "method": "GET", "path": "/conf/v1/updates", "raw_path": b"/conf/v1/updates", "query_string": b"",
        "root_path": "", "scheme": "http", "http_version": "1.1", "server": ("127.0.0.1", 8440), "client": ("127.0.0.1", 1),
        "headers": [
            (b"host", b"127.0.0.1:8440"), (b"authorization", b"Bearer the-secret"), (b"last-event-id", before.encode()),
        ],
    }  # fmt: skip
    async with asyncio.timeout(20):
        await app(scope, receive, send)
    return b"".join(got).decode()
