"""Which of two slots behind one Service callers are sent to, and when that changes: pure.

An update stands beside what is live (blue-green). Callers are sent to it only after it was seen good; then it is watched, and
callers are sent back if it is not good any more. A slot whose health could not be seen is never switched to.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import TypeAlias

from arcops.errors import Refused

LOOKS = 3
"""So many looks in a row that do not see the new slot well send callers back: one lost answer is no fault of an update."""


class Health(Enum):
    """What one look at a slot says."""

    GOOD = "good"
    UNSEEN = "unseen"
    """Not ready, or it did not answer, or its answer proves nothing."""
    BAD = "bad"
    """It answered, and its answer is not what it must be: looking again will not change that."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """One look at a slot, and in one sentence what was seen."""

    health: Health
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Switch:
    """A switch that was made and is being watched. It is kept in the Service itself, written with the switch in one request."""

    before: str
    """The slot to which callers are sent back."""
    to: str
    since: datetime
    until: datetime
    """How long the new slot is watched."""

    def text(self) -> str:
        """As the Service keeps it."""
        return json.dumps(
            {"from": self.before, "to": self.to, "since": self.since.isoformat(), "until": self.until.isoformat()},
            separators=(",", ":"),
        )


def read_switch(text: str) -> Switch:
    """The switch that *text* holds. Raises `Refused` if it holds none."""
    try:
        told = json.loads(text)
        before, to = told["from"], told["to"]
        since, until = (datetime.fromisoformat(told[name]) for name in ("since", "until"))
    except (ValueError, TypeError, KeyError):
        told = None
    if told is None or not (
        isinstance(before, str) and before and isinstance(to, str) and to and since.tzinfo and until.tzinfo
    ):
        raise Refused(
            f"the Service's annotation of a switch is not readable: {text[:200]!r}; remove it, and look which slot is live"
        )
    return Switch(before=before, to=to, since=since, until=until)


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What is known after a look. ``failed`` counts the looks in a row, this one included, that did not see ``wanted`` good.

    ``before`` is the look at the slot to go back to, if one was taken. ``patience`` is until when the new slot may become good.
    """

    live: str
    wanted: str
    switch: Switch | None
    new: Look
    failed: int
    before: Look | None
    at: datetime
    patience: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Wait:
    """Change nothing, and look again."""

    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LookBack:
    """Look at the slot ``slot``, too, and decide again."""

    slot: str


@dataclass(frozen=True, slots=True, kw_only=True)
class SendTo:
    """Send callers to ``slot``. ``back`` says that this takes an update back."""

    slot: str
    back: bool
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class End:
    """It is over; ``good`` says that the slot that was wanted is live and good. ``settled``: the Service need not keep it."""

    good: bool
    settled: bool
    why: str


Step: TypeAlias = "Wait | LookBack | SendTo | End"


def decide(now: Situation) -> Step:
    """What to do next."""
    if now.live != now.wanted:
        return _before_it(now)
    if now.switch is None:
        return End(good=now.new.health is Health.GOOD, settled=False, why=f"{now.wanted} was live already: {now.new.why}")
    return _watched(now, now.switch)


def _before_it(now: Situation) -> Step:
    """The new slot is not live yet."""
    if now.new.health is Health.GOOD:
        return SendTo(slot=now.wanted, back=False, why=now.new.why)
    why = f"{now.wanted} is not good, so callers stay at {now.live}: {now.new.why}"
    over = now.new.health is Health.BAD or now.at >= now.patience
    return End(good=False, settled=False, why=why) if over else Wait(why=why)


def _watched(now: Situation, switch: Switch) -> Step:
    """The new slot is live, and is watched."""
    if now.new.health is Health.GOOD:
        if now.at >= switch.until:
            return End(good=True, settled=True, why=f"{now.wanted} is live and stayed good: {now.new.why}")
        return Wait(why=f"{now.wanted} is live and good: {now.new.why}")
    if now.new.health is Health.UNSEEN and now.failed < LOOKS:
        return Wait(why=f"{now.wanted} is live, and this look does not see it good: {now.new.why}")
    if now.before is None:
        return LookBack(slot=switch.before)
    if now.before.health is Health.GOOD:
        return SendTo(slot=switch.before, back=True, why=now.new.why)
    why = f"{now.wanted} is live and not good ({now.new.why}), and {switch.before} cannot take over: {now.before.why}"
    return End(good=False, settled=False, why=why) if now.at >= max(switch.until, now.patience) else Wait(why=why)
