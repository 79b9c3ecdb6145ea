"""The steps of a hosted server that is made ready, as they are shown: those that were, the one under way, and those to come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from capabilities.server.place import StepShown

if TYPE_CHECKING:
    from foundation.database.engine import Database


def steps_shown(name: str, open_: Database) -> tuple[StepShown, ...]:
    """The steps towards the newest version of *name* that was made ready. While one is under way, those to come are there."""
    from services.host.updating.progress import Outcome, Step, steps_of

    found = steps_of(open_, name)
    shown = [
        StepShown(
            step=one.step.value,
            outcome=one.outcome.value,
            version=one.version,
            milliseconds=max(0, one.ended - one.began),
            said=one.said,
        )
        for one in found
    ]
    if found and found[-1].outcome is Outcome.UNDER_WAY:
        order = list(Step)
        to_come = order[order.index(found[-1].step) + 1 :]
        shown += [StepShown(step=one.value, outcome="waiting", version=found[-1].version) for one in to_come]
    return tuple(shown)
