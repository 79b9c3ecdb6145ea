"""An advisory: for minutes, a caller of a hosted server used more of a quota than is good. It does not say which caller."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime

from arcops.left_out import LEFT_OUT
from artifacts.record import Record


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaAdvisory:
    """``used`` of ``amount`` of the ``unit`` (tokens, calls) that the ``quota`` gives a caller of ``server`` per period
    (``per``) were used, over the limit of the advisory since ``since``. ``use`` is a digest that tells this use from those of
    others; who it is, only those may know who may read the quotas. ``action`` says what to do.

    ``ended``: at the moment ``raised`` the use that an earlier advisory was about is not over its limit any more.
    """

    site: str
    server: str
    quota: str
    unit: str
    per: str
    used: int
    amount: int
    since: datetime
    raised: datetime
    use: str
    action: str
    ended: bool = field(default=False, metadata=LEFT_OUT)


QUOTA_ADVISORY: Record[QuotaAdvisory] = Record(
    uri="https://arcops.dev/predicates/quota-advisory/v1",
    what="the advisory about a quota",
    holds=QuotaAdvisory,
    about=lambda one: (f"servers/{one.server}", one.use),
)
