"""Requests that name this server, and come from no page of another origin (DNS rebinding; MCP, transports).

In a cluster a Service has several names, and others that only its operator knows. A page can make its own name lead here, but
not an address: so a request to an address is let through, and one to a name that is not ours is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Receive, Scope, Send

from adapters.relay.answers import refuse
from services.operator.sidecar import SidecarConfig

_HERE = frozenset(("localhost",))
_DOMAIN = "cluster.local"
"""The domain of most clusters. Another one is among the configuration's hosts: not every name that begins like ours is ours."""


def names_of(config: SidecarConfig) -> frozenset[str]:
    """The host names of the server, without ports."""
    namespace, _, name = config.server.rpartition("/")
    service = f"{name}.{namespace}.svc"
    own = {name, f"{name}.{namespace}", service, f"{service}.{_DOMAIN}"} if namespace else {name}
    said = urlsplit(config.url).hostname if config.url else None
    return frozenset(one.lower() for one in (*own, *config.hosts, *((said,) if said else ()), *_HERE))


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """``app`` for requests to one of ``names``, or to an address."""

    app: ASGIApp
    names: frozenset[str]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            for name, value in scope["headers"]:
                if name == b"host" and not self._ours(_host(value.decode("latin-1"))):
                    await refuse(
                        send, 421, "this server does not answer to that host name; name it in its configuration (hosts)"
                    )
                    return
                if name == b"origin" and not self._ours(urlsplit(value.decode("latin-1")).hostname or ""):
                    await refuse(send, 403, "pages of other origins may not call this server")
                    return
        await self.app(scope, receive, send)

    def _ours(self, host: str) -> bool:
        host = host.lower().rstrip(".")
        if host in self.names:
            return True
        try:
            ip_address(host.strip("[]"))
        except ValueError:
            return False
        return True


def _host(value: str) -> str:
    value = value.strip()
    if value.startswith("["):
        return value.partition("]")[0] + "]"
    return value.rpartition(":")[0] or value if ":" in value else value
