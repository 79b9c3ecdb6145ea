"""The configuration of an agent."""

from __future__ import annotations

from artifacts.agent_export import AGENT_EXPORT as RECORD

AGENT_EXPORT = RECORD.predicate(
    "ArcOps export of an agent, version 1: an in-toto Statement v1",
    RECORD.said,
)
