"""A switch of slots from its first look to its end. Killed at any moment, one slot is live, and the same call goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from threading import Event

from adapters.kube.api import Absent, Changed, Denied, NotDone
from adapters.kube.slots import Slots, Standing
from arcops.errors import Refused, Stopped, Unavailable
from services.operator.switching import End, Health, Look, LookBack, SendTo, Situation, Step, Switch, Wait, decide


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """To which slot, and how patiently. ``answers`` says whether a slot answers ready, ``smoke`` whether it judges well."""

    to: str
    wait: timedelta
    """How long the new slot may take to become good."""
    watch: timedelta
    """How long it is watched after the switch."""
    every: timedelta
    answers: Callable[[str], Look]
    smoke: Callable[[str], Look]


class Switching:
    """Looks, decides and writes until it is over. ``say`` is told what changes."""

    def __init__(self, slots: Slots, plan: Plan, now: Callable[[], datetime], stop: Event, say: Callable[[str], None]) -> None:
        self._slots, self._plan, self._now, self._stop, self._say = slots, plan, now, stop, say
        self._patience = now() + plan.wait
        self._failed = 0
        self._ours: Switch | None = None
        self._said = ""

    def run(self) -> End:
        """How it ended. Raises `Stopped` at a signal, `Refused` if another one switched meanwhile, and `Unavailable` if the API
        server does not answer for longer than the new slot may take, or is watched.
        """
        while not isinstance(step := self._once(), End):
            if isinstance(step, Wait):
                self._tell(step.why)
                if self._stop.wait(self._plan.every.total_seconds()):
                    raise Stopped(f"stopped; {step.why}; the same command goes on")
        return step

    def _tell(self, sentence: str) -> None:
        if sentence != self._said:
            self._said = sentence
            self._say(sentence)

    def _once(self) -> Step:
        """One look, and what follows from it."""
        try:
            standing = self._slots.standing()
            if self._ours is not None and standing.switch != self._ours:
                raise Refused(
                    f"another one changed the Service meanwhile; {standing.live} is live now: look before you switch again"
                )
            self._ours = standing.switch if standing.live == self._plan.to else None
            return self._follow(standing, self._step(standing))
        except Changed:
            return Wait(why="the Service or a slot changed meanwhile; looking again")
        except (Denied, Absent) as error:
            raise Refused(f"the API server refuses: {error}") from error
        except (NotDone, Unavailable) as error:
            over = self._patience if self._ours is None else max(self._patience, self._ours.until)
            if self._now() >= over:
                raise Unavailable(f"{error}; callers stay at the slot that is live; the same command goes on") from error
            return Wait(why=str(error))

    def _step(self, standing: Standing) -> Step:
        new = self._look(self._plan.to, live=standing.live == self._plan.to)
        self._failed = 0 if new.health is Health.GOOD else self._failed + 1
        situation = Situation(
            live=standing.live,
            wanted=self._plan.to,
            switch=standing.switch,
            new=new,
            failed=self._failed,
            before=None,
            at=self._now(),
            patience=self._patience,
        )
        step = decide(situation)
        return decide(replace(situation, before=self._ready(step.slot))) if isinstance(step, LookBack) else step

    def _follow(self, standing: Standing, step: Step) -> Step:
        """Write what *step* says, if it says so. A slot that takes over again is the end."""
        if isinstance(step, SendTo) and step.back:
            why = f"{self._plan.to} was taken back, and {step.slot} is live again: {step.why}"
            self._slots.send(standing, step.slot, None, taken_back=why)
            return End(good=False, settled=True, why=why)
        if isinstance(step, SendTo):
            since = self._now()
            switch = Switch(before=standing.live, to=step.slot, since=since, until=since + self._plan.watch)
            self._slots.send(standing, step.slot, switch)
            self._tell(f"{step.slot} is live instead of {standing.live}, and is watched until {switch.until:%H:%M:%S} UTC")
        elif isinstance(step, End) and step.settled:
            self._slots.send(standing, standing.live, None)
        return step

    def _look(self, slot: str, *, live: bool) -> Look:
        """Ready, and it judges well."""
        found = self._ready(slot, live=live)
        return self._plan.smoke(slot) if found.health is Health.GOOD else found

    def _ready(self, slot: str, *, live: bool = False) -> Look:
        """Its pods are ready, and it answers so itself."""
        found = self._slots.pods(slot, live=live)
        return self._plan.answers(slot) if found.health is Health.GOOD else found
