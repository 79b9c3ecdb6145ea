"""The configuration of an agent, as it is reproduced elsewhere: model, prompts, servers and their tools, by digests. No
secret, no time: the same configuration is the same statement.
"""

from __future__ import annotations

from dataclasses import dataclass

from artifacts.canonical import canonical
from artifacts.objects import digest_of
from artifacts.record import Record
from artifacts.typed import dump


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentValue:
    """A setting of the agent, such as a temperature, as text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentModel:
    """The model: who serves it, its name, its exact version, and its digest if it has one."""

    provider: str
    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentPrompt:
    """A prompt, whole."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentOffer:
    """Something of a server that the agent sees, with the digest of its definition."""

    kind: str
    name: str
    digest: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentServer:
    """A hosted server of the agent. ``lock`` is the digest of its files, ``launch`` that of how it is started. ``tools`` are
    those that the agent may call, all of them if it is empty; ``offers`` are their definitions, and those of its
    instructions.
    """

    name: str
    package: str
    lock: str
    launch: str
    tools: tuple[str, ...]
    offers: tuple[AgentOffer, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentExport:
    """An agent. ``secrets`` are names only: the one who imports it says what each is."""

    name: str
    model: AgentModel
    prompts: tuple[AgentPrompt, ...]
    servers: tuple[AgentServer, ...]
    settings: tuple[AgentValue, ...]
    secrets: tuple[str, ...]


def agent_digest(agent: AgentExport) -> str:
    """``sha256:…`` of the canonical bytes of *agent*."""
    return digest_of(canonical(dump(agent)))


AGENT_EXPORT: Record[AgentExport] = Record(
    uri="https://arcops.dev/predicates/agent-export/v1",
    what="the export of an agent",
    holds=AgentExport,
    about=lambda agent: (agent.name, agent_digest(agent)),
)
