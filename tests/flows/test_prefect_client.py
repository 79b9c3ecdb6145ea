"""Prefect's client as we set it: how soon it asks again, and what it does not ask."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from adapters.http import prefect
from flows.prefect.api import get_client
from tests.flows.site import reaching

pytestmark = [pytest.mark.requirement("ARC-D1/deployments-run-on-a-site"), pytest.mark.filterwarnings("ignore")]


@contextmanager
def busy(times: int) -> Iterator[tuple[str, list[str]]]:
    """An API that answers 503 so often, as Prefect's does when two requests write at once, and the paths that it was asked."""
    asked: list[str] = []

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(503 if len(asked) <= times else 200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/api", asked
        finally:
            server.shutdown()
            thread.join()


def test_a_client_asks_a_busy_server_again_within_a_moment() -> None:
    """Prefect waits 2 and then 4 seconds; who waits for a check would wait for that, too."""

    async def ask() -> None:
        async with get_client() as client:
            await client.hello()

    with busy(2) as (api, asked), reaching(api):
        began = time.monotonic()
        asyncio.run(ask())
        assert time.monotonic() - began < 4
    assert asked == ["/api/hello"] * 3


@pytest.mark.parametrize(
    ("told", "asks"),
    [
        ({}, False),
        ({"PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "false"}, False),
        ({"PREFECT_SERVER_CSRF_PROTECTION_ENABLED": "True"}, True),
        ({"PREFECT_SERVER_API_CSRF_PROTECTION_ENABLED": "1"}, True),
    ],
)
def test_clients_ask_for_a_token_against_forgery_only_if_the_server_wants_one(
    tmp_path: Path, told: dict[str, str], asks: bool
) -> None:
    site = prefect.site(tmp_path / "prefect", 1, "http://127.0.0.1:2", {})
    assert ("PREFECT_CLIENT_CSRF_SUPPORT_ENABLED" not in prefect.client_environment(site, told)) is asks
