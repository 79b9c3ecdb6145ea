"""``arcops operator explain`` and ``arcops operator manifests``: what needs no cluster."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.exits import GREEN, RED
from adapters.cli.printing import Answering
from arcops.asks import shaped
from arcops.errors import Refused
from artifacts.projections.printable import printable

if TYPE_CHECKING:
    from capabilities.operator.explaining import ExplainServers, ServerExplained, ServersExplained
    from capabilities.operator.manifests import MakeOperatorManifests, OperatorManifests

OPERATOR = group("operator", "Operate MCP servers on Kubernetes: MCPServer and ClusterMCPServer.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explaining(Answering):
    """The options of ``operator explain``."""

    objects: bool = False
    """Print the objects themselves, as YAML."""


@command(
    "operator explain",
    "capabilities.operator.explaining:explain_servers",
    own=Explaining,
    example="my-server.yaml --settings operator.yaml",
)
def explain(given: Given[ExplainServers, ServersExplained, Explaining]) -> int:
    """Say what the operator would make of a resource, who enforces what, and what is refused. Exits 3 if one is refused."""

    def told(found: ServersExplained) -> None:
        if found.assumed:
            print(printable(f"arcops: {found.assumed} (--settings)"), file=sys.stderr)
        for one in found.servers:
            _tell(one, objects=given.own.objects)

    found = shown(given, told)
    return RED if any(one.problem for one in found.servers) else GREEN


def _tell(one: ServerExplained, *, objects: bool) -> None:
    if one.problem:
        text = printable(f"{one.name}: refused, {one.reason}: {one.problem}")
        print(text, file=sys.stderr if objects else sys.stdout)
        return
    if objects:
        print("---")
        for line in one.objects.splitlines():
            print(printable(line))
        return
    print(printable(f"{one.name}: accepted"))
    told = [*one.enforced]
    if one.image:
        told.append(f"image: {one.image}")
    if one.kinds:
        told.append(f"objects: {', '.join(one.kinds)}")
    if one.connections:
        told.append(f"proven: {one.connections} connection(s) asked, each open or closed as said above")
    for line in told:
        print(printable(f"  {line}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Writing:
    """The options of ``operator manifests``."""

    output: Path | None = field(default=None, metadata=shaped(short="-o"))
    """The folder for the files; without it, they are printed as one text for 'kubectl apply -f -'."""


@command(
    "operator manifests",
    "capabilities.operator.manifests:make_operator_manifests",
    own=Writing,
    example=f"operator.yaml --image registry.example/arcops@sha256:{'0' * 64}",
)
def manifests(given: Given[MakeOperatorManifests, OperatorManifests, Writing]) -> None:
    """Print or write everything that the operator needs on a cluster: definitions, rights, pods, network and admission."""
    from artifacts.writing import replace_whole, replaceable

    output = given.own.output
    made = answer(given.tool, given.ask(), surroundings.place())
    if output is None:
        print("---\n".join(one.text for one in made.files), end="")
        return
    output.mkdir(parents=True, exist_ok=True)
    others = sorted({one.name for one in output.iterdir()} - {one.name for one in made.files})
    if others:
        raise Refused(f"{output} holds {others[0]}, which would be applied with these files; remove it")
    for one in made.files:
        replaceable(output / one.name)
    for one in made.files:
        replace_whole(output / one.name, one.text.encode())
        print(printable(str(output / one.name)))
