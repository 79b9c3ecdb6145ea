"""How a client gets a token for a hosted server: the protected resource's metadata of each server's path (RFC 9728)."""

from __future__ import annotations

from starlette.types import Scope, Send

from adapters.http.access import Door
from adapters.relay.access import Entry
from adapters.relay.answers import answer, refuse
from capabilities.contract import Scope as Permission
from foundation.tokens import PREFIX
from services.host import envelope
from services.host.hosted import Hosted


async def described(scope: Scope, send: Send, door: Door | None, entry: Entry, hosted: Hosted) -> None:
    """The metadata at the path of *scope*. It says the same whether there is such a server or not: anyone may read it."""
    name = entry.addresses.described(scope["path"])
    if door is None or not door.accepting.tokens or not name or scope["method"] != "GET":
        await refuse(send, 404, "there is no metadata at this address")
        return
    known = {
        "resource": entry.addresses.resource(name),
        "authorization_servers": [one.issuer.name for one in door.accepting.tokens if one.issuer.reviewed is None],
        "scopes_supported": [f"{PREFIX}{one.value}" for one in Permission],
        "bearer_methods_supported": ["header"],
        "resource_name": f"ArcOps: {name}",
    }
    headers = ((b"cache-control", b"max-age=3600"), (b"access-control-allow-origin", b"*"))
    await answer(send, 200, envelope.encoded(known), headers)
