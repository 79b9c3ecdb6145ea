"""Review what is kept: the listing, with each signature checked now."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from arcops.errors import Refused
from artifacts.index import Choices, Filter, Listed
from artifacts.remembered import REMEMBERED, fingerprint
from artifacts.store import Store
from artifacts.typed import moment
from artifacts.vouch import Grounds, SignatureState, Standing, state_of, unreadable
from artifacts.words import Said
from capabilities.artifact.standing import grounds
from capabilities.contract import Scope, tool
from flows.place import Place

MOST_ROWS = 200
"""For each row an artifact is read and its signatures are checked."""
_DIFFERS = "The store's index differs from the artifact; delete index.sqlite, and ArcOps rebuilds it."


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
    with Store.at(at.settings) as store:
        index, review = store.listing(), Reviewer(store, grounds(at), at.now())
        with index.steady():
            found = index.find(replace(ask, limit=max(1, min(ask.limit, MOST_ROWS))))
            return Review(artifacts=tuple(map(review, found)), total=index.count(ask), choices=index.choices())


class Reviewer:
    """Looks at what stands behind a row of the index: the bytes, the signers that *ground* trusts at *now*, and that the row
    says what the artifact says.
    """

    def __init__(self, store: Store, ground: Grounds, now: datetime) -> None:
        self._store = store
        self._ground = ground
        self._now = now
        self._done: dict[int, Reviewed] = {}

    def __call__(self, listed: Listed) -> Reviewed:
        """*listed*, looked at once for this answer."""
        found = self._done.get(listed.position)
        if found is None:
            found = self._done[listed.position] = self._reviewed(listed)
        return found

    def _reviewed(self, listed: Listed) -> Reviewed:
        expired = listed.valid_until is not None and self._now > listed.valid_until
        return Reviewed(listed=listed, signature=self._signature(listed), expired=expired)

    def _signature(self, listed: Listed) -> SignatureState:
        try:
            data = self._store.get(listed.artifact)
        except Refused:
            return self._changed("Its bytes are missing from the store, or no longer match this digest.")
        content = REMEMBERED.content(listed.artifact, data, self._ground.keys)
        if content.signed is None:
            return unreadable(content.problem, self._now)
        state = state_of(content.signed, self._ground, self._now)
        if state.standing is Standing.VERIFIED:
            if content.unread:
                said = f"It was signed, but cannot be read: {content.unread}."
                return replace(state, standing=Standing.UNREADABLE, said=said)
            if content.words != fingerprint(_as_said(listed)):
                return self._changed(
                    "The store's index differs from the artifact; delete index.sqlite, and ArcOps rebuilds it."
                )
        return state

    def _changed(self, said: str) -> SignatureState:
        return SignatureState(standing=Standing.CHANGED, said=said, checked_at=self._now)


def _as_said(listed: Listed) -> Said:
    """The values of *listed* as the artifact says them of itself."""
    return Said(
        predicate_type=listed.predicate_type,
        subject=listed.subject,
        digests=(),
        verdict=listed.verdict.value if listed.verdict else "",
        policy=listed.policy,
        judged_at=moment(listed.judged_at) if listed.judged_at else "",
        valid_until=moment(listed.valid_until) if listed.valid_until else "",
        site=listed.site,
        gates=tuple((gate.gate, gate.verdict.value) for gate in listed.gates),
        kind=listed.kind,
    )
