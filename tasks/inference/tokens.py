"""Access tokens of Microsoft Entra, as far as a client may look into them: whether they are JSON Web Tokens, and until when.

Whether one is genuine is for the server to say. One that has ended, or would end during the check, is not sent at all: the
refusals that came of it would be counted as the endpoint's errors.
"""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime

from arcops.errors import Refused

_LAST = 253_402_300_799


def refuse_ended(token: str, until: datetime) -> None:
    """Raise `Refused` where *token* is no JSON Web Token (RFC 7519), or ends before *until*. Nothing of it is repeated."""
    parts = token.split(".")
    try:
        if len(parts) != 3:
            raise ValueError
        claims = json.loads(base64.b64decode(parts[1] + "=" * (-len(parts[1]) % 4), altchars=b"-_", validate=True))
        ends = claims["exp"]
        if not isinstance(ends, int) or not 0 < ends < _LAST:
            raise ValueError
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise Refused("the access token is no JSON Web Token with a date of expiry; is it an API key? (--api-key)") from error
    end = datetime.fromtimestamp(ends, UTC)
    if end < until:
        raise Refused(f"the access token ends at {end:%Y-%m-%d %H:%M:%S} UTC, before the check may; get a new one")
