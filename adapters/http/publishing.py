"""What a server adds to publishing: it tells the receivers as long as it runs."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from adapters.http.app import DoorPart
from capabilities.artifact.standing import grounds
from capabilities.place import Place
from flows.publish.sending import senders
from flows.publish.working import Publisher
from foundation.database.late import Late
from foundation.database.receivers import Receivers


def part(at: Place) -> DoorPart:
    """Tells the receivers of *at*."""

    @asynccontextmanager
    async def running() -> AsyncIterator[None]:
        publisher = Publisher(
            at.settings,
            Late(settings=at.settings, made=Receivers),
            senders(at.settings, os.environ),
            grounds=lambda: grounds(at),
            now=at.now,
        )
        publisher.start()
        try:
            yield
        finally:
            await asyncio.to_thread(publisher.close)

    return DoorPart(routes=(), running=running())
