"""``arcops host new`` and ``deploy``: from nothing to a folder, and from a folder to an address."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command
from adapters.cli.plain import print_json
from adapters.cli.printing import Answering, TextOrJson
from arcops.asks import shaped
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.putting import HostPut, ServerPut
    from capabilities.server.scaffolding import HostNew, ServerBegun
    from capabilities.server.wrapping import HostWrap, ServerWrapped


@command("host new", "capabilities.server.scaffolding:host_new", own=Answering, example="echo my-echo --language python")
def new(given: Given[HostNew, ServerBegun, Answering]) -> None:
    """Begin a new MCP server from a template: a folder with its code, tests, image, manifests and workflow."""

    def show(made: ServerBegun) -> None:
        print(printable(f"{made.folder}: {len(made.files)} files"))
        for one in made.next:
            print(printable(f"Next: {one}"))

    shown(given, show)


@dataclass(frozen=True, slots=True, kw_only=True)
class Deploying(Answering):
    """The options of ``host deploy``."""

    clients: tuple[str, ...] = field(default=(), metadata=shaped(option="--for", commas=True, most=50, title="vscode,codex"))
    """Show what only these clients read; otherwise it is only told which there are."""


@command("host deploy", "capabilities.server.putting:host_put", own=Deploying, example="./echo --for vscode")
def deploy(given: Given[HostPut, ServerPut, Deploying]) -> None:
    """Host the MCP server in a folder: judged, started once, then served; a changed folder becomes a new version."""
    from amend.client.families import KNOWN
    from capabilities.server.putting import name_of

    def show(put: ServerPut) -> None:
        what = f"version {put.version} counts now" if put.changed else f"nothing has changed, version {put.version} goes on"
        print(printable(f"{put.name}: {what}, {put.verdict} ({put.milliseconds / 1000:.1f} s)"))
        print(printable(f"url {put.url}"))
        if put.secret and put.until is not None:
            print(f"key {put.secret}")
            print(f"It opens this server alone, until {put.until:%Y-%m-%d %H:%M} UTC. Keep it now: it cannot be shown again.")
        known = {one.client: one for one in put.snippets}
        for one in (known[client] for client in given.own.clients):
            print(printable(f"--- {one.client}: {one.problem or one.file}"))
            print(one.text.rstrip("\n"))
        if not given.own.clients:
            print(f"Next: arcops host serve; what clients read: --for {','.join(list(known)[:3])} (of {len(known)})")

    ask = given.ask()
    for client in given.own.clients:
        KNOWN.of(client)  # a slip of the pen is said before anything is done
    put = answer(given.tool, replace(ask, name=name_of(ask)), surroundings.place())  # so that its record names the server
    if given.own.form is TextOrJson.JSON:
        print_json(put)
    else:
        show(put)


@command("host wrap", "capabilities.server.wrapping:host_wrap", own=Answering, example="./repository --run 'python server.py'")
def wrap(given: Given[HostWrap, ServerWrapped, Answering]) -> None:
    """Make an existing MCP server ready to be hosted: a repository, or the command line that a client starts."""

    def show(found: ServerWrapped) -> None:
        print(printable(f"{found.name}: {found.package or ', '.join(found.written)}"))
        for one in found.lacks:
            print(printable(f"Still to do: {one}"))
        for one in found.next:
            print(printable(f"Next: {one}"))

    shown(given, show)
