"""What clients get now, as the targets of the metadata: for each client, profile and schema, the newest release for everyone,
and before it the canaries that came later.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence

from services.config.reading import Given, Reading, Served
from services.config.rows import Rows


def target_name(client: str, profile: str, version: str) -> str:
    """The name of the target that says what a client in a profile gets, in one version of its schema."""
    return f"{client}.{profile}.{version}.json"


def heads_of(served: Sequence[Served]) -> dict[str, bytes]:
    """The content of each target: the releases that clients get now, the newest first, each with its part of the machines."""
    found: dict[str, list[dict[str, object]]] = {}
    for one in served:
        row = one.row
        name = target_name(row.client, row.profile, row.schema.rpartition("/")[2])
        found.setdefault(name, []).append(
            {
                "record": row.record,
                "position": row.position,
                "percent": row.percent,
                "salt": one.salt,
                "artifactId": row.artifact,
            }
        )
    return {
        name: json.dumps({"target": name, "releases": releases}, sort_keys=True, separators=(",", ":")).encode()
        for name, releases in found.items()
    }


def heads_after(rows: Rows, position: int) -> dict[str, bytes]:
    """The content of the targets in which something was released after *position* of the log; of all, for -1.

    What it reads grows with what is new, and not with what was released before.
    """
    if position < 0:
        every = Reading(rows)
        every.refresh()
        return heads_of(every.heads())
    return heads_of(_standing(rows, rows.changed_after(position)))


def heads_in(rows: Rows, places: Collection[tuple[str, str, str]]) -> frozenset[str]:
    """The records of what clients get now in these *places*: each is a client, a profile and a schema."""
    return frozenset(one.row.record for one in _standing(rows, places))


def _standing(rows: Rows, places: Iterable[tuple[str, str, str]]) -> tuple[Served, ...]:
    found = [one for each in places for one in rows.standing(*each)]
    reading = Reading(Given(sorted(found, key=lambda one: one.position)))
    reading.refresh()
    return reading.heads()
