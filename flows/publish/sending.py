"""How each kind of receiver is told."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from flows.publish.delivering import Send
from foundation.database.receivers import ReceiverRow
from foundation.settings import Settings
from tasks.publishing.webhook import Message, send, way

WEBHOOK, PREFECT = "webhook", "prefect"


def senders(settings: Settings, environment: Mapping[str, str], *, wall: Callable[[], float] = time.time) -> dict[str, Send]:
    """The kinds of receivers that can be told at this place: web addresses; and Prefect, if there is one."""
    from foundation.secrets.places import referred

    def by_web(row: ReceiverRow, message: Message) -> None:
        secret = referred(environment, row.secret, f"the secret of the receiver {row.name}", tier=settings.tier)
        send(message, row.address, secret, int(wall()), way(settings.tier, row.name).ask)

    def by_event(row: ReceiverRow, message: Message) -> None:
        import asyncio

        from flows.prefect.announce import announce_kept

        asyncio.run(announce_kept(message.id, message.body))

    return {WEBHOOK: by_web, **({PREFECT: by_event} if settings.prefect_api else {})}
