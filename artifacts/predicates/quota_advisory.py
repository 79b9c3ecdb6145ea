"""An advisory about the use of a quota."""

from __future__ import annotations

from artifacts.quota_advisory import QUOTA_ADVISORY as RECORD
from artifacts.typed import moment

QUOTA_ADVISORY = RECORD.predicate(
    "ArcOps advisory about the use of a quota, version 1: an in-toto Statement v1",
    lambda one: RECORD.said(one, judged_at=moment(one.raised), site=one.site),
)
