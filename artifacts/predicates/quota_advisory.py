"""An advisory about the use of a quota."""

from __future__ import annotations

from artifacts.predicate import Predicate
from artifacts.quota_advisory import QUOTA_ADVISORY as RECORD
from artifacts.quota_advisory import QuotaAdvisory
from artifacts.typed import moment
from artifacts.words import Said


def _said(statement: bytes, _: object) -> Said:
    one = RECORD.read(statement)
    return Said(
        predicate_type=RECORD.uri,
        subject=f"servers/{one.server}",
        digests=(one.use,),
        evidence=frozenset(),
        judged_at=moment(one.raised),
        site=one.site,
        kind="quota-advisory",
    )


QUOTA_ADVISORY = Predicate(
    uri=RECORD.uri,
    title="ArcOps advisory about the use of a quota, version 1: an in-toto Statement v1",
    holds=QuotaAdvisory,
    read=RECORD.read,
    said=_said,
    published=True,
)
