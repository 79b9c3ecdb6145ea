"""What was written for a caller below the output folder: that caller lists it, and removes it."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime

from arcops.asks import shaped
from capabilities.contract import Scope, tool
from capabilities.written import sandbox
from flows.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class ListFiles:
    """Which files to list."""

    begun: str = field(default="", metadata=shaped(positional=True, title="PREFIX", most=1024))
    """Only those whose path begins with this."""
    most: int = field(default=1000, metadata=shaped(least=1, most=10_000))
    """At most this many, by path."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileListed:
    """A file: ``path`` is below the output folder, and ``uri`` is where an MCP client reads it."""

    path: str
    uri: str
    size: int
    sha256: str
    """Of its bytes when it was written."""
    tool: str
    """Which tool wrote it."""
    written_at: datetime
    state: str
    """there, changed (by someone else, since) or gone."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesListed:
    """The files, and how many there are in all, with how many bytes, of how many that are possible."""

    files: tuple[FileListed, ...]
    count: int
    size: int
    most: int


@tool(title="List the files that were written for you", scope=Scope.READ, reads_only=True)
def list_files(ask: ListFiles, at: Place) -> FilesListed:
    """List the files that tools wrote for you on this server. No other caller sees or reads them here."""
    mine = sandbox(at)
    count, size = mine.index.totals(mine.owner)
    return FilesListed(
        files=tuple(
            FileListed(
                path=one.path,
                uri=uri_of(one.path),
                size=one.size,
                sha256=f"sha256:{one.sha256}",
                tool=one.tool,
                written_at=datetime.fromtimestamp(one.written / 1000, UTC),
                state=state,
            )
            for one, state in mine.files(ask.begun, ask.most)
        ),
        count=count,
        size=size,
        most=mine.most,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RemoveFiles:
    """Which files to remove."""

    paths: tuple[str, ...] = field(metadata=shaped(positional=True, title="PATH", most=1000))
    """Paths as `list_files` shows them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesRemoved:
    """What was removed."""

    paths: tuple[str, ...]


@tool(title="Remove files that were written for you", scope=Scope.PUBLISH, destructive=True)
def remove_files(ask: RemoveFiles, at: Place) -> FilesRemoved:
    """Remove files that tools wrote for you on this server. Refused for a file that someone changed since."""
    mine = sandbox(at)
    return FilesRemoved(paths=tuple(mine.remove(one).path for one in ask.paths))


def uri_of(path: str) -> str:
    """Where an MCP client reads the file at *path*."""
    from urllib.parse import quote

    return f"arcops://files/{quote(path, safe='')}"
