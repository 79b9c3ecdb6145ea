"""``arcops network exposure``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from adapters.cli.exits import CANNOT, GREEN, said_in_one_sentence
from adapters.cli.network_commands import AnswerFormat
from adapters.cli.options import path

if TYPE_CHECKING:
    from capabilities.network.exposure import ExposedNetwork

_MOST_DOUBTS = 10


def add(app: typer.Typer) -> None:
    """Add the command to *app*."""
    app.command("exposure")(network_exposure)


def network_exposure(
    target: Annotated[Path, typer.Argument(parser=path, help="A folder with manifests, or one file.", show_default=False)],
    form: Annotated[AnswerFormat, typer.Option("--format", help="What to print.")] = AnswerFormat.text,
) -> None:
    """Say which pods are reachable from outside, by which ways, names, ports and rules. Exits 1 where it is not certain."""
    with said_in_one_sentence():
        code = _show(target, form.value)
    raise typer.Exit(code)


def _show(target: Path, form: str) -> int:
    import sys

    from adapters.cli import surroundings
    from adapters.cli.answering import answer
    from capabilities.network.exposure import ExposeNetwork, expose_network

    found = answer(expose_network, ExposeNetwork(target=target), surroundings.place())
    if form == "json":
        from artifacts.wire import canonical, to_json

        sys.stdout.buffer.write(canonical(to_json(found)) + b"\n")
    else:
        _print(found)
    return CANNOT if found.doubts else GREEN


def _print(found: ExposedNetwork) -> None:
    from adapters.cli.plain import printable

    for one in found.openings:
        word = "open" if one.open else "closed"
        to = f"{one.pods}, {f'{one.protocol.value} {one.port}' if one.port else 'any port'}"
        print(printable(f"{word}: {one.how} ({one.at.path}:{one.at.line}) to {to}"))
        if one.hosts:
            print(printable(f"  asked for as {', '.join('any name' if host == '*' else host for host in one.hosts)}"))
        for listener in one.listeners:
            where = f"{listener.at.path}:{listener.at.line}"
            print(printable(f"  by {listener.title}, {listener.protocol} {listener.port} ({where})"))
        if one.sources and one.open:
            print(printable(f"  from {', '.join(one.sources)}"))
        for rule in one.rules:
            at = f"{rule.at.path}:{rule.at.line}: " if rule.at is not None else ""
            print(printable(f"  {at}{rule.text}"))
    for other in found.open_to:
        print(printable(f"by its own address: {other.pods} ({other.at.path}:{other.at.line}) from {other.who}: {other.ports}"))
    for doubt in found.doubts[:_MOST_DOUBTS]:
        print(printable(f"not certain: {doubt}"))
    if len(found.doubts) > _MOST_DOUBTS:
        print(f"not certain: {len(found.doubts) - _MOST_DOUBTS} more")
    ways = sum(one.open for one in found.openings)
    print(f"{ways} way(s) in are open, {len(found.openings) - ways} closed")
