"""Give the provider a code, and get the ID token of the login (OpenID Connect Core 1.0, section 3.1.3)."""

from __future__ import annotations

import asyncio
import base64
import re
from collections.abc import Mapping
from urllib.parse import quote_plus, urlencode

from arcops.errors import Refused, Unavailable
from foundation.egress import web
from foundation.egress.permission import Purpose
from foundation.identity.client_proof import METHOD, is_key, proof
from foundation.issuing import read_object
from foundation.login.provider import Provider
from foundation.login.settings import LoginSettings
from foundation.login.started import Failed, Started
from foundation.secrets import referred

SECONDS = 10.0
_MOST = 256 * 1024
_PURPOSE = Purpose(
    what="the provider's token endpoint",
    form="use one like https://login.example.org/token",
    instead="set ARCOPS_TIER to restricted, or unset ARCOPS_LOGIN_CLIENT",
)
_ERROR = re.compile(r"[a-z_]{1,60}", re.ASCII)


async def id_token(
    code: str,
    started: Started,
    provider: Provider,
    settings: LoginSettings,
    environment: Mapping[str, str],
    *,
    now: float,
    seconds: float = SECONDS,
) -> str:
    """The ID token for *code*, not checked yet. The secret is read each time, so that one that was replaced counts at once;
    if it is a private key, it stays here and proves itself. *now* is in seconds since 1970.

    Raises `Failed` if the provider refuses the code, `Unavailable` if it does not answer, and `Refused`.
    """
    asked = {
        "grant_type": "authorization_code",
        "code": code,
        "redirect_uri": settings.redirect,
        "code_verifier": started.verifier,
    }
    headers = {"Accept": "application/json", "Accept-Encoding": "identity", "Content-Type": "application/x-www-form-urlencoded"}
    secret = referred(environment, settings.secret, "secret of the login client") if settings.secret else ""
    if is_key(secret):
        if not provider.by_key:
            raise Refused(f"ARCOPS_LOGIN_SECRET is a private key, and the provider does not take {METHOD}; give it a secret")
        asked |= proof(settings.client, settings.issuer.name, provider.token, secret, now, "secret of ARCOPS_LOGIN_SECRET")
    elif secret and provider.basic:
        pair = f"{quote_plus(settings.client)}:{quote_plus(secret)}"  # encoded first: RFC 6749, section 2.3.1
        headers["Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    else:
        asked |= {"client_id": settings.client, **({"client_secret": secret} if secret else {})}
    status, text = await _asked(provider.token, urlencode(asked).encode(), headers, settings, seconds)
    if status >= 500:
        raise Unavailable(f"the provider's token endpoint answers {status}; log in again in a moment")
    found = read_object(text) if status in (200, 400, 401) else {}
    if status != 200:
        word = found.get("error")
        word = word if isinstance(word, str) and _ERROR.fullmatch(word) else f"status {status}"
        raise Failed("code", f"the provider did not accept the code of this login ({word}); log in again")
    token = found.get("id_token")
    if not isinstance(token, str):
        raise Failed("token", "the provider sent no ID token; let it give this client the scope openid")
    return token


async def _asked(
    url: str, body: bytes, headers: Mapping[str, str], settings: LoginSettings, seconds: float
) -> tuple[int, bytes]:
    said = "the provider's token endpoint"
    try:
        async with (
            asyncio.timeout(seconds),
            web.client(settings.issuer.tier, url, _PURPOSE, seconds=seconds) as client,
            client.stream("POST", url, content=body, headers=headers) as response,
        ):
            if response.headers.get("content-encoding", "identity") != "identity":
                raise Unavailable(f"{said} sends a compressed answer, which is not supported")
            text = b""
            async for part in response.aiter_raw():
                text += part
                if len(text) > _MOST:
                    raise Unavailable(f"the answer of {said} has more than {_MOST} bytes")
            return response.status_code, text
    except TimeoutError as error:
        raise Unavailable(f"{said} does not answer within {seconds:g} seconds; log in again in a moment") from error
    except web.failures() as error:
        raise Unavailable(f"{said} does not answer ({type(error).__name__}); log in again in a moment") from error
