"""The commands of ``arcops network``."""

from __future__ import annotations

from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.exits import said_in_one_sentence
from adapters.cli.options import Format, Key, TierName, path

network_app = typer.Typer(name="network", help="What can talk to what, by Kubernetes manifests.", no_args_is_help=True)


Context = Annotated[
    str,
    typer.Option(help="Look at the live cluster at this context; of a server or worker: its name there.", show_default=False),
]
Kubeconfig = Annotated[Path | None, typer.Option(parser=path, help="The kubeconfig.", show_default="your own")]
Output = Annotated[Path | None, typer.Option("--output", "-o", parser=path, help="Write the sealed artifact here, too.")]
HowFar = Annotated[TierName | None, typer.Option(help="How far this run may reach.", show_default="air-gapped")]


@network_app.command("check")
def network_check(
    target: Annotated[
        Path | None, typer.Argument(parser=path, help="A folder with manifests, or one file.", show_default=False)
    ] = None,
    saved: Annotated[Path | None, typer.Option(parser=path, help="A snapshot's folder.", show_default=False)] = None,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    policy: Annotated[str, typer.Option(help="A registered policy's name or digest, or a file.")] = "network",
    key: Key = "",
    output: Output = None,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
    tier: HowFar = None,
) -> None:
    """Judge manifests, or a live cluster, by what they let talk to what; print the verdict and keep a signed artifact of it."""
    with said_in_one_sentence():
        from adapters.cli import networking
        from capabilities.network.check import CheckNetwork

        ask = CheckNetwork(target=target, saved=saved, context=context, kubeconfig=kubeconfig, policy=policy)
        code = networking.check(ask, key, output, form.value, tier.value if tier else "")
    raise typer.Exit(code)


class AnswerFormat(str, Enum):  # noqa: UP042  # typer shows str-enums by value
    """For people, or for machines."""

    text = "text"
    json = "json"


@network_app.command("reach")
def network_reach(
    target: Annotated[Path, typer.Argument(parser=path, help="A folder with manifests, or one file.", show_default=False)],
    source: Annotated[str, typer.Option("--from", help="A pod or workload, NAMESPACE/NAME; an address; or internet.")],
    to: Annotated[str, typer.Option("--to", help="NAME:PORT of a Service, pod, workload or address, such as db:5432.")],
    form: Annotated[AnswerFormat, typer.Option("--format", help="What to print.")] = AnswerFormat.text,
) -> None:
    """Say whether one end reaches another, and which rules decide. Exits 0 for yes, 3 for no, 1 where it is not certain."""
    with said_in_one_sentence():
        from adapters.cli import networking

        code = networking.reach(target, source, to, form.value)
    raise typer.Exit(code)


@network_app.command("diff")
def network_diff(
    declared: Annotated[Path, typer.Argument(parser=path, help="Manifests as they should be.", show_default=False)],
    live: Annotated[
        Path | None,
        typer.Argument(
            parser=path, help="Manifests as they are: a snapshot, or what 'kubectl get -o yaml' prints.", show_default=False
        ),
    ] = None,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    policy: Annotated[str, typer.Option(help="A registered policy's name or digest, or a file.")] = "network-drift",
    key: Key = "",
    output: Output = None,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
    tier: HowFar = None,
) -> None:
    """Say what may talk in a cluster that was not declared, and the other way about; keep a signed artifact of it.

    Exits 0, 4 or 3 by what changed.
    """
    with said_in_one_sentence():
        from adapters.cli import networking
        from capabilities.network.drift import DiffNetwork

        ask = DiffNetwork(declared=declared, live=live, context=context, kubeconfig=kubeconfig, policy=policy)
        code = networking.diff(ask, key, output, form.value, tier.value if tier else "")
    raise typer.Exit(code)


@network_app.command("map")
def network_map(
    output: Annotated[Path, typer.Option("--output", "-o", parser=path, help="The SVG file to write.")],
    target: Annotated[
        Path | None, typer.Argument(parser=path, help="A folder with manifests, or one file.", show_default=False)
    ] = None,
    artifact: Annotated[
        str, typer.Option(help="Draw what this artifact in the store was judged by: sha256:….", show_default=False)
    ] = "",
    kind: Annotated[str, typer.Option(help="Of the artifact's evidence: network, or declared.")] = "network",
) -> None:
    """Draw namespaces, workloads and what may talk to what. Exits 1 where the picture is not certain; it says so itself."""
    with said_in_one_sentence():
        from adapters.cli import networking
        from capabilities.network.map import MapNetwork

        code = networking.draw(MapNetwork(target=target, artifact=artifact, kind=kind), output)
    raise typer.Exit(code)


@network_app.command("generate")
def network_generate(
    description: Annotated[Path, typer.Argument(parser=path, help="The description of a workload, YAML.", show_default=False)],
    output: Annotated[
        Path, typer.Option("--output", "-o", parser=path, help="The folder for the manifests; made where it is not there.")
    ],
    definitions: Annotated[
        Path | None,
        typer.Option(
            parser=path,
            help="A folder with the site's CustomResourceDefinitions, to hold custom objects against.",
            show_default="none",
        ),
    ] = None,
) -> None:
    """Write deny-by-default manifests for a workload, proven GREEN before they are written."""
    with said_in_one_sentence():
        from adapters.cli import networking

        networking.generate(description, output, definitions)


@network_app.command("snapshot")
def network_snapshot(
    output: Annotated[
        Path,
        typer.Option("--output", "-o", parser=path, help="The folder for the manifests: new, or one that was cut off."),
    ],
    context: Annotated[str, typer.Option(help="The context of the kubeconfig.", show_default="the current one")] = "",
    kubeconfig: Annotated[Path | None, typer.Option(parser=path, help="The kubeconfig.", show_default="your own")] = None,
    tier: Annotated[TierName | None, typer.Option(help="How far this run may reach.", show_default="air-gapped")] = None,
) -> None:
    """Save what a cluster holds about its network, to check and compare it; the same command continues one that was cut off.

    Exits 1 where the cluster did not show all of it.
    """
    with said_in_one_sentence():
        from adapters.cli import networking

        code = networking.snapshot(output, context, kubeconfig, tier.value if tier else "")
    raise typer.Exit(code)
