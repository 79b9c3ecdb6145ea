"""The client's side of freshness: which release is the newest for a machine, by metadata from a root that it was given."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from arcops.errors import Refused
from arcops.quoting import quoted
from foundation.egress.updates import Fetch, Outdated, newest_target
from services.config.heads import target_name
from services.config.rows import cohort


class Stale(Refused):
    """The metadata's time is over: what is here stays, and nothing new is taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Newest:
    """The newest release for a machine, by its ``record``."""

    record: str
    position: int


def newest(
    fetch: Fetch, root: bytes, known: Path, now: datetime, *, client: str, profile: str, version: str, machine: str = ""
) -> Newest:
    """The release that a machine should have now. *known* is the folder of what it saw before, which it never goes back behind.

    Raises `Stale` if the metadata's time is over, and `Refused` if it is rolled back, mixed, or not signed as *root* says.
    """
    try:
        data = newest_target(fetch, root, known, now, target_name(client, profile, version))
    except Outdated as error:
        raise Stale(
            "STALE: the service's metadata is too old to say what is newest; what is there stays, and nothing new is taken "
            "until it answers with newer metadata"
        ) from error
    if data is None:
        raise Refused(f"nothing is released for {quoted(client)} in {quoted(profile)}, by the newest metadata")
    for one in json.loads(data)["releases"]:
        if one["percent"] >= 100 or (machine and cohort(machine, one["salt"]) < one["percent"]):
            return Newest(record=one["record"], position=one["position"])
    raise Refused(f"nothing is released for everyone for {quoted(client)} in {quoted(profile)}")
