"""Running a runbook: look, do, look again. What a step's check says decides, so a run that was killed goes on where it was."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from arcops.errors import ArcOpsError, Refused, Unavailable
from foundation.database.lease import Lease, Leases
from services.host.runbooks.checking import Looked, Ran, looked
from services.host.runbooks.child import Runs
from services.host.runbooks.kept import MOST_OUTPUT, KeptRunbook, KeptStep, Output, Runbooks, State, StepRecord, values_of
from services.host.runbooks.runbook import Setting, check_of, command_of
from services.host.runbooks.template import Step, holes

_LEASE_SECONDS = 30.0
_RENEW_SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """What a run would do at a step: ``command`` is what it would run, empty if it cannot be said yet; ``why`` says what the
    check found, or what is missing."""

    number: int
    step: Step
    command: tuple[str, ...]
    runs: bool
    passes: bool
    why: str


def foreseen(kept: KeptRunbook, there: Runbooks, run: Runs, step: int = 0) -> Iterator[Foreseen]:
    """What a run would do, at every step or at one. Only checks are run: they change nothing. Raises `Refused` if there is no
    such step.
    """
    _refuse_unknown(kept, step)
    steps, values = there.steps(kept.id), dict(kept.runbook.values)
    for number, one in enumerate(kept.runbook.template.steps, 1):
        found = steps.get(number)
        if found is not None and found.state.over and found.record is not None:
            values |= {each.name: each.value for each in found.record.values}
        if step and number != step:
            continue
        if lacking := _lacking(one.check.command, values):
            yield Foreseen(
                number=number, step=one, command=(), runs=False, passes=False, why=f"it needs {lacking} of an earlier step"
            )
            continue
        look = looked(one.check, run(check_of(one, values)), values)
        values |= look.values
        if lacking := _lacking(one.command, values):
            yield Foreseen(number=number, step=one, command=(), runs=False, passes=False, why=f"it needs {lacking}: {look.why}")
            continue
        mine = kept.runbook.mine(one)
        if look.passes:
            why = "its check passes already, so it would be skipped"
        elif not mine:
            why = f"{', '.join(one.roles)} does this, and its check does not pass yet: {look.why}"
        else:
            why = look.why
        yield Foreseen(
            number=number,
            step=one,
            command=command_of(one, values),
            runs=mine and not look.passes,
            passes=look.passes,
            why=why,
        )


def carried_on(kept: KeptRunbook, there: Runbooks, run: Runs, step: int = 0) -> Iterator[StepRecord]:
    """Run the steps that are not over, or one, and give the record of each. It ends after a step that failed.

    Raises `Refused` if a step before is not over, or if there is no such step.
    """
    _refuse_unknown(kept, step)
    for number, one in enumerate(kept.runbook.template.steps, 1):
        steps = there.steps(kept.id)
        found = steps.get(number)
        over = found is not None and found.state.over
        if step and number < step and not over:
            raise Refused(f"step {number} of the runbook comes before step {step}, and is not done: {one.title}")
        if (step and number != step) or (over and not step):
            continue
        attempt = there.begin(kept.id, number)
        record = _attempted(kept, number, one, values_of(kept.runbook, steps.values()), run, _killed(found))
        there.end(attempt, record)
        yield record
        if not record.state.over:
            return


def _attempted(kept: KeptRunbook, number: int, one: Step, values: Mapping[str, str], run: Runs, killed: bool) -> StepRecord:
    """The attempt at step *number*; *killed* says that the attempt before did not end."""
    before = looked(one.check, run(check_of(one, values)), values)

    def record(state: State, why: str, *, ran: Ran | None = None, after: Looked | None = None) -> StepRecord:
        last = after or before
        return StepRecord(
            runbook=kept.id,
            number=number,
            title=one.title,
            state=state,
            why=why,
            before=_output(before.ran),
            ran=_output(ran) if ran is not None else None,
            after=_output(after.ran) if after is not None else None,
            values=tuple(Setting(name=name, value=value) for name, value in last.values.items()),
        )

    if before.passes:
        how = "an attempt before was cut off, and had its effect" if killed else "its check passed already"
        return record(State.SKIPPED, how)
    if not kept.runbook.mine(one):
        return record(State.FAILED, f"{', '.join(one.roles)} does this step, and its check does not pass yet: {before.why}")
    known = {**values, **before.values}
    if lacking := _lacking(one.command, known):
        return record(State.FAILED, f"it needs {lacking}, which its check does not give: {before.why}")
    ran = run(command_of(one, known))
    if ran.exit not in one.exits:
        return record(State.FAILED, f"its command ended with {ran.exit}: {ran.said}", ran=ran)
    after = looked(one.check, run(check_of(one, values)), values)
    if not after.passes:
        return record(State.FAILED, f"its command ended well, and its check does not pass: {after.why}", ran=ran, after=after)
    return record(State.DONE, "", ran=ran, after=after)


@contextmanager
def alone(leases: Leases, id_: str) -> Iterator[None]:
    """Inside, no one else runs the runbook *id_*. Raises `Unavailable` if someone does."""
    held = leases.take(f"runbook:{id_}", _LEASE_SECONDS)
    if held is None:
        raise Unavailable(
            f"the runbook {id_} is being run by another process; if that was killed, try again in {_LEASE_SECONDS:g} seconds"
        )
    with _renewed(leases, held):
        yield


@contextmanager
def _renewed(leases: Leases, held: Lease) -> Iterator[None]:
    done = threading.Event()

    def renew() -> None:
        while not done.wait(_RENEW_SECONDS):
            with suppress(ArcOpsError):  # the next time, or the lease ends
                leases.renew(held, _LEASE_SECONDS)

    renewing = threading.Thread(target=renew, name="runbook lease", daemon=True)
    renewing.start()
    try:
        yield
    finally:
        done.set()
        renewing.join()
        with suppress(ArcOpsError):  # it ends by itself
            leases.give(held)


def _lacking(command: tuple[str, ...], values: Mapping[str, str]) -> str:
    """The value that *command* uses and that no one gave yet, or nothing."""
    return next((one for one in holes(command) if one not in values), "")


def _refuse_unknown(kept: KeptRunbook, step: int) -> None:
    count = len(kept.runbook.template.steps)
    if step > count:
        raise Refused(f"the runbook has {count} steps, and no step {step}")


def _killed(found: KeptStep | None) -> bool:
    return found is not None and found.state is State.BEGUN


def _output(ran: Ran) -> Output:
    return Output(command=ran.command, exit=ran.exit, stdout=_cut(ran.stdout), stderr=_cut(ran.stderr))


def _cut(text: str) -> str:
    return text if len(text) <= MOST_OUTPUT else f"{text[:MOST_OUTPUT]}\n… {len(text) - MOST_OUTPUT} more characters"
