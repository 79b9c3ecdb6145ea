"""Tools that are watched: each call is a span, a line in the log, and counted.

A door that runs tools runs them with `watched`. What it reports about a call are names and ids, never the ask.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeVar

from arcops.errors import ArcOpsError, Broken, Refused, Stopped
from arcops.late_dataclass import dataclass
from arcops.result import Report
from capabilities.contract import Tool
from flows.place import Place
from foundation.telemetry.spans import SpanWords, span

A = TypeVar("A")
B = TypeVar("B")

UNKNOWN = "(unknown)"
"""The name for a tool that does not exist. Callers may write any name, so the name itself is not used in metrics."""
ANSWERED, REFUSED, UNAVAILABLE, STOPPED, BROKEN = OUTCOMES = ("answered", "refused", "unavailable", "stopped", "broken")


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A call that ended. ``outcome`` is one of `OUTCOMES`; ``seconds`` do not include the wait for a turn."""

    tool: str
    long: bool
    outcome: str
    seconds: float


Tell = Callable[[Called], None]


def watched(tool: Tool[A, B], ask: A, at: Place, *, tell: Tell | None = None, run: str = "") -> B:
    """The answer of *tool* to *ask*; raises what it raises. *run* is the id of this run, if it has one."""
    began = time.monotonic()
    with span(f"tool {tool.name}", tool=tool.name, run=run) as here:
        try:
            answer = tool(ask, at)
        except Exception as error:
            here.say(outcome=outcome(error))
            _tell(_called(tool, outcome(error), time.monotonic() - began), tell)
            raise
        here.say(outcome=ANSWERED)
        here.say(**came_to(answer))
        _tell(_called(tool, ANSWERED, time.monotonic() - began), tell)
    return answer


def unbegun(name: str, error: Exception, tell: Tell) -> None:
    """A call of the tool *name* failed before the tool was asked."""
    _tell(Called(tool=name, long=False, outcome=outcome(error), seconds=0.0), tell)


def ended_elsewhere(tool: Tool[Any, Any], came: object, took: timedelta, *, run: str, tell: Tell) -> None:
    """Another process worked on a run of *tool*, and it ended with *came*, an answer or an error; this process saw it now."""
    said = outcome(came) if isinstance(came, Exception) else ANSWERED
    with span(f"ended {tool.name}", tool=tool.name, run=run, outcome=said) as here:
        here.say(**({} if isinstance(came, Exception) else came_to(came)))
        _tell(_called(tool, said, took.total_seconds()), tell)


def outcome(error: Exception) -> str:
    """The outcome that *error* counts as: it says what the caller does next."""
    if isinstance(error, Broken) or not isinstance(error, (ArcOpsError, OSError)):
        return BROKEN
    if isinstance(error, Refused):
        return REFUSED
    return STOPPED if isinstance(error, Stopped) else UNAVAILABLE


def came_to(answer: object) -> SpanWords:
    """The verdict and the artifact in *answer*."""
    report, artifact = getattr(answer, "report", None), getattr(answer, "artifact", "")
    found: SpanWords = {"verdict": report.verdict.value} if isinstance(report, Report) else {}
    if isinstance(artifact, str) and artifact.startswith("sha256:"):
        found["artifact"] = artifact
    return found


def done_to(answer: object) -> str:
    """What a call was about, for its record: what its *answer* says (``done_to``), or the artifact in it."""
    named = getattr(answer, "done_to", "")
    return named if isinstance(named, str) and named else str(came_to(answer).get("artifact", ""))


def _called(tool: Tool[Any, Any], said: str, seconds: float) -> Called:
    return Called(tool=tool.name, long=tool.long, outcome=said, seconds=seconds)


def _tell(called: Called, tell: Tell | None) -> None:
    if tell is None:
        return  # on the command line, which prints its own output
    import logging  # only servers need it, and it takes time to import

    known = {"tool": called.tool, "outcome": called.outcome, "seconds": round(called.seconds, 3)}
    logging.getLogger(__name__).info("tool %s: %s", called.tool, called.outcome, extra={"known": known})
    tell(called)
