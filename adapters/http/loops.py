"""The event loop of the front. It waits for a TLS handshake as long as for the head of a request, and no longer.

uvicorn has no option for that. asyncio would wait a minute, and so does uvloop, which has a number of its own.
"""

from __future__ import annotations

import asyncio
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from adapters.http.protocol import SILENT_SECONDS


def new() -> asyncio.AbstractEventLoop:
    """A loop of uvloop, if that is installed, or of asyncio."""
    kind: Any = import_module("uvloop").Loop if find_spec("uvloop") else asyncio.SelectorEventLoop

    class Loop(kind):  # type: ignore[misc]  # of whichever there is
        async def create_server(self, *words: Any, **more: Any) -> Any:
            if more.get("ssl") is not None:
                more.setdefault("ssl_handshake_timeout", SILENT_SECONDS)
            return await super().create_server(*words, **more)

    return Loop()
