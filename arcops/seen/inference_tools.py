"""What an endpoint made of tools: each request that offered tools, and if its calls can be used."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


class ToolProblem(Enum):
    """Why the calls of an answer cannot be used; ``NONE``: they can."""

    NONE = "none"
    NO_ANSWER = "no complete answer"
    NO_CALL = "no call"
    TOO_FEW = "fewer calls than were asked for at once"
    NO_ID = "a call without an id, or two with the same one"
    OTHER_TOOL = "a call of a tool that was not offered"
    NOT_JSON = "arguments that are not a JSON object"
    OFF_SCHEMA = "arguments that do not follow the tool's JSON Schema"


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolTrial:
    """One request to ``model`` that offered tools: ``parallel`` asked for two calls at once. ``calls`` is the SHA-256 of the
    names and arguments of all calls, in order and canonical; empty if there is no usable call. ``said`` holds no text of the
    answer.
    """

    model: str
    streamed: bool
    parallel: bool
    problem: ToolProblem
    calls: str
    said: str = ""

    @property
    def title(self) -> str:
        how = "streamed" if self.streamed else "at once"
        return f"{'two calls' if self.parallel else 'one call'}, {how}"


PLANNED_TRIALS = 8
"""For each model: one call and two, streamed and not, each asked twice."""
