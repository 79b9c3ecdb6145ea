"""Commands for capabilities without a command of their own: the ask gives the options, and the answer is printed unchanged."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from adapters.cli import surroundings
from adapters.cli.answering import answer
from adapters.cli.commands import Command, Given
from adapters.cli.exits import BY_VERDICT, GREEN
from adapters.cli.judging import judge
from adapters.cli.options import Reaching
from adapters.cli.plain import print_json, print_plain
from adapters.cli.printing import Answering, TextOrJson
from arcops.asks import shaped
from arcops.discovery import modules
from arcops.errors import Broken
from arcops.judgeable import Judgeable
from arcops.result import Report
from arcops.tier import Tier
from capabilities.contract import Tool

_DECLARED = re.compile(r"^@tool\(.*?^def (?P<name>\w+)", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking(Answering):
    """The options of a command for a capability that seals no report."""

    output: Path | None = field(default=None, metadata=shaped(short="-o"))
    """Write the answer here as JSON, too."""
    key: str = ""
    """Signing key: a file, env:NAME, or a PKCS#11 or cloud KMS URI [environment: ARCOPS_KEY]."""
    tier: Tier | None = None
    """How far this run may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


def generic(tool: Tool[Any, Any]) -> Command:
    """The command of *tool*: a tool named ``check_toy`` is ``arcops toy check``. Raises `Broken` for a name without a noun."""
    verb, _, noun = tool.name.partition("_")
    if not verb or not noun:
        raise Broken(f"the tool name {tool.name!r} is not a verb and a noun, so no command can be named after it")
    sealed = {"report", "artifact"} <= {one.name for one in fields(tool.answer)}
    return Command(
        words=(noun.replace("_", "-"), verb),
        doc=tool.doc,
        run=judge if sealed else _tell,
        own=Reaching if sealed else Asking,
        tool=tool,
    )


def _tell(given: Given[Any, Any, Asking]) -> int:
    """Print the answer: a report as text, and exit by its verdict; everything else as JSON."""
    from artifacts.wire import canonical, to_json
    from artifacts.writing import replace_whole, replaceable

    own = given.own
    if own.output is not None:
        replaceable(own.output)
    at = surroundings.place(own.tier, own.key, surroundings.stop_on_signals())
    found = answer(given.tool, given.ask(), at)
    if own.output is not None:
        replace_whole(own.output, canonical(to_json(found)))
    report = getattr(found, "report", None)
    if own.form is TextOrJson.TEXT and isinstance(report, Report):
        print_plain(report)
    else:
        print_json(found)
    return BY_VERDICT[report.verdict] if isinstance(report, Report) else GREEN


def unclaimed(commands: Iterable[Command]) -> Iterator[Command]:
    """A command for each capability that no command of *commands* calls.

    It searches the source for capabilities, and imports only modules that declare a new one. For a subject without a
    capability, a capability is made from its class.
    """
    import capabilities as room

    claimed = {one.tool for one in commands}
    for folder in map(Path, room.__path__):
        for path in sorted(folder.rglob("*.py")):
            names = [found["name"] for found in _DECLARED.finditer(path.read_text(encoding="utf-8"))]
            module = ".".join((room.__name__, *path.relative_to(folder).with_suffix("").parts))
            for name in names:
                if f"{module}:{name}" not in claimed:
                    yield generic(getattr(import_module(module), name))
        words = {word.replace("-", "_") for word in modules("arcops.subjects", Judgeable)}
        if words - {one.name for one in folder.iterdir()}:  # a subject without a folder of capabilities
            from capabilities.catalogue import all_tools  # this imports every capability

            yield from (generic(one) for one in all_tools() if one.ask.__module__.startswith("arcops.subjects."))
