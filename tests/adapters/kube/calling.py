"""A client of a server in the cluster, by the SDK of MCP, over the relay in its pod."""

from __future__ import annotations

import asyncio
import threading
from typing import Any

from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client

from tests.simulators.kube.serving import Cluster


class Caller:
    """One session, for a ``with``: calling it calls a tool, and gives the text of its answer."""

    def __init__(self, found: Cluster, address: str = "", service: str = "time", namespace: str = "team") -> None:
        self._address = address or _of_a_pod(found, service, namespace)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._asked: asyncio.Queue[Any] = asyncio.Queue()
        self._open: asyncio.Future[None] | None = None

    def __enter__(self) -> Caller:
        self._thread.start()
        opened = asyncio.run_coroutine_threadsafe(self._begin(), self._loop)
        opened.result(20)
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._end(), self._loop).result(20)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def __call__(self, tool: str, **given: Any) -> str:
        return asyncio.run_coroutine_threadsafe(self._call(tool, given), self._loop).result(20)

    async def _begin(self) -> None:
        self._open = self._loop.create_future()
        self._task = self._loop.create_task(self._session())
        await asyncio.wait({self._open, self._task}, return_when=asyncio.FIRST_COMPLETED)
        if self._task.done():
            self._task.result()

    async def _session(self) -> None:
        async with streamable_http_client(f"http://{self._address}/mcp") as streams, ClientSession(*streams[:2]) as session:
            await session.initialize()
            assert self._open is not None
            self._open.set_result(None)
            while (asked := await self._asked.get()) is not None:
                tool, given, answer = asked
                try:
                    answer.set_result(await session.call_tool(tool, given))
                except Exception as error:
                    answer.set_exception(error)

    async def _call(self, tool: str, given: dict[str, Any]) -> str:
        answer: asyncio.Future[Any] = self._loop.create_future()
        self._asked.put_nowait((tool, given, answer))
        return "".join(one.text for one in (await answer).content)

    async def _end(self) -> None:
        self._asked.put_nowait(None)
        await self._task


def _of_a_pod(found: Cluster, service: str, namespace: str) -> str:
    for one in found.all("endpointslices.discovery.k8s.io"):
        if one["metadata"]["labels"]["kubernetes.io/service-name"] == service and one["metadata"]["namespace"] == namespace:
            for end in one["endpoints"]:
                if end["conditions"]["ready"]:
                    return f"{end['addresses'][0]}:{one['ports'][0]['port']}"
    raise AssertionError(f"{service} leads nowhere")
