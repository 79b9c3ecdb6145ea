"""The page that says when work takes MCP and when A2A, as docs/when-to-use-which.md does for those who read files."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.web.replies import Reply
from adapters.web.showing import Asked, shown


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """What differs between both, in one respect."""

    respect: str
    mcp: str
    a2a: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """All of them."""

    differences: tuple[Difference, ...]


DIFFERENCES = Differences(
    differences=(
        Difference(respect="connects", mcp="a model or an agent to tools, data and prompts", a2a="an agent to another agent"),
        Difference(
            respect="the other side",
            mcp="does what it is told: a call with arguments, and its result",
            a2a="decides for itself how to reach a goal, asks back, takes hours",
        ),
        Difference(
            respect="says what it can do by",
            mcp="lists with a schema for each tool",
            a2a="a card with skills in words",
        ),
        Difference(
            respect="state",
            mcp="a session, or none (2026-07-28)",
            a2a="a task with a life of its own, messages and results",
        ),
        Difference(
            respect="what a site can judge before",
            mcp="all of it: files, definitions, what it tries at its start",
            a2a="only its card and its address: the agent runs elsewhere",
        ),
        Difference(
            respect="what ArcOps does",
            mcp="hosts, judges, limits, records and counts",
            a2a="keeps the card, in the catalog and as a row; refuses calls",
        ),
    )
)


def which_protocol(asked: Asked) -> Reply:
    """The comparison."""
    return shown(asked, "which_protocol.html", "catalog", DIFFERENCES, found=DIFFERENCES)
