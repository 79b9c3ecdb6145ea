"""``arcops cluster``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.exits import CANNOT, GREEN, said_in_one_sentence
from adapters.cli.options import Format, Key, TierName, path

cluster_app = typer.Typer(name="cluster", help="Is a Kubernetes cluster ready for a model?", no_args_is_help=True)

Context = Annotated[
    str, typer.Option(help="The context; of a server or worker: its name there.", show_default="the current one")
]
Kubeconfig = Annotated[Path | None, typer.Option(parser=path, help="The kubeconfig.", show_default="your own")]
HowFar = Annotated[TierName | None, typer.Option(help="How far this run may reach.", show_default="air-gapped")]


@cluster_app.command("check")
def check(
    saved: Annotated[
        Path | None,
        typer.Argument(parser=path, help="The folder of a snapshot; a live cluster without it.", show_default=False),
    ] = None,
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    policy: Annotated[str, typer.Option(help="A registered policy's name or digest, or a file.")] = "cluster",
    key: Key = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", parser=path, help="Write the sealed artifact here, too.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
    tier: HowFar = None,
) -> None:
    """Judge a cluster, live or saved, by what a workload needs; print the verdict and keep a signed artifact of it."""
    with said_in_one_sentence():
        from adapters.cli import surroundings
        from adapters.cli.answering import answer, policy_for
        from adapters.cli.checking import keep, tell
        from artifacts.writing import replaceable
        from capabilities.cluster.check import CheckCluster, check_cluster

        if output is not None:
            replaceable(output)
        at = surroundings.place(tier.value if tier else "", key, surroundings.stop_on_signals())
        asked = CheckCluster(saved=saved, context=context, kubeconfig=kubeconfig, policy=policy_for(policy))
        checked = answer(check_cluster, asked, at)
        keep(checked.artifact, output, at)
        code = tell(checked.report, checked.artifact, form.value, output, at)
    raise typer.Exit(code)


@cluster_app.command("snapshot")
def snapshot(
    output: Annotated[Path, typer.Option("--output", "-o", parser=path, help="The folder for the files; new or empty.")],
    context: Context = "",
    kubeconfig: Kubeconfig = None,
    tier: HowFar = None,
) -> None:
    """Save what a cluster says about being ready, to check it elsewhere. Exits 1 where it did not show all of it."""
    with said_in_one_sentence():
        from adapters.cli import surroundings
        from adapters.cli.answering import answer
        from adapters.cli.saving import refuse_unless_new, save
        from capabilities.cluster.check import SnapshotCluster, snapshot_cluster

        refuse_unless_new(output)
        at = surroundings.place(tier.value if tier else "", stop=surroundings.stop_on_signals())
        found = answer(snapshot_cluster, SnapshotCluster(context=context, kubeconfig=kubeconfig), at)
        missing = save(found, output)
        print(f"{found.name}: saved in {output}, {missing} list(s) not seen")
    raise typer.Exit(CANNOT if missing else GREEN)
