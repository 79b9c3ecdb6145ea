"""Which machine runs a command's tool: this one, or the server that ``--server`` names. The answer is the same value."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from adapters.cli.commands import Given
from adapters.cli.plain import print_json
from adapters.cli.printing import Answering, TextOrJson
from adapters.cli.recording import recorded
from adapters.cli.server import server
from arcops.tier import Tier
from capabilities.contract import Tool
from capabilities.place import Place
from capabilities.watching import watched
from foundation.telemetry.spans import span

A = TypeVar("A")
B = TypeVar("B")

_TRACING = ("OTEL_", "ARCOPS_TRACES")
"""The beginning of the variables that ask for traces."""


def shown(
    given: Given[A, B, Answering],
    show: Callable[[B], None],
    as_json: Callable[[object], None] = print_json,
    tier: Tier | None = None,
) -> B:
    """The answer to what a command is *given*, printed by *show*, or *as_json* if its ``--format`` says so."""
    from adapters.cli import surroundings

    found = answer(given.tool, given.ask(), surroundings.place(tier))
    if given.own.form is TextOrJson.JSON:
        as_json(found)
    else:
        show(found)
    return found


def answered(given: Given[A, B, object], at: Place, output: Path | None, text: Callable[[B], str]) -> B:
    """The answer to what a command is *given*, whose *text* is written into the file *output*, if one is named.

    That file is looked at before anything is done.
    """
    from artifacts.writing import replace_whole, replaceable

    if output is not None:
        replaceable(output)
    found = answer(given.tool, given.ask(), at)
    if output is not None:
        replace_whole(output, text(found).encode())
    return found


def answer(tool: Tool[A, B], ask: A, at: Place) -> B:
    """Call *tool*, here or at the server; raises what it raises."""
    if any(name.startswith(_TRACING) for name in os.environ):
        from foundation.telemetry import traces  # most sites do not use traces

        traces.begin(os.environ, at.settings.tier)
    url = server()
    if not url:
        with recorded(tool, ask, at) as heard:
            found = watched(tool, ask, at)
            heard(found)
        return found
    from adapters.mcp.client import call

    with span(f"call {tool.name}", tool=tool.name):
        return call(url, tool, ask, settings=at.settings, environment=os.environ, stop=at.stop, progress=at.progress)
