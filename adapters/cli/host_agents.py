"""``arcops host agent``: agents that are exported, so that they can be reproduced, and imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answered
from adapters.cli.commands import Given, command
from adapters.cli.exits import GREEN, RED
from adapters.cli.plain import print_json
from adapters.cli.printing import Answering, TextOrJson
from arcops.asks import shaped
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.agents import AgentExported, AgentImported, HostAgentExport, HostAgentImport

_AGENTS = "capabilities.server.agents"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exporting(Answering):
    """The options of ``host agent export``."""

    output: Path | None = field(default=None, metadata=shaped(short="-o"))
    """Write the signed export here, too."""
    key: str = ""
    """Signing key: a file, env:NAME, or a PKCS#11 or cloud KMS URI [environment: ARCOPS_KEY]."""


@command("host agent export", f"{_AGENTS}:host_agent_export", own=Exporting, example="agent.yaml -o agent.json")
def export(given: Given[HostAgentExport, AgentExported, Exporting]) -> None:
    """Sign an agent's configuration, so that it can be reproduced; the same again is the same file."""
    own = given.own
    found = answered(given, surroundings.place(key=own.key), own.output, lambda made: made.bundle)
    if own.form is TextOrJson.JSON:
        print_json(found)
        return
    print(printable(f"agent {found.name}: {found.content}"))
    print(f"export {found.artifact}{f', in {own.output}' if own.output is not None else ''}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Importing(Answering):
    """The options of ``host agent import``."""

    output: Path | None = field(default=None, metadata=shaped(short="-o"))
    """Write the agent as YAML here."""


@command("host agent import", f"{_AGENTS}:host_agent_import", own=Importing, example="agent.json --secret TOKEN=env:T")
def import_(given: Given[HostAgentImport, AgentImported, Importing]) -> int:
    """Verify an agent's export, and say what differs here: 0 if nothing does, 3 if something does."""
    own = given.own
    found = answered(given, surroundings.place(), own.output, lambda made: made.file)
    if own.form is TextOrJson.JSON:
        print_json(found)
    else:
        print(printable(f"agent {found.name}: {found.content}, signed by {', '.join(found.signers)}"))
        for one in found.differences:
            print(printable(one))
        if not found.differences:
            print("everything is here as it was there")
        print(printable(found.configuration))
    return RED if found.differences else GREEN
