"""Who calls a hosted server: by the same tokens, keys and secret as at every other door, and remembered for a moment.

What a caller shows ends here: no header of theirs goes to a server.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from starlette.datastructures import Headers as StarletteHeaders
from starlette.types import Scope

from adapters.http.access import METADATA, NEARBY, Door
from arcops.errors import ArcOpsError
from arcops.identity import Identity
from foundation.identity.accepting import KEY_PREFIX
from foundation.settings import is_loopback
from foundation.tokens import NotAccepted

FRESH_SECONDS = 0.5
"""So long a caller is known by what they showed before it is looked at again, because it may have ended or been revoked."""
_MOST = 4096
_FORWARDED = (b"forwarded", b"x-forwarded-for", b"x-forwarded-host", b"x-real-ip", b"via")

Fields = Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class NotIn:
    """Who is not let in: the status, a sentence, the challenge for ``WWW-Authenticate``, and who it was, as far as is known."""

    status: int
    said: str
    challenge: str = ""
    who: Identity | None = None


@dataclass(slots=True, kw_only=True)
class Entry:
    """Lets callers in by ``door``; without a door everyone is the user of this machine. ``origin`` is this host's address."""

    door: Door | None
    origin: str
    clock: Callable[[], float] = time.monotonic
    _known: OrderedDict[bytes, tuple[Identity, float]] = field(default_factory=OrderedDict)

    def known(self, fields: Fields) -> Identity | None:
        """Who shows *fields*, if that was found a moment ago."""
        if self.door is None:
            return NEARBY
        shown = fields.get(b"authorization")
        if shown is None:
            return None
        found = self._known.get(hashlib.sha256(shown).digest())
        return found[0] if found is not None and self.clock() < found[1] else None

    async def identify(self, scope: Scope, fields: Fields, server: str) -> Identity | NotIn:
        """Who asks for *server*."""
        if self.door is None:
            return NEARBY
        accepting = self.door.accepting
        shown = fields.get(b"authorization", b"")
        kind, _, secret = shown.decode("latin-1").strip().partition(" ")
        secret = secret.strip() if kind.lower() == "bearer" else ""
        if not accepting.tokens and not secret.startswith(KEY_PREFIX):
            found = self._is_this_user(scope, fields)
        else:
            found = await self._by_token(secret, server)
        if isinstance(found, Identity) and shown and accepting.tokens:
            self._remember(shown, found)
        return found

    async def _by_token(self, secret: str, server: str) -> Identity | NotIn:
        assert self.door is not None  # noqa: S101  # asked by `identify` alone
        accepting = self.door.accepting
        metadata = f'resource_metadata="{self.metadata(server)}"' if accepting.tokens else ""
        if not secret:
            return NotIn(status=401, said="a bearer token is needed", challenge=f"Bearer {metadata}".strip())
        try:
            return await asyncio.to_thread(accepting.identity, secret)
        except NotAccepted as error:
            said = str(error).replace('"', "'").encode("ascii", "replace").decode()
            challenge = ", ".join(filter(None, ('Bearer error="invalid_token"', f'error_description="{said}"', metadata)))
            return NotIn(status=401, said=str(error), challenge=challenge, who=error.caller)
        except ArcOpsError as error:
            return NotIn(status=503, said=str(error))

    def _is_this_user(self, scope: Scope, fields: Fields) -> Identity | NotIn:
        assert self.door is not None  # noqa: S101  # asked by `identify` alone
        client = scope.get("client")
        direct = client and is_loopback(client[0]) and not any(name in fields for name in _FORWARDED)
        if self.door.opening is None or not direct:
            said = "no issuer of tokens is configured here, so only callers on this machine are served, and not through a proxy"
            return NotIn(status=403, said=said)
        if self.door.opening.by_secret(StarletteHeaders(scope=scope)):
            return NEARBY
        said = "the secret of this server is needed as a bearer token; its folder was printed when the server started"
        return NotIn(status=401, said=said, challenge="Bearer")

    def _remember(self, shown: bytes, found: Identity) -> None:
        self._known[hashlib.sha256(shown).digest()] = (found, self.clock() + FRESH_SECONDS)
        while len(self._known) > _MOST:
            self._known.popitem(last=False)

    def resource(self, server: str) -> str:
        """The URL of *server* for clients: what its tokens are for."""
        return f"{self.origin}/{server}/mcp"

    def metadata(self, server: str) -> str:
        """If a client has no token, it reads here how to get one (RFC 9728, section 3.1)."""
        return f"{self.origin}{METADATA}/{server}/mcp"
