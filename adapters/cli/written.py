"""``arcops files``: what tools wrote for a caller at a server."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer, shown
from adapters.cli.commands import Given, command, group
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.access.files import FilesListed, FilesRemoved, ListFiles, RemoveFiles

FILES = group("files", "What tools wrote for you below the output folder of a server: list it, remove it.")


@command("files list", "capabilities.access.files:list_files", own=Answering, example="--server http://127.0.0.1:8420")
def list_(given: Given[ListFiles, FilesListed, Answering]) -> None:
    """List the files that were written for you, and how much room is left."""
    shown(given, _print_listed)


@command("files remove", "capabilities.access.files:remove_files", example="release.json --server http://127.0.0.1:8420")
def remove(given: Given[RemoveFiles, FilesRemoved, None]) -> None:
    """Remove files that were written for you."""
    for path in answer(given.tool, given.ask(), surroundings.place()).paths:
        print(printable(f"removed {path}"))


def _print_listed(found: FilesListed) -> None:
    for one in found.files:
        state = "" if one.state == "there" else f" {one.state.upper()}"
        print(printable(f"{one.written_at:%Y-%m-%d %H:%M} {one.size} {one.path} by {one.tool}{state}"))
    print(f"{len(found.files):,} of {found.count:,} files, {found.size:,} of {found.most:,} bytes")
