"""A server of another machine over HTTP+SSE (MCP 2024-11-05, transports), as a `Pipe`.

One stream has all that the server says; what it is told is posted to the address that the stream names first.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from arcops.errors import Unavailable
from arcops.tier import Tier
from services.host.framing import MOST_MESSAGE
from services.host.remote.remote import CONNECT_SECONDS, JSON, STREAM, Bearer, Remote, is_stream, refusal
from tasks.server.events import Events, TooLong, endpoint


class Sse(Remote):
    """As `Remote`."""

    def __init__(
        self,
        url: str,
        *,
        tier: Tier,
        headers: Mapping[str, str],
        seconds: float,
        bearer: Bearer | None = None,
        authorities: str = "",
    ) -> None:
        super().__init__(url, tier=tier, headers=headers, seconds=seconds, bearer=bearer, authorities=authorities)
        self._address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._address.add_done_callback(lambda done: done.cancelled() or done.exception())
        self._reading: asyncio.Task[None] | None = None

    async def write(self, message: bytes) -> None:
        """As `Pipe.write`."""
        if self._reading is None:
            self._reading = self.begin(self._read())
        if self.over:
            raise Unavailable(self.over)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                address = await asyncio.shield(self._address)
        except TimeoutError:
            raise Unavailable("the remote server did not name the address for messages in time") from None
        headers = {"content-type": JSON}
        async with self.reached(), self.client.stream("POST", address, content=message, headers=headers) as response:
            if response.status_code >= 300:
                raise Unavailable(f"{refusal(response)} to a message")

    async def _read(self) -> None:
        why = "the remote server ended its stream"
        try:
            async with self.reached(), self.client.stream("GET", self.url, headers={"accept": STREAM}) as response:
                if response.status_code != 200 or not is_stream(response):
                    why = f"{refusal(response)}, and no stream of events"
                    return
                async for event in self.events(response, Events()):
                    if event.kind == "endpoint" and not self._address.done():
                        self._address.set_result(self._named(event.data))
                    elif event.kind == "message":
                        await self.deliver(event.data)
        except TooLong:
            why = f"the remote server sent a message of more than {MOST_MESSAGE} bytes, after which its stream cannot be read"
        except Unavailable as error:
            why = str(error)
        finally:
            if not self._address.done():
                self._address.set_exception(Unavailable(why))
            self.fell(why)

    def _named(self, data: bytes) -> str:
        """The address for messages. Raises `Unavailable` for another host: what we send would go to someone else."""
        if found := endpoint(self.url, data):
            return found
        raise Unavailable("the remote server names an address of another host for messages, which is not followed")
