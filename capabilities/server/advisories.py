"""An advisory about a quota as a signed artifact of this site, so that all who are told about artifacts are told about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.place import Place

if TYPE_CHECKING:
    from services.host.costs.advising import Standing
    from services.host.costs.quotas import Used


def keep_advisory(at: Place, standing: Standing, used: Used | None, now: int) -> str:
    """Sign and keep the advisory that was raised *now* (milliseconds since 1970), or that ended, if nothing is *used* over its
    limit any more; its digest. Raises as signing and keeping.
    """
    from artifacts.bundle import seal_statement
    from artifacts.quota_advisory import QUOTA_ADVISORY, QuotaAdvisory
    from artifacts.store import Store
    from services.host.costs.advising import OVER_PERCENT, public_action

    signer = at.signer()
    unit, per = standing.rule.split("-")[-2:]
    advisory = QuotaAdvisory(
        site=at.settings.site,
        server=standing.server,
        quota=standing.rule,
        unit=unit,
        per=per,
        used=standing.used,
        amount=standing.amount,
        since=_moment(standing.since),
        raised=_moment(now),
        use=f"sha256:{standing.id}",
        action=public_action(used, now) if used is not None else f"nothing: use is not over {OVER_PERCENT} % any more",
        ended=used is None,
    )
    sealed = seal_statement(QUOTA_ADVISORY.statement(advisory), signer)
    with Store.at(at.settings) as store:
        return store.put(sealed, {}, at=at.now(), signer=signer).artifact


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC)
