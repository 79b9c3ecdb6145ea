"""The folders of the audit logs of a place, whose keys sign them, and moments as an auditor writes them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from itertools import chain
from pathlib import Path

from arcops.errors import Refused
from artifacts.misfit import Misfit
from artifacts.moments import read_spelled_moment
from artifacts.public_key import load_public_key
from flows.place import Place
from foundation.audit.keys import public_half
from foundation.audit.place import AuditPlace
from foundation.audit.verifying import LogRead, read_logs, read_restored
from foundation.settings import without_folders

MOMENT_FORM = r"(|[0-9]{4}-[0-9]{2}-[0-9]{2}([Tt ][0-9:.]{5,15}([Zz]|[+-][0-9]{2}:?[0-9]{2})?)?)"
"""A day, or a moment."""


def audit_place(at: Place) -> AuditPlace:
    """The folders of the audit logs at *at*."""
    return AuditPlace.at(at.settings.audit, at.settings.memory)


def logs_at(at: Place, keys: tuple[str, ...] = (), carried: tuple[Path, ...] = ()) -> Iterator[LogRead]:
    """Every audit log at *at*, checked, with those that a restore brought back; *keys* are public keys in PEM, instead of those
    that are kept here.

    Raises `Refused` if nothing was ever recorded.
    """
    place, given = audit_place(at), tuple(load_public_key(one.encode(), where="the key of the audit log") for one in keys)
    restored = place.of_backups()
    recorded = not restored or place.public.exists() or bool(place.present()) or bool(place.remembered())
    elsewhere = [one for one in carried if one.absolute() not in {each.logs for each in restored}]
    own = read_logs(place, given or (public_half(place),), elsewhere) if recorded else iter(())
    return chain(own, chain.from_iterable(read_restored(one, given) for one in restored))


def shown(problem: str, at: Place) -> str:
    """*problem* for the caller at *at*: over the network without the folders of this machine."""
    return without_folders(problem, at.settings) if at.remote else problem


def moment_of(text: str, what: str) -> datetime | None:
    """The moment that *text* names, a day as its beginning in UTC; ``None`` if it is empty. Raises `Refused`."""
    if not text:
        return None
    try:
        found = read_spelled_moment(text if len(text) > len("2031-12-24") else f"{text}T00:00Z")
    except Misfit as error:
        raise Refused(f"{what} is {text[:40]!r}; write a day as 2031-12-24, or a moment as 2031-12-24T10:00:00Z") from error
    return found.astimezone(UTC) if found.tzinfo is not None else found.replace(tzinfo=UTC)
