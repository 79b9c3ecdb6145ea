"""What clients report of themselves: counted by client, profile and version, and nothing that names a person is kept.

A fingerprint is hashed with the month's key, which is deleted when the month is over: two months cannot be joined, and no one
who has the rows can tell whose they are. Times of day and addresses are not kept at all.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, func, select

from amend.client.families import KNOWN, Families
from arcops.errors import Refused
from arcops.late_pattern import late
from foundation.database.engine import Database
from foundation.database.tables import CONFIG_RELEASES, CONFIG_REPORT_KEYS, CONFIG_REPORTS

RESULTS = ("applied", "failed", "refused", "stale")
KEPT_MONTHS = 3
"""For how many months counts are kept; the operator may keep them for fewer."""
_FINGERPRINT = late(r"[A-Za-z0-9_-]{16,128}\Z")
_ARTIFACT = late(r"sha256:[0-9a-f]{64}\Z")
_WORD = late(r"[a-z0-9][a-z0-9._-]{0,62}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Count:
    """How many machines of a ``client`` in a ``profile`` reported in a ``month`` that they have this ``artifact``, with which
    result.
    """

    month: str
    client: str
    profile: str
    artifact: str
    version: str
    result: str
    machines: int


class Reports:
    """The reports in *database*."""

    def __init__(self, database: Database, *, months: int = KEPT_MONTHS, families: Families = KNOWN) -> None:
        if not 1 <= months <= 24:
            raise Refused(f"counts can be kept for 1 to 24 months, not {months}")
        self._database = database
        self._months = months
        self._families = families

    def add(self, fingerprint: str, client: str, profile: str, artifact: str, result: str, at: datetime) -> None:
        """Count a machine. *fingerprint* is any text that stays the same on it; only its keyed hash is kept.

        Raises `Refused` for what is not a report.
        """
        if not _FINGERPRINT.match(fingerprint):
            raise Refused("a fingerprint is 16 to 128 letters, digits, '-' and '_': a random text, and no name or address")
        self._families.of(client)
        if not _WORD.match(profile) or not _ARTIFACT.match(artifact) or result not in RESULTS:
            raise Refused(
                f"a report names a profile, an artifact (sha256:…) and a result, which is one of {', '.join(RESULTS)}"
            )
        month = f"{at:%Y-%m}"
        with self._database.writing() as connection:
            connection.execute(delete(CONFIG_REPORT_KEYS).where(CONFIG_REPORT_KEYS.c.month != month))
            connection.execute(delete(CONFIG_REPORTS).where(CONFIG_REPORTS.c.month < _earliest(at, self._months)))
            made = {"month": month, "key": secrets.token_bytes(32)}
            connection.execute(self._database.insert(CONFIG_REPORT_KEYS).values(made).on_conflict_do_nothing())
            asked = select(CONFIG_REPORT_KEYS.c.key).where(CONFIG_REPORT_KEYS.c.month == month)
            key = bytes(connection.execute(asked).scalar_one())
            hashed = hmac.new(key, f"{client}\n{profile}\n{fingerprint}".encode(), hashlib.sha256).hexdigest()
            values = {"month": month, "fingerprint": hashed, "client": client, "profile": profile}
            said = {"artifact": artifact, "result": result}
            keys = [CONFIG_REPORTS.c.month, CONFIG_REPORTS.c.fingerprint, CONFIG_REPORTS.c.client, CONFIG_REPORTS.c.profile]
            put = self._database.insert(CONFIG_REPORTS).values({**values, **said})
            connection.execute(put.on_conflict_do_update(index_elements=keys, set_=said))

    def counts(self, *, client: str = "", profile: str = "") -> tuple[Count, ...]:
        """The counts that are kept, the newest month first."""
        c = CONFIG_REPORTS.c
        grouped = (c.month, c.client, c.profile, c.artifact, c.result)
        released = select(CONFIG_RELEASES.c.version).where(CONFIG_RELEASES.c.artifact == c.artifact)
        version = released.order_by(CONFIG_RELEASES.c.position.desc()).limit(1).scalar_subquery()
        asked = select(*grouped, version.label("version"), func.count().label("machines")).group_by(*grouped)
        for column, value in ((c.client, client), (c.profile, profile)):
            if value:
                asked = asked.where(column == value)
        with self._database.reading() as connection:
            found = connection.execute(asked.order_by(c.month.desc(), c.client, c.profile, c.artifact, c.result)).all()
        return tuple(
            Count(
                month=one.month,
                client=one.client,
                profile=one.profile,
                artifact=one.artifact,
                version=one.version or "",
                result=one.result,
                machines=one.machines,
            )
            for one in found
        )


def _earliest(at: datetime, months: int) -> str:
    """The first month that is kept."""
    number = at.year * 12 + at.month - 1 - (months - 1)
    return f"{number // 12:04}-{number % 12 + 1:02}"
