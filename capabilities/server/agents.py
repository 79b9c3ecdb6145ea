"""Export an agent so that it can be reproduced, and import one: verify it, and say what differs here."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.place import kept_rows
from capabilities.server.snapshotting import bytes_of
from flows.place import Place

if TYPE_CHECKING:
    from artifacts.agent_export import AgentExport
    from artifacts.private_key import Signer
    from artifacts.store import Store

_MOST_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAgentExport:
    """Which agent to export."""

    agent: str = field(metadata=shaped(positional=True, text_of=4 * 1024 * 1024))
    """The agent, in YAML (its file on the command line): name, model, prompts, servers with tools, settings, names of secrets.
    """


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentExported:
    """The export. ``content`` is the digest of the agent, the same for the same agent and servers everywhere. ``artifact`` is
    the digest of the signed export in the store, and ``bundle`` are its bytes: the same again from the same store and key.
    """

    name: str
    content: str
    artifact: str
    bundle: str


@tool(title="Export an agent", scope=Scope.PUBLISH, idempotent=True)
def host_agent_export(ask: HostAgentExport, at: Place) -> AgentExported:
    """Sign the configuration of an agent: its model, prompts and settings, and of each hosted server the digests of its files,
    its start and the definitions that the agent sees. Secrets are names only. Refused for a server that may not run.
    """
    from artifacts.agent_export import agent_digest
    from artifacts.store import Store
    from services.host.agents.agent_file import read_agent
    from services.host.agents.exporting import exported
    from services.host.site import verdicts

    asked, by = read_agent(ask.agent.encode()), verdicts(at.settings, at.now)
    with kept_rows(at) as there:
        made = exported(asked, lambda name: there.one(name) if there is not None else None, by.standing)
    signer = at.signer()
    with Store.at(at.settings) as store:
        artifact, bundle = _sealed_once(made, store, signer, at)
    return AgentExported(name=made.name, content=agent_digest(made), artifact=artifact, bundle=bundle.decode())


@dataclass(frozen=True, slots=True, kw_only=True)
class HostAgentImport:
    """Which agent to import, and what its secrets are here."""

    agent: str = field(metadata=shaped(positional=True, text_of=_MOST_BYTES, digest=True))
    """The signed export (its file on the command line), or its digest in the store (sha256:…)."""
    secrets: tuple[str, ...] = field(default=(), metadata=shaped(option="--secret", title="NAME=REFERENCE", most=100))
    """The reference of a secret here, such as TOKEN=file:/run/token; give the option once for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentImported:
    """The agent, by the ``signers`` that count here, and what differs here: nothing if it can be reproduced as it was.

    ``configuration`` is JSON for an MCP client, with each secret's reference; ``file`` is the agent as YAML, to change and to
    export again.
    """

    name: str
    content: str
    signers: tuple[str, ...]
    differences: tuple[str, ...]
    configuration: str
    file: str


@tool(title="Import an agent", scope=Scope.READ, reads_only=True)
def host_agent_import(ask: HostAgentImport, at: Place) -> AgentImported:
    """Verify the export of an agent, and say what differs here: a server that is missing, stopped, of other files or
    definitions, or that the policy of this site does not let run; and secrets without a reference. Nothing is changed.
    """
    from artifacts.agent_export import AGENT_EXPORT, agent_digest
    from artifacts.vouch import vouch
    from services.host.agents.comparing import differences
    from services.host.site import verdicts
    from services.host.spec import pairs
    from tasks.signing.grounds import grounds

    given = dict(pairs(ask.secrets, "--secret"))
    _refuse_values(given)
    vouched = vouch(bytes_of(ask.agent, at), grounds(at.settings.trust), at.now())
    agent = AGENT_EXPORT.read(vouched.statement)
    by = verdicts(at.settings, at.now)
    with kept_rows(at) as there:
        found = differences(agent, lambda name: there.one(name) if there is not None else None, by.standing, frozenset(given))
    return AgentImported(
        name=agent.name,
        content=agent_digest(agent),
        signers=vouched.signers,
        differences=found,
        configuration=_configuration(agent, given, at.settings.public_url or "https://THIS-SITE"),
        file=_file(agent),
    )


def _sealed_once(agent: AgentExport, store: Store, signer: Signer, at: Place) -> tuple[str, bytes]:
    """The signed *agent*. One that this key signed before is given again: a new signature would be other bytes."""
    from artifacts.agent_export import AGENT_EXPORT, agent_digest
    from artifacts.bundle import open_statement, seal_statement

    statement = AGENT_EXPORT.statement(agent)
    for logged in store.about(agent_digest(agent)):
        data = store.get(logged.entry.artifact)
        try:
            if open_statement(data, [signer.public]).statement == statement:
                return logged.entry.artifact, data
        except Refused:
            continue
    bundle = seal_statement(statement, signer)
    return store.put(bundle, {}, at=at.now(), signer=signer).artifact, bundle


def _refuse_values(given: dict[str, str]) -> None:
    """Raise `Refused` for a secret that is given itself instead of by reference."""
    from foundation.secrets.reference import read_reference

    for name, reference in given.items():
        read_reference(reference, f"--secret {name[:80]}")


def _configuration(agent: AgentExport, given: dict[str, str], url: str) -> str:
    servers = {
        one.name: {
            "type": "http",
            "url": f"{url}/{one.name}/mcp",
            **({"tools": list(one.tools)} if one.tools else {}),
        }
        for one in agent.servers
    }
    return json.dumps({"mcpServers": servers, "secrets": given}, indent=2, sort_keys=True)


def _file(agent: AgentExport) -> str:
    import yaml

    from artifacts.typed import dump

    said = cast(dict[str, object], dump(agent))
    said["servers"] = [{"name": one.name, **({"tools": list(one.tools)} if one.tools else {})} for one in agent.servers]
    return yaml.safe_dump(said, sort_keys=False, allow_unicode=True)
