"""Who shows a token, a key or the secret of this start, for every door alike; or why they are not let in."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass

from starlette.datastructures import Headers
from starlette.types import Scope

from adapters.http.opening import UserOpening
from arcops.errors import ArcOpsError
from arcops.identity import Identity
from foundation.identity.accepting import Accepting
from foundation.settings import is_loopback
from foundation.tokens import NotAccepted

_FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")


@dataclass(frozen=True, slots=True, kw_only=True)
class NotIn:
    """Who is not let in: the status, a sentence, the challenge for ``WWW-Authenticate``, and who it was, as far as is known.

    ``token`` says if a token was shown that does not count.
    """

    status: int
    said: str
    challenge: str = ""
    who: Identity | None = None
    token: bool = False


def shown(authorization: str) -> str:
    """The bearer token or key in the header *authorization*, or nothing."""
    kind, _, secret = authorization.strip().partition(" ")
    return secret.strip() if kind.lower() == "bearer" else ""


def other_login(acr: Iterable[str], metadata: str) -> NotIn:
    """Who is known, and has to log in otherwise: with one of *acr* (RFC 9470, section 3). *metadata* as in `by_token`."""
    said = "this needs another login of yours: " + " or ".join(acr)
    parts = 'Bearer error="insufficient_user_authentication"', f'error_description="{said}"', f'acr_values="{" ".join(acr)}"'
    return NotIn(status=401, said=said, challenge=", ".join(filter(None, (*parts, metadata))))


async def by_token(accepting: Accepting, secret: str, metadata: str, also: str = "") -> Identity | NotIn:
    """The caller that *secret* names. *metadata* is the challenge's part that says how to get a token, or empty; a token may
    be for the audience *also* instead of this place's.
    """
    if not secret:
        return NotIn(status=401, said="a bearer token is needed", challenge=f"Bearer {metadata}".strip())
    try:
        known = accepting.at_hand(secret, also)
        return known if known is not None else await asyncio.to_thread(accepting.identity, secret, also)
    except NotAccepted as error:
        said = str(error).replace('"', "'").encode("ascii", "replace").decode()
        challenge = ", ".join(filter(None, ('Bearer error="invalid_token"', f'error_description="{said}"', metadata)))
        return NotIn(status=401, said=str(error), challenge=challenge, who=error.caller, token=True)
    except ArcOpsError as error:
        return NotIn(status=503, said=str(error))


def refused_here(opening: UserOpening | None, scope: Scope, headers: Headers) -> NotIn | None:
    """Why a request cannot be of the user of this machine, whatever it shows: it is from elsewhere, or through a proxy."""
    client = scope.get("client")
    if opening is not None and client and is_loopback(client[0]) and not any(name in headers for name in _FORWARDED):
        return None
    said = "no issuer of tokens is configured here, so only callers on this machine are served, and not through a proxy"
    return NotIn(status=403, said=said)


NO_SECRET = NotIn(
    status=401,
    said="the secret of this server is needed as a bearer token; its folder was printed when the server started",
    challenge="Bearer",
)
