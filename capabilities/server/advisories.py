"""An advisory about a quota as a signed artifact of this site, so that all who are told about artifacts are told about it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

from flows.place import Place

if TYPE_CHECKING:
    from services.host.costs.advising import Standing
    from services.host.costs.quotas import Used


def keep_advisory(at: Place, standing: Standing, used: Used, now: int) -> str:
    """Sign and keep the advisory that was raised *now* (milliseconds since 1970); its digest. Raises as signing and keeping."""
    from artifacts.bundle import seal_statement
    from artifacts.quota_advisory import QUOTA_ADVISORY, QuotaAdvisory
    from artifacts.store import Store
    from services.host.costs.advising import public_action

    signer = at.signer()
    advisory = QuotaAdvisory(
        site=at.settings.site,
        server=standing.server,
        quota=standing.rule,
        unit=used.rule.unit.value,
        per=used.rule.per,
        used=standing.used,
        amount=standing.amount,
        since=_moment(standing.since),
        raised=_moment(now),
        use=f"sha256:{standing.id}",
        action=public_action(used, now),
    )
    sealed = seal_statement(QUOTA_ADVISORY.statement(advisory), signer)
    with Store.at(at.settings) as store:
        return store.put(sealed, {}, at=at.now(), signer=signer).artifact


def _moment(milliseconds: int) -> datetime:
    return datetime.fromtimestamp(milliseconds // 1000, UTC)
