"""Make an existing MCP server ready to be hosted: a repository, or the command line that a client starts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.place import author, rows
from flows.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class HostWrap:
    """What to make ready."""

    folder: Path | None = field(default=None, metadata=used(Use.HERE) | shaped(positional=True, title="FOLDER", most=4096))
    """The repository. Without one, the command names a package with its version."""
    run: str = field(default="", metadata=shaped(title="'COMMAND ARGUMENT …'", most=2000))
    """What starts the server on its standard streams, such as 'python server.py --fast' or 'uvx mcp-server-time==2026.10.10'.
    It is taken apart here, and never given to a shell. Without it, the repository's own files say it.
    """
    name: str = field(default="", metadata=shaped(most=63))
    """The server's name, a part of its URL; that of the folder or the package, if nothing is said."""
    environment: tuple[str, ...] = field(default=(), metadata=shaped(option="--env", title="NAME=VALUE", most=100))
    """A variable for it; give the option once for each."""
    secrets: tuple[str, ...] = field(default=(), metadata=shaped(option="--secret", title="NAME=REFERENCE", most=100))
    """A variable that is looked up at each start, such as TOKEN=file:/run/token."""
    network: str = field(default="none", metadata=shaped(most=200))
    """What it may reach: none, or open for every address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerWrapped:
    """What was written, or the package of the row that was added; what is still to be done by hand; and what to do next."""

    name: str
    written: tuple[str, ...] = ()
    package: str = ""
    lacks: tuple[str, ...] = ()
    next: tuple[str, ...] = ()


@tool(title="Make an MCP server ready to be hosted", scope=Scope.TRUST)
def host_wrap(ask: HostWrap, at: Place) -> ServerWrapped:
    """Write into a repository how its server is hosted (arcops.yaml, and a file that starts it if it needs one); or add the
    row, for a command that starts a published package. Nothing of it runs now, and no shell runs ever.
    """
    from artifacts.writing import write_new
    from services.host.reserved import refuse_reserved
    from services.host.scaffold.hosting_file import HOSTING, written
    from services.host.scaffold.wrapping import package_spec, words_of, wrapped
    from services.host.spec import checked

    if at.remote:
        raise Refused("a repository or a command of this machine is wrapped on its own command line: arcops host wrap")
    if ask.folder is None:
        spec = package_spec(words_of(ask.run))
        if spec is None:
            raise Refused("the command names no published package (uvx, npx); name its folder: arcops host wrap FOLDER --run …")
        spec = checked(replace(spec, environment=ask.environment, secrets=ask.secrets, network=ask.network))
        name = ask.name or _plain(spec.package.partition(":")[2].partition("==")[0].rpartition("/")[2].partition("@")[0])
        refuse_reserved(name)
        with rows(at) as there:
            there.put(name, spec, author=author(at))
        return ServerWrapped(name=name, package=spec.package, next=(f"arcops host gate {name}", "arcops host serve"))
    folder = ask.folder.absolute()
    name = ask.name or _plain(folder.name)
    refuse_reserved(name)
    found = wrapped(folder, name, ask.run)
    hosting = replace(found.hosting, environment=ask.environment, secrets=ask.secrets, network=ask.network)
    checked(hosting.spec(f"folder:{folder}", beside=folder))
    files = {**found.files, HOSTING: written(hosting)}
    if there_already := sorted(one for one in files if (folder / one).exists()):
        raise Refused(f"{folder / there_already[0]} exists already, and would be replaced; remove it first")
    for path in sorted(files, key=lambda one: one == HOSTING):  # arcops.yaml is the last one: it says that the others are there
        write_new(folder / path, files[path].encode())
    return ServerWrapped(name=name, written=tuple(sorted(files)), lacks=found.lacks, next=(f"arcops host deploy {folder}",))


def _plain(text: str) -> str:
    """*text* as the name of a server may be: other letters become hyphens."""
    import re

    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-")[:63]
