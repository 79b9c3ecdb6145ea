"""How we get a token for a server of another machine: as a client of its issuer, with a secret of ours (RFC 6749, 4.4).

A row names the issuer's token endpoint, our client there and its secret, in variables that are no headers. The token is for
this server alone (``resource``, RFC 8707). What a caller of ours shows is never used for it.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier

TOKEN_URL, CLIENT, SCOPE, SECRET = "OAUTH_TOKEN_URL", "OAUTH_CLIENT_ID", "OAUTH_SCOPE", "OAUTH_CLIENT_SECRET"
PLAIN = (TOKEN_URL, CLIENT, SCOPE)
NAMES = (*PLAIN, SECRET)
"""Variables of a row for this: the secret is given by reference, the others as they are."""
FRESH_SECONDS = 60.0
"""How long a token counts if its issuer does not say."""
MOST_SECONDS = 86_400.0
_EARLY_SECONDS = 20.0
_TOKEN = re.compile(r"[!-~]{1,16384}")


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientCredentials:
    """``client`` asks at ``url`` with ``secret`` for a token for ``resource``, with ``scope`` if that is not empty."""

    url: str
    client: str
    scope: str
    resource: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """A token, and for how many ``seconds`` it may be shown."""

    text: str = field(repr=False)
    seconds: float


def credentials_in(given: Mapping[str, str], resource: str) -> ClientCredentials | None:
    """Those in the variables *given*, secrets with their values; ``None`` without any. Raises `Refused` if one is missing."""
    if not any(one in given for one in NAMES):
        return None
    if lacking := [one for one in (TOKEN_URL, CLIENT, SECRET) if not given.get(one)]:
        raise Refused(f"to get a token for the remote server, {' and '.join(lacking)} must be given too")
    return ClientCredentials(
        url=given[TOKEN_URL],
        client=given[CLIENT],
        scope=given.get(SCOPE, ""),
        resource=resource,
        secret=given[SECRET],
    )


def headers_in(given: Mapping[str, str]) -> dict[str, str]:
    """The variables *given* that are headers."""
    return {name: value for name, value in given.items() if name not in NAMES}


def refuse_wrong(variable: str, what: str) -> None:
    """Raise `Refused` if *variable*, one of `NAMES`, is given with the wrong option *what*."""
    right = "--secret" if variable == SECRET else "--env"
    if what != right:
        raise Refused(f"{what} {variable} has to be given with {right}")


def token_for(credentials: ClientCredentials, *, tier: Tier, now: float) -> Token:
    """A token, asked for now. Call it only without a running event loop; *now* is in seconds since 1970.

    Raises `Unavailable` if the issuer gives none, and `Refused` if *tier* does not reach it. No error shows the secret.
    """
    from foundation.identity.client_proof import is_key, proof  # only for rows that need them: they cost start-up time
    from foundation.issuing import Answered, posted

    form = {"grant_type": "client_credentials", "resource": credentials.resource}
    if credentials.scope:
        form["scope"] = credentials.scope
    headers: dict[str, str] = {}
    if is_key(credentials.secret):
        form |= proof(credentials.client, credentials.url, credentials.url, credentials.secret, now, f"secret {SECRET}")
    else:
        pair = f"{quote(credentials.client, safe='')}:{quote(credentials.secret, safe='')}"  # RFC 6749, section 2.3.1
        headers["authorization"] = "Basic " + base64.b64encode(pair.encode()).decode()
    try:
        answer = posted(credentials.url, tier, form, headers)
    except Answered as error:
        said = f"the issuer of the remote server's tokens answers {error.status} to our client {credentials.client[:100]!r}"
        raise Unavailable(f"{said}; look at {TOKEN_URL}, {CLIENT} and {SECRET} of the row") from error
    except Unavailable as error:
        raise Unavailable("the issuer of the remote server's tokens does not answer") from error
    return _read(answer)


def _read(answer: bytes) -> Token:
    from foundation.issuing import read_object

    said: Mapping[str, Any] = read_object(answer)
    text, kind, seconds = said.get("access_token"), said.get("token_type"), said.get("expires_in", FRESH_SECONDS)
    if not isinstance(text, str) or not _TOKEN.fullmatch(text):
        raise Unavailable("the issuer of the remote server's tokens gives no token")
    if not (isinstance(kind, str) and kind.lower() == "bearer"):
        raise Unavailable("the issuer of the remote server's tokens gives one that is no bearer token, which is not supported")
    if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds > 0:
        seconds = FRESH_SECONDS
    return Token(text=text, seconds=max(1.0, min(float(seconds), MOST_SECONDS) - _EARLY_SECONDS))
