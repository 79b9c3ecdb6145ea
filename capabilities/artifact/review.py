"""Review what is kept: the listing, with each signature checked now."""

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
"""For each row an artifact is read and its signatures are checked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reviewed:
    """One kept artifact: what the listing says about it, and whether a signer that counts here vouches for that now."""

    listed: Listed
    signature: SignatureState
    expired: bool
    """It is no longer valid now."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Review:
    """What was found, the newest first."""

    artifacts: tuple[Reviewed, ...]
    total: int
    """How many there are in all, not only on this page."""
    choices: Choices
    """The values that one can filter by."""


@tool(title="Review artifacts", scope=Scope.READ, reads_only=True)
def review_artifacts(ask: Filter, at: Place) -> Review:
    """List kept artifacts, the newest first, with the state of each signature checked now; at most 200 at a time."""
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
        return changed("Its bytes are missing from the store, or no longer match this digest.")
    state = signature_of(data, ground, now)
    if state.standing is Standing.VERIFIED:
        try:
            words = said(data)
        except Refused as error:
            return replace(state, standing=Standing.UNREADABLE, said=f"It was signed, but cannot be read: {error}.")
        verdict = listed.verdict.value if listed.verdict else ""
        if (words.subject, words.verdict, words.site) != (listed.subject, verdict, listed.site):
            return changed("The store's index differs from the artifact; delete index.sqlite, and ArcOps rebuilds it.")
    return state
