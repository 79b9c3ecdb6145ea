"""RFC 3161 timestamps, verified against the timestamp authorities of a trusted root."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from arcops.errors import Refused
from tasks.trusted_root import Authority

_MOST = 32


def timestamps(tokens: Iterable[bytes], signature: bytes, authorities: Iterable[Authority]) -> tuple[datetime, ...]:
    """The moments at which a trusted authority saw *signature*, sorted.

    A token that no authority of the root vouches for is passed over: it proves no time. Raises `Refused` for a token that
    cannot be read, for one that is listed twice, and for more than 32.
    """
    from rfc3161_client import decode_timestamp_response

    tokens, authorities = tuple(tokens), tuple(authorities)
    if len(tokens) > _MOST:
        raise Refused(f"it carries {len(tokens)} timestamps; at most {_MOST} are read")
    if len(set(tokens)) != len(tokens):
        raise Refused("it carries one timestamp twice")
    found: set[datetime] = set()
    for token in tokens:
        try:
            decode_timestamp_response(token)
        except ValueError as error:
            raise Refused(f"it carries a timestamp that cannot be read: {error}") from error
        found.update(moment for authority in authorities if (moment := _stamped(token, signature, authority)) is not None)
    return tuple(sorted(found))


def _stamped(token: bytes, signature: bytes, authority: Authority) -> datetime | None:
    from rfc3161_client import VerificationError, VerifierBuilder, decode_timestamp_response

    response = decode_timestamp_response(token)
    moment = response.tst_info.gen_time
    if len(authority.chain) < 2 or moment not in authority.window:
        return None
    if not all(link.not_valid_before_utc <= moment <= link.not_valid_after_utc for link in authority.chain):
        return None
    builder = VerifierBuilder(
        tsa_certificate=authority.chain[0], intermediates=list(authority.chain[1:-1]), roots=[authority.chain[-1]]
    )
    try:
        builder.build().verify_message(response, signature)
    except (VerificationError, ValueError):
        return None
    return moment
