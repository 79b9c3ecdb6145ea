"""The commands ``arcops gpu bench`` and ``arcops gpu baseline``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.exits import said_in_one_sentence
from adapters.cli.options import Format, Key, path


def add(group: typer.Typer) -> None:
    """Put the commands into *group*."""
    group.command("bench")(bench)
    group.command("baseline")(baseline)


def bench(
    baseline: Annotated[
        Path | None, typer.Option(parser=path, help="The site's signed baseline, to compare with.", show_default=False)
    ] = None,
    cpu: Annotated[bool, typer.Option("--cpu", help="Measure the processor, on a node without a GPU.")] = False,
    policy: Annotated[
        str,
        typer.Option(help="A registered policy's name or digest, or a file.", show_default="gpu-bench, cpu-bench with --cpu"),
    ] = "",
    tolerance: Annotated[
        int, typer.Option(help="Percent slower that is still the same, where the policy is not stricter.")
    ] = 50,
    least: Annotated[
        int, typer.Option(help="The least sessions of each figure.", show_default="5, or 9 without a baseline")
    ] = 0,
    most: Annotated[int, typer.Option(help="The most sessions of each figure, where fewer do not decide.")] = 15,
    sustained: Annotated[int, typer.Option(help="Seconds that one load is kept up.")] = 10,
    budget: Annotated[int, typer.Option(help="Seconds that the whole benchmark may take.")] = 600,
    seed: Annotated[int, typer.Option(help="The operands follow from it.")] = 1,
    size: Annotated[int, typer.Option(help="Thousandths of the full size; less than all is only for trying out.")] = 1000,
    key: Key = "",
    output: Annotated[
        Path | None, typer.Option("--output", "-o", parser=path, help="Write the sealed artifact here, too.")
    ] = None,
    form: Annotated[Format, typer.Option("--format", help="What to print.")] = Format.text,
) -> None:
    """Measure this machine's GPUs at full load for minutes; print the verdict and keep a signed artifact of it."""
    with said_in_one_sentence():
        from adapters.cli import benching
        from capabilities.gpu.bench import BenchNode

        ask = BenchNode(
            cpu=cpu,
            baseline=baseline,
            policy=policy,
            least=least,
            most=most,
            tolerance=tolerance,
            sustained_s=sustained,
            budget_s=budget,
            seed=seed,
            size=size,
        )
        code = benching.bench(ask, key, output, form.value)
    raise typer.Exit(code)


def baseline(
    artifact: Annotated[
        str, typer.Argument(help="A kept benchmark artifact of a machine that is well: a file, or sha256:…", show_default=False)
    ],
    output: Annotated[Path, typer.Option("--output", "-o", parser=path, help="Write the signed baseline here.")],
    key: Key = "",
) -> None:
    """Make a signed baseline, for machines of the same model, of what a benchmark measured."""
    with said_in_one_sentence():
        from adapters.cli import benching

        benching.baseline(artifact, key, output)
