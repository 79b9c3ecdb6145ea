"""The paths of servers: ``/NAME/mcp`` and its like, or ``/mcp`` if one server has the whole address for itself."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.http.access import METADATA as ROOT

METADATA = f"{ROOT}/"
KINDS = ("mcp", "sse", "messages", "status")


@dataclass(frozen=True, slots=True, kw_only=True)
class Addresses:
    """The paths at ``origin``. ``only`` is the one server that is served here, if there is but one."""

    origin: str = ""
    only: str = ""

    def read(self, path: str) -> tuple[str, str] | None:
        """The server and the kind that *path* names; ``None`` if it names none."""
        parts = path.split("/")
        if self.only:
            parts.insert(1, self.only)
        return (parts[1], parts[2]) if len(parts) == 3 and parts[2] in KINDS else None

    def path(self, server: str, kind: str) -> str:
        """The path of *server*."""
        return f"/{kind}" if self.only else f"/{server}/{kind}"

    def resource(self, server: str) -> str:
        """The URL of *server* for clients: what a token may be for (RFC 8707), so that it opens no other server."""
        return self.origin + self.path(server, "mcp")

    def metadata(self, server: str) -> str:
        """The URL at which a client that has no token reads how to get one (RFC 9728, section 3.1)."""
        return self.origin + ROOT + self.path(server, "mcp")

    def described(self, path: str) -> str:
        """The server whose metadata is at *path*; empty if it is no path of metadata."""
        found = self.read(path.removeprefix(ROOT)) if path.startswith(METADATA) else None
        return found[0] if found is not None and found[1] == "mcp" else ""
