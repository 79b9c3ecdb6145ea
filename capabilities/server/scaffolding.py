"""Begin a new MCP server from a template."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from capabilities.contract import Scope, tool
from flows.place import Place
from services.host.scaffold.kinds import Language


@dataclass(frozen=True, slots=True, kw_only=True)
class HostNew:
    """Which server to begin."""

    template: str = field(metadata=shaped(positional=True, title="TEMPLATE", least=1, most=63))
    """What it is, such as echo; another word is answered with all that there are."""
    name: str = field(default="", metadata=shaped(positional=True, title="NAME", most=63))
    """The server's name, a part of its URL; that of the template if it is left out."""
    language: Language = Language.PYTHON
    """In what it is written."""
    parent: Path = field(default=Path(), metadata=used(Use.HERE) | shaped(option="--in", title="FOLDER"))
    """Where the folder of the server is made."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerBegun:
    """The folder that was written, its files, and what to do next."""

    folder: Path
    files: tuple[str, ...]
    next: tuple[str, ...]


@tool(title="Begin a new MCP server", scope=Scope.PUBLISH)
def host_new(ask: HostNew, at: Place) -> ServerBegun:
    """Write a small MCP server with its tests, an image, manifests for Kubernetes, a workflow and an editor's settings. It has
    no dependencies, so its tests run on the spot, and it is hosted without an index.
    """
    from importlib.metadata import version

    from services.host.scaffold.kinds import kind_of
    from services.host.scaffold.making import project, put

    kind = kind_of(ask.template)
    name = ask.name or kind.name
    files = project(kind, ask.language, name, version=version("arcops"))
    folder = ask.parent.absolute() / name
    put(files, folder)
    tests = "python -m unittest discover -s tests -t ." if ask.language is Language.PYTHON else "node --test"
    return ServerBegun(
        folder=folder,
        files=tuple(sorted(files)),
        next=(f"cd {folder} && {tests}", f"arcops host deploy {folder}"),
    )
