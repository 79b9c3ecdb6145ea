"""Access tokens of Microsoft Entra, as far as a client may read them: whether they are JSON Web Tokens, and their expiry.

The server decides if a token is genuine. A token that has expired, or would expire during the check, is not sent at all: the
server's refusals would be counted as the endpoint's errors.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from arcops.errors import Refused

_LAST = 253_402_300_799


def refuse_ended(token: str, until: datetime) -> None:
    """Raise `Refused` if *token* is not a JSON Web Token (RFC 7519), or expires before *until*. The error does not quote it."""
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError
        claims = json.loads(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True))
        ends = claims["exp"]
        if not isinstance(ends, int) or not 0 < ends < _LAST:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused(
            "the access token is not a JSON Web Token with a date of expiry; if it is an API key, use --api-key"
        ) from error
    end = datetime.fromtimestamp(ends, UTC)
    if end < until:
        raise Refused(f"the access token expires at {end:%Y-%m-%d %H:%M:%S} UTC, and the check may end later; get a new one")
