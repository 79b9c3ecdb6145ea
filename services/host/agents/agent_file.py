"""The file in which a person says what an agent is: strict YAML, without any secret."""

from __future__ import annotations

import re
from dataclasses import dataclass

from arcops.errors import Refused
from artifacts.wire import from_values
from foundation.strict_yaml import load_all

MOST_BYTES = 4 * 1024 * 1024
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAsked:
    """The model of the agent, in one exact version."""

    provider: str
    name: str
    version: str
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class PromptAsked:
    """A prompt."""

    name: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAsked:
    """A hosted server, and the tools of it that the agent may call: all of them if none is named."""

    name: str
    tools: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class ValueAsked:
    """A setting, as text."""

    name: str
    value: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentAsked:
    """An agent as it is written down. ``secrets`` are names of variables, never values."""

    name: str
    model: ModelAsked
    prompts: tuple[PromptAsked, ...] = ()
    servers: tuple[ServerAsked, ...] = ()
    settings: tuple[ValueAsked, ...] = ()
    secrets: tuple[str, ...] = ()


def read_agent(data: bytes) -> AgentAsked:
    """The agent in *data*. Raises `Refused` with the first thing that is wrong, or that looks like a secret."""
    if len(data) > MOST_BYTES:
        raise Refused(f"the agent's file has more than {MOST_BYTES} bytes")
    found = load_all(data, what="the agent's file")
    if len(found) != 1:
        raise Refused(f"the agent's file holds {len(found)} documents instead of one")
    agent = from_values(AgentAsked, found[0])
    _refuse_wrong(agent)
    return agent


def _refuse_wrong(agent: AgentAsked) -> None:
    from gates.client.client_configuration.names import named_secret
    from gates.client.client_configuration.secrets import secret_in

    names = [("agent", [agent.name]), ("prompt", [one.name for one in agent.prompts]), ("secret", list(agent.secrets)),
             ("setting", [one.name for one in agent.settings]), ("server", [one.name for one in agent.servers])]  # fmt: skip
    for what, found in names:
        for name in found:
            if not _NAME.fullmatch(name):
                raise Refused(f"{name[:80]!r} cannot be the name of a{'n' if what == 'agent' else ''} {what}")
            if found.count(name) > 1:
                raise Refused(f"the {what} {name} is there twice")
    model = agent.model
    if not (model.provider and model.name and model.version) or (model.digest and not _DIGEST.fullmatch(model.digest)):
        raise Refused("the model needs a provider, a name and an exact version; a digest is sha256: and 64 hexadecimal digits")
    for one in agent.settings:
        if named_secret(one.name, one.value) or secret_in(one.value):
            raise Refused(f"the setting {one.name} holds what looks like a secret; name it under 'secrets' instead")
    for prompt in agent.prompts:
        if what := secret_in(prompt.text):
            raise Refused(f"the prompt {prompt.name} holds what looks like a secret ({what}), and others will read it")
