"""A version is tried before it serves: started here in its box, with its own secrets, and asked what it offers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from arcops.errors import ArcOpsError, Unavailable
from foundation.processes.keeping import Keeping
from services.host.eras import Era
from services.host.link import Link
from services.host.pipe import HostedPipe, passed_on
from services.host.provisioning import Installed, Provisioning
from services.host.rows import HostedRow
from services.host.starting import Starting
from services.host.updating.progress import Step

TRIAL_SECONDS = 60.0
_LEFT_SECONDS = 8.0


async def tried(
    row: HostedRow,
    installed: Installed,
    provisioning: Provisioning,
    *,
    home: Path,
    environment: Mapping[str, str],
    authorities: str = "",
    seconds: float = TRIAL_SECONDS,
    step: Callable[[Step], object] = bool,
) -> None:
    """Start *row* once and ask it for its tools; nothing of it is left after that. *step* is told of the steps.

    Raises `Unavailable` if it does not answer within *seconds*, with what it wrote to its standard error last; `Refused` if it
    may not be started.
    """
    keeping = Keeping()
    starting = Starting(provisioning, keeping, home=home, environment=environment, authorities=authorities)
    lines: list[str] = []
    renewing = asyncio.create_task(keeping.renewing())
    pipe: HostedPipe | None = None
    try:
        async with asyncio.timeout(seconds):
            step(Step.START)
            pipe = await starting.started(row, installed, "\n", look=passed_on, said=lines.append)
            step(Step.HANDSHAKE)
            link = Link(pipe, name=row.name, private=False, seconds=seconds)
            await link.open(Era.LEGACY)
            await link.call("tools/list", None)  # an error is an answer, too: it may offer no tools
    except TimeoutError:
        raise Unavailable(_said(f"it did not answer within {seconds:.0f} seconds", lines)) from None
    except Unavailable as error:
        raise Unavailable(_said(str(error), lines)) from error
    finally:
        if pipe is not None:
            pipe.end("it was only tried")
            with suppress(TimeoutError, ArcOpsError):
                await asyncio.wait_for(pipe.left(), _LEFT_SECONDS)
        starting.cool(row.name)
        renewing.cancel()
        keeping.leave()
        await asyncio.to_thread(keeping.close)


def _said(what: str, lines: list[str]) -> str:
    last = "; it wrote: " + " | ".join(lines[-3:])[:600] if lines else ""
    return what + last
