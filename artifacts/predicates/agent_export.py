"""The configuration of an agent."""

from __future__ import annotations

from artifacts.agent_export import AGENT_EXPORT as RECORD
from artifacts.agent_export import AgentExport, agent_digest
from artifacts.predicate import Predicate
from artifacts.words import Said


def _said(statement: bytes, _: object) -> Said:
    agent = RECORD.read(statement)
    return Said(
        predicate_type=RECORD.uri,
        subject=agent.name,
        digests=(agent_digest(agent),),
        evidence=frozenset(),
        kind="agent-export",
    )


AGENT_EXPORT = Predicate(
    uri=RECORD.uri,
    title="ArcOps export of an agent, version 1: an in-toto Statement v1",
    holds=AgentExport,
    read=RECORD.read,
    said=_said,
    published=True,
)
