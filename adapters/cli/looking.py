"""The commands about what was kept: ``arcops compare``, ``arcops rejudge`` and ``arcops store``."""

from __future__ import annotations

from collections.abc import Callable
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.exits import said_in_one_sentence
from adapters.cli.options import path


class TextOrJson(str, Enum):  # noqa: UP042  # typer shows str-enums by value
    """For people, or for machines."""

    text = "text"
    json = "json"


Form = Annotated[TextOrJson, typer.Option("--format", help="What to print.")]


def add(app: typer.Typer, store: typer.Typer) -> None:
    """Put the commands into *app* and its group *store*."""
    app.command()(compare)
    app.command()(rejudge)
    named: dict[str, Callable[..., None]] = {
        "list": list_,
        "review": review,
        "examine": examine,
        "figures": figures,
        "check": check,
        "export": export,
        "import": bring_in,
    }
    for name, command in named.items():
        store.command(name)(command)


def compare(
    a: Annotated[str, typer.Argument(help="Before, or here: a sealed artifact, or sha256:…", show_default=False)],
    b: Annotated[str, typer.Argument(help="After, or there.", show_default=False)],
    tolerance: Annotated[int, typer.Option(help="By how many percent measured times may differ and be the same.")] = 5,
    form: Form = TextOrJson.text,
) -> None:
    """Tell what changed from artifact A to B, and whether B is slower or faster. Exits 3 where one is not verified here."""
    with said_in_one_sentence():
        from adapters.cli import comparing

        code = comparing.compare(a, b, tolerance, form.value)
    raise typer.Exit(code)


def rejudge(
    artifact: Annotated[str, typer.Argument(help="A sealed artifact, or sha256:…", show_default=False)],
    policy: Annotated[str, typer.Option(help="The policy that judged it, where the store does not keep it.")] = "",
    form: Form = TextOrJson.text,
) -> None:
    """Judge an artifact's kept evidence again by its own policy and clock. Exits 0 where the same bytes come out, else 3."""
    with said_in_one_sentence():
        from adapters.cli import rejudging

        code = rejudging.rejudge(artifact, policy, form.value)
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


Signers = Annotated[
    list[Path] | None,
    typer.Option(
        "--key", parser=path, help="Public key (PEM) of who signed; may be repeated. Else the trusted ones.", show_default=False
    ),
]


def list_(
    subject: Annotated[str, typer.Option(help="Only artifacts about the subject of this name.")] = "",
    limit: Annotated[int, typer.Option(help="At most so many, the newest first.", min=1)] = 50,
) -> None:
    """List the artifacts that were kept."""
    with said_in_one_sentence():
        from adapters.cli import keeping

        keeping.listing(subject, limit)


def check(
    key: Signers = None,
    checkpoint: Annotated[
        Path | None, typer.Option(parser=path, help="The last checkpoint that you kept outside of the store.")
    ] = None,
) -> None:
    """Read the whole store again, and say what it was held against: exit 0 when it found no problem, else 3."""
    with said_in_one_sentence():
        from adapters.cli import keeping

        code = keeping.check(tuple(key or ()), checkpoint)
    raise typer.Exit(code)


def export(
    mirror: Annotated[Path, typer.Argument(parser=path, help="The new file.", show_default=False)], key: Signers = None
) -> None:
    """Write one tar with all artifacts, evidence and proofs, to be carried across an air gap."""
    with said_in_one_sentence():
        from adapters.cli import keeping

        keeping.export(mirror, tuple(key or ()))


def bring_in(
    mirror: Annotated[Path, typer.Argument(parser=path, help="An exported file.", show_default=False)], key: Signers = None
) -> None:
    """Verify a mirror, whole, and keep what it carries."""
    with said_in_one_sentence():
        from adapters.cli import keeping

        keeping.bring_in(mirror, tuple(key or ()))
