"""Who calls a hosted server: by the same tokens, keys and secret as at every other door, and remembered for a moment.

What a caller shows ends here: no header of theirs goes to a server.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers
from starlette.types import Scope

from adapters.http.access import NEARBY, Door
from adapters.http.callers import NO_SECRET, NotIn, by_token, refused_here, shown
from adapters.relay.addresses import Addresses
from arcops.identity import Identity
from foundation.identity.accepting import KEY_PREFIX

FRESH_SECONDS = 0.5
"""So long a caller is known by what they showed before it is looked at again, because it may have ended or been revoked."""
_MOST = 4096

Fields = Mapping[bytes, bytes]


@dataclass(slots=True, kw_only=True)
class Entry:
    """Lets callers in by ``door``; without a door everyone is the user of this machine. ``anyone`` is who everyone is instead,
    if the operator said that no caller has to say who they are.
    """

    door: Door | None
    addresses: Addresses
    anyone: Identity | None = None
    clock: Callable[[], float] = time.monotonic
    _known: OrderedDict[tuple[str, bytes], tuple[Identity, float]] = field(default_factory=OrderedDict)

    def known(self, fields: Fields, server: str) -> Identity | None:
        """Who shows *fields* to *server*, if that was found a moment ago."""
        if self.door is None or self.anyone is not None:
            return self.anyone or NEARBY
        shown = fields.get(b"authorization")
        if shown is None:
            return None
        found = self._known.get((server, hashlib.sha256(shown).digest()))
        return found[0] if found is not None and self.clock() < found[1] else None

    async def identify(self, scope: Scope, fields: Fields, server: str) -> Identity | NotIn:
        """Who asks for *server*."""
        if self.door is None or self.anyone is not None:
            return self.anyone or NEARBY
        accepting, opening = self.door.accepting, self.door.opening
        authorization = fields.get(b"authorization", b"")
        secret = shown(authorization.decode("latin-1"))
        if accepting.tokens or secret.startswith(KEY_PREFIX):
            metadata = f'resource_metadata="{self.addresses.metadata(server)}"' if accepting.tokens else ""
            found = await by_token(accepting, secret, metadata, self.addresses.resource(server))
        else:
            headers = Headers(scope=scope)
            refused = refused_here(opening, scope, headers)
            found = refused or (NEARBY if opening is not None and opening.by_secret(headers) else NO_SECRET)
        if isinstance(found, Identity) and authorization and accepting.tokens:
            self._remember(server, authorization, found)
        return found

    def _remember(self, server: str, shown: bytes, found: Identity) -> None:
        self._known[server, hashlib.sha256(shown).digest()] = (found, self.clock() + FRESH_SECONDS)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)
