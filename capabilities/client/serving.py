"""What a door serves clients' configuration with: the releases of this place's database, or those in the folder of a
replica.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError
from capabilities.client.place import freshen, freshness_here
from flows.place import Place

if TYPE_CHECKING:
    from services.config.reading import Reading


@dataclass(frozen=True, slots=True, kw_only=True)
class ServedHere:
    """``reading`` is what is released; ``healthy`` says what is wrong, or nothing; ``keys`` are those that sign here,
    ``metadata`` gives a file of what says what is newest, and ``freshen`` signs it again if that is due.

    ``replica`` says that nothing can be written.
    """

    reading: Reading
    healthy: Callable[[], str]
    close: Callable[[], None]
    replica: bool
    keys: Callable[[], list[dict[str, str]]]
    metadata: Callable[[str], bytes]
    freshen: Callable[[], int]


def served_here(at: Place, replica: Path | None, environment: Mapping[str, str] = os.environ) -> ServedHere:
    """What is released at this place, or what the folder *replica* holds. Nothing is read yet."""
    from services.config.reading import Reading
    from tasks.client.families import KnownHere

    families = KnownHere(at.settings.trust)
    if replica is not None:
        from services.config.freshness import Freshness
        from services.config.replica import METADATA, Folder

        copied = Reading(Folder(replica), families)
        return ServedHere(
            reading=copied,
            healthy=lambda: _asked(copied),
            close=lambda: None,
            replica=True,
            keys=list,
            metadata=Freshness(replica / METADATA).file,
            freshen=int,
        )
    from foundation.database.opening import opened
    from services.config.rows import Rows

    database = opened(at.settings, environment)
    rows = Rows(database)
    reading = Reading(rows, families)
    return ServedHere(
        reading=reading,
        healthy=lambda: _asked(reading),
        close=database.close,
        replica=False,
        keys=lambda: keys_here(at),
        metadata=freshness_here(at).file,
        freshen=lambda: freshen(at, rows),
    )


def keys_here(at: Place) -> list[dict[str, str]]:
    """The public keys that may publish or approve here. One who verifies had better been given them another way."""
    from services.config.roles import read_roles
    from tasks.signing.grounds import trusted_keys

    roles = read_roles(at.settings.trust)
    able = {*roles.publishers, *roles.approvers}
    return [{"keyId": one.id, "pem": one.pem.decode()} for one in trusted_keys(at.settings.trust) if one.id in able]


def exported(at: Place, folder: Path) -> tuple[int, int]:
    """Write what is released here into the *folder* of a replica; how many releases were new there, and how many there are."""
    from foundation.database.opening import opened
    from services.config.replica import Folder
    from services.config.rows import Rows

    with opened(at.settings) as database:
        rows, there, last, new, count = Rows(database), Folder(folder), -1, 0, 0
        while page := rows.after(last, 500):
            new += there.add(page)
            count += len(page)
            last = page[-1].position
    made = freshness_here(at)
    there.add_metadata({name: made.file(name) for name in made.files()})
    return new, count


def _asked(reading: Reading) -> str:
    try:
        reading.refresh()
    except ArcOpsError as error:
        return f"what is released cannot be read, so what was read before is served: {error}"
    return ""


def packed_mirror(folder: Path, target: Path) -> int:
    """Write the releases in *folder* into the new tar *target*; how many there are."""
    from services.config.replica import packed

    return packed(folder, target)
