"""RFC 3161 timestamps, verified against the timestamp authorities of a trusted root."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.errors import Refused
from artifacts.foreign import refusing
from tasks.signing.trusted_root import Authority

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

_MOST = 32
_GRANTED = (0, 1)
"""``granted`` and ``grantedWithMods`` (RFC 3161, section 2.4.2); only these responses hold a token."""


def timestamps(tokens: Iterable[bytes], signature: bytes, authorities: Iterable[Authority]) -> tuple[datetime, ...]:
    """The moments at which a trusted authority saw *signature*, sorted.

    A token that no authority of the root signed is ignored: it proves no time. Raises `Refused` for a token that
    cannot be read, for one that is listed twice, and for more than 32.
    """
    from rfc3161_client import decode_timestamp_response

    tokens, authorities = tuple(tokens), tuple(authorities)
    if len(tokens) > _MOST:
        raise Refused(f"it has {len(tokens)} timestamps; the limit is {_MOST}")
    if len(set(tokens)) != len(tokens):
        raise Refused("it has the same timestamp twice")
    found: set[datetime] = set()
    for token in tokens:
        with refusing("its timestamp"):
            response = decode_timestamp_response(token)
            if response.status not in _GRANTED:
                raise Refused(f"it has a timestamp that was not granted (status {response.status})")
            moment = response.tst_info.gen_time
        found.update(moment for authority in authorities if _stamped(response, moment, signature, authority))
    return tuple(sorted(found))


def _stamped(response: TimeStampResponse, moment: datetime, signature: bytes, authority: Authority) -> bool:
    from rfc3161_client import VerifierBuilder

    if len(authority.chain) < 2 or moment not in authority.window:
        return False
    if not all(link.not_valid_before_utc <= moment <= link.not_valid_after_utc for link in authority.chain):
        return False
    builder = VerifierBuilder(
        tsa_certificate=authority.chain[0], intermediates=list(authority.chain[1:-1]), roots=[authority.chain[-1]]
    )
    try:
        with refusing("its timestamp"):
            builder.build().verify_message(response, signature)
    except Refused:
        return False
    return True
