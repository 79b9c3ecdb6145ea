"""Real Chromium for the tests, and a real server on loopback for it to ask."""

from __future__ import annotations

import os
import shutil
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import uvicorn
from playwright.sync_api import Browser, expect, sync_playwright
from starlette.types import ASGIApp

PATIENCE_MS = 120_000.0
"""For a browser to start, and for what a page should come to show."""

expect.set_options(timeout=PATIENCE_MS)


@contextmanager
def served(application: ASGIApp) -> Iterator[str]:
    """*application* behind uvicorn with h11 on a free loopback port; gives its address."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = uvicorn.Server(uvicorn.Config(application, http="h11", log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            thread.join(timeout=20)


@contextmanager
def chromium(*arguments: str) -> Iterator[Browser]:
    """The system's Chromium, begun with *arguments*.

    Fails, and says what to install, if it is not here: a page that was not opened is not tested.
    """
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.fail("these tests need Chromium (Debian: apt-get install chromium)")
    with sync_playwright() as playwright:
        sandbox = [] if os.geteuid() else ["--no-sandbox"]  # root can have no sandbox, and the pages are our own
        browser = playwright.chromium.launch(executable_path=program, args=[*sandbox, *arguments], timeout=PATIENCE_MS)
        try:
            yield browser
        finally:
            browser.close()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """`chromium`, once for each module."""
    with chromium() as started:
        yield started
