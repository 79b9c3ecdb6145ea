"""Review what is kept: the listing, with each signature checked at the moment of asking."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from arcops.errors import Refused
from artifacts.index import Choices, Filter, Listed
from artifacts.said import said
from artifacts.store import Store
from artifacts.vouch import Grounds, SignatureState, Standing, signature_of
from capabilities.artifact.standing import grounds
from capabilities.contract import Scope, tool
from flows.place import Place

MOST_ROWS = 200
"""Each row costs reading an artifact and checking its signatures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """One kept artifact: what the listing says it says, and whether anybody vouches for that now."""

    listed: Listed
    signature: SignatureState
    expired: bool
    """It no longer holds at the moment of asking."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What was found, the newest first."""

    artifacts: tuple[Reviewed, ...]
    total: int
    """How many there are in all, beyond this page."""
    choices: Choices
    """What there is to filter by."""


@tool(title="Review artifacts", scope=Scope.READ, reads_only=True)
def review_artifacts(ask: Filter, at: Place) -> Review:
    """List kept artifacts, the newest first, with the state of each one's signature checked now; at most 200 at a time."""
    now, ground = at.now(), grounds(at)
    with Store.at(at.settings) as store:
        found = store.list(replace(ask, limit=max(1, min(ask.limit, MOST_ROWS))))
        rows = tuple(
            Reviewed(
                listed=listed,
                signature=_signature(listed, store, ground, now),
                expired=listed.valid_until is not None and now > listed.valid_until,
            )
            for listed in found
        )
        return Review(artifacts=rows, total=store.count(ask), choices=store.choices())


def _signature(listed: Listed, store: Store, ground: Grounds, now: datetime) -> SignatureState:
    def changed(said: str) -> SignatureState:
        return SignatureState(standing=Standing.CHANGED, said=said, checked_at=now)

    try:
        data = store.get(listed.artifact)
    except Refused:
        return changed("Its bytes in the store are gone, or no longer those of this digest.")
    state = signature_of(data, ground, now)
    if state.standing is Standing.VERIFIED:
        try:
            words = said(data)
        except Refused as error:
            return replace(state, standing=Standing.UNREADABLE, said=f"It was signed, but cannot be read: {error}.")
        verdict = listed.verdict.value if listed.verdict else ""
        if (words.subject, words.verdict, words.site) != (listed.subject, verdict, listed.site):
            return changed("The store's index says otherwise than the artifact; delete index.sqlite, and it is made anew.")
    return state
