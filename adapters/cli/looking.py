"""The commands that look at what was kept: ``arcops compare`` and ``arcops store review``, ``examine`` and ``figures``."""

from __future__ import annotations

from enum import Enum
from typing import Annotated

import typer

from adapters.cli.exits import said_in_one_sentence


class TextOrJson(str, Enum):  # noqa: UP042  # typer shows str-enums by value
    """For people, or for machines."""

    text = "text"
    json = "json"


Form = Annotated[TextOrJson, typer.Option("--format", help="What to print.")]


def add(app: typer.Typer, store: typer.Typer) -> None:
    """Put the commands into *app* and its group *store*."""
    app.command()(compare)
    for command in (review, examine, figures):
        store.command()(command)


def compare(
    a: Annotated[str, typer.Argument(help="Before, or here: a sealed artifact, or sha256:…", show_default=False)],
    b: Annotated[str, typer.Argument(help="After, or there.", show_default=False)],
    form: Form = TextOrJson.text,
) -> None:
    """Tell what changed from artifact A to artifact B. Exits 3 where one of them is not verified here."""
    with said_in_one_sentence():
        from adapters.cli import comparing

        code = comparing.compare(a, b, form.value)
    raise typer.Exit(code)


def review(
    subject: Annotated[str, typer.Option(help="Only artifacts whose subject's name contains this.")] = "",
    site: Annotated[str, typer.Option(help="Only artifacts that were judged at this site.")] = "",
    gate: Annotated[str, typer.Option(help="Only artifacts that this gate judged.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many, the newest first.", min=1, max=200)] = 50,
    form: Form = TextOrJson.text,
) -> None:
    """List the artifacts that were kept, with each signature checked now."""
    with said_in_one_sentence():
        from adapters.cli import comparing

        comparing.review(subject, site, gate, limit, form.value)


def examine(
    artifact: Annotated[str, typer.Argument(help="The digest of a kept artifact, sha256:…", show_default=False)],
    form: Form = TextOrJson.text,
) -> None:
    """Check a kept artifact's bytes, signature and place in the ledger. Exits by its verdict; 3 where any of them is bad."""
    with said_in_one_sentence():
        from adapters.cli import comparing

        code = comparing.examine(artifact, form.value)
    raise typer.Exit(code)


def figures(
    days: Annotated[int, typer.Option(help="Over how many days before now.", min=1)] = 90,
    production: Annotated[
        list[str] | None,
        typer.Option(help="A production namespace (* for any text); may be repeated.", show_default=False),
    ] = None,
    form: Form = TextOrJson.text,
) -> None:
    """Measure the success figures from the artifacts whose signatures hold, each with its definition."""
    with said_in_one_sentence():
        from adapters.cli import comparing

        comparing.figures(days, tuple(production or ()), form.value)
