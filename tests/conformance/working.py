"""Tools of the fixture that become tasks: declared as ours are, run by the same extension (`adapters/mcp/tasks.py`).

No tool of ours asks its client anything while it works, so the tasks extension has no such state; `Desk` adds it here, from the
outside, for the scenarios that look at it.
"""

from __future__ import annotations

import threading
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import mcp_types as types

from arcops.errors import Broken, Refused, Stopped
from capabilities.contract import Scope, Tool, tool
from flows.place import Place

_WAIT_SECONDS = 0.05
REQUIRED = ("failing_job", "confirm_delete", "multi_input", "test_tool_with_task")
"""The tools that are never answered in one go."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Compute:
    """How long to work."""

    seconds: float
    label: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Nothing:
    """No arguments."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delete:
    """What to delete. ``ticket`` is where the answers to what it asks arrive."""

    filename: str
    ticket: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Several:
    """Only the place at which the answers arrive."""

    ticket: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """The name that was asked for before the work began."""

    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """What was done."""

    said: str


@tool(title="Compute slowly", scope=Scope.READ, reads_only=True, long=True)
def slow_compute(ask: Compute, at: Place) -> Done:
    """Work for some seconds, or until it is stopped."""
    if at.stop.wait(ask.seconds):
        raise Stopped("it was stopped")
    return Done(said=f"{ask.label}: {ask.seconds} seconds")


@tool(title="Fail", scope=Scope.READ, reads_only=True, long=True)
def failing_job(ask: Nothing, at: Place) -> Done:
    """Answer an error after a second."""
    at.stop.wait(1.0)
    raise Refused("this job always fails")


@tool(title="Break", scope=Scope.READ, reads_only=True, long=True)
def protocol_error_job(ask: Nothing, at: Place) -> Done:
    """Break as a bug would."""
    raise Broken("this job always breaks")


@tool(title="Delete, once it is confirmed", scope=Scope.READ, long=True)
def confirm_delete(ask: Delete, at: Place) -> Done:
    """Ask whether to delete (nothing is deleted)."""
    answer = DESK.ask(ask.ticket, {"confirm": _form(f"Delete {ask.filename}?", "confirm", "boolean")}, at.stop)
    return Done(said=f"{ask.filename}: {answer['confirm'].get('action')}")


@tool(title="Ask two things", scope=Scope.READ, long=True)
def multi_input(ask: Several, at: Place) -> Done:
    """Ask for a name and a confirmation at once."""
    questions = {"name": _form("Who?", "name", "string"), "confirm": _form("Sure?", "confirm", "boolean")}
    return Done(said=", ".join(sorted(DESK.ask(ask.ticket, questions, at.stop))))


@tool(title="Ask first, then work", scope=Scope.READ, long=True)
def test_tool_with_task(ask: Named, at: Place) -> Done:
    """Greet the person who was named before the work began."""
    return Done(said=f"Hello, {ask.name}!")


WORKING: tuple[Tool[Any, Any], ...] = (
    slow_compute,
    failing_job,
    protocol_error_job,
    confirm_delete,
    multi_input,
    test_tool_with_task,
)


def _form(message: str, name: str, kind: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {name: {"type": kind}}, "required": [name]}
    return {"method": "elicitation/create", "params": {"message": message, "requestedSchema": schema}}


@dataclass(slots=True, kw_only=True)
class _Ticket:
    open: dict[str, Any] = field(default_factory=dict)
    given: dict[str, Any] = field(default_factory=dict)


class Desk:
    """The place at which a running tool leaves its questions, and finds the answers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._tickets: dict[str, _Ticket] = {}
        self._of_task: dict[str, str] = {}

    def draw(self) -> str:
        ticket = uuid.uuid4().hex
        with self._changed:
            self._tickets[ticket] = _Ticket()
        return ticket

    def hold(self, ticket: str, task: str) -> None:
        """From now on *ticket* is the task's."""
        with self._changed:
            self._of_task[task] = ticket

    def ask(self, ticket: str, questions: Mapping[str, Any], stop: threading.Event) -> Mapping[str, Any]:
        """The answers to *questions*. Raises `Stopped` if the tool is stopped before all are there."""
        with self._changed:
            mine = self._tickets[ticket]
            mine.open.update(questions)
            while mine.open:
                if stop.is_set():
                    mine.open.clear()
                    raise Stopped("it was stopped before all was answered")
                self._changed.wait(_WAIT_SECONDS)
            return dict(mine.given)

    def answer(self, task: str, answers: Mapping[str, Any]) -> None:
        """What a client answers; what no one asked is left out."""
        with self._changed:
            mine = self._tickets[self._of_task[task]] if task in self._of_task else _Ticket()
            for key in set(answers) & set(mine.open):
                del mine.open[key]
                mine.given[key] = answers[key]
            self._changed.notify_all()

    def shown(self, state: dict[str, Any]) -> dict[str, Any]:
        """The *state* of a task, with what it waits for."""
        with self._changed:
            ticket = self._of_task.get(state["taskId"])
            questions = dict(self._tickets[ticket].open) if ticket else {}
        if not questions or state["status"] != "working":
            return state
        return {**state, "status": "input_required", "inputRequests": questions}


DESK = Desk()


def with_ticket(params: types.CallToolRequestParams) -> tuple[types.CallToolRequestParams, str]:
    """*params* with a fresh ticket in it if its tool asks."""
    if params.name not in (confirm_delete.name, multi_input.name):
        return params, ""
    ticket = DESK.draw()
    return params.model_copy(update={"arguments": {**(params.arguments or {}), "ticket": ticket}}), ticket
