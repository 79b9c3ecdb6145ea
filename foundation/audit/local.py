"""What this machine's own user does, as records: at the command line, and by a client that the user started."""

from __future__ import annotations

import os
import pwd
import time
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from arcops.errors import Refused
from arcops.identity import Identity
from foundation.audit.audit import Audit
from foundation.audit.record import Actor, Outcome, Record
from foundation.authorization.role_policy import RESERVED


def this_user() -> Identity:
    """The user that this process runs as, by the name that the system has; without one, by number."""
    try:
        name = pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        name = str(os.getuid())
    return Identity(issuer=RESERVED, tenant="", id=name[:300])


@dataclass(slots=True, kw_only=True)
class Ending:
    """How it ended, said by who does it: the ``verdict`` if it judges, and the digest of an ``artifact``."""

    verdict: str = ""
    artifact: str = ""


@contextmanager
def accounted(
    audit: Audit, *, door: str, tool: str, about: str, arguments: Mapping[str, object], known: Collection[str], tier: str
) -> Iterator[Ending]:
    """Inside this, *tool* is called by this user; one record says how it ended. *about* names what it is done to.

    Raises `Unavailable` if it cannot be recorded: then it must not be done.
    """
    told, at, began, ending = audit.masked(arguments, known), datetime.now(UTC), time.perf_counter(), Ending()

    def record(outcome: Outcome, reason: str = "") -> Record:
        return Record(
            at=at,
            action="tools/call",
            outcome=outcome,
            actor=Actor.of(this_user()),
            door=door,
            tool=tool,
            object=(ending.artifact or about) if outcome is Outcome.DONE else "",
            arguments=told.names,
            digest=told.digest,
            verdict=ending.verdict,
            reason=reason,
            latency_us=round((time.perf_counter() - began) * 1e6),
            tier=tier,
        )

    with audit.recording() as tell:
        try:
            yield ending
        except BaseException as error:
            refused = isinstance(error, Refused)
            tell(record(Outcome.REFUSED if refused else Outcome.FAILED, type(error).__name__))
            raise
        tell(record(Outcome.DONE))
