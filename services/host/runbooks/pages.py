"""A runbook as Markdown: the same runbook at the same moment is the same text."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from datetime import datetime

from services.host.runbooks.runbook import PROGRAM, Runbook, check_of, command_of
from services.host.runbooks.template import FRESH_DAYS, Step, Template


def page(runbook: Runbook, now: datetime, id_: str = "") -> str:
    """*runbook* for a person at the moment *now*; *id_* is its number if it is kept."""
    return "\n".join(_lines(runbook, now, id_)) + "\n"


def age(template: Template, now: datetime) -> str:
    """How old it is, and if it is stale, in words."""
    if template.stale(now):
        return (
            f"updated {template.updated}: STALE, older than {FRESH_DAYS} days; compare it with its sources before you trust it"
        )
    return f"updated {template.updated}"


def _lines(runbook: Runbook, now: datetime, id_: str) -> Iterator[str]:
    of, values = runbook.template, shown_values(runbook)
    yield f"# {of.title}, for the role {runbook.role}"
    yield ""
    yield of.why
    yield ""
    yield f"Runbook `{of.name}`, version {of.version}, {age(of, now)}. Sources: {'; '.join(of.sources)}."
    yield f"Content `{runbook.digest}`."
    if runbook.settings:
        yield ""
        yield "| parameter | value |"
        yield "|---|---|"
        yield from (f"| {one.name} | {_cell(one.value)} |" for one in runbook.settings)
    for number, step in enumerate(of.steps, 1):
        yield ""
        yield f"## {number}. {step.title}"
        yield ""
        yield step.why
        yield ""
        if runbook.mine(step):
            yield _run(id_, number)
        else:
            yield f"Another role does this: {', '.join(step.roles)}. Go on when the check passes."
        yield ""
        yield "```"
        yield _typed(command_of(step, values))
        yield "```"
        yield f"Check: `{_typed(check_of(step, values))}`{_holds(step, values)}"
    for one in of.afterwards:
        yield ""
        yield f"Afterwards: {one}"


def _run(id_: str, number: int) -> str:
    run = f"{PROGRAM} host runbook run {id_ or 'ID'} --step {number}"
    return f"Look first: `{run}`. Then: `{run} --yes`. By hand it is:"


def _typed(command: tuple[str, ...]) -> str:
    return f"{PROGRAM} {shlex.join(command)}"


def _holds(step: Step, values: Mapping[str, str]) -> str:
    from services.host.runbooks.template import filled

    said = [f"`{one.at}` {one.test.value} {filled(one.value, values)}".rstrip() for one in step.check.where]
    return f", in which {' and '.join(said)}" if said else f" ends with {' or '.join(map(str, step.check.exits))}"


def shown_values(runbook: Runbook) -> dict[str, str]:
    """The values; one that an earlier step gives is shown by its name."""
    given = {each.name: f"<{each.name}>" for step in runbook.template.steps for each in step.check.gives}
    return given | runbook.values


def _cell(value: str) -> str:
    return value.replace("|", "\\|") or "(none)"
