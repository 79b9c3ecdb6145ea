"""Who may come to the one server: the tokens of its issuer, by keys that the operator keeps new, or that are fetched."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from arcops.errors import ArcOpsError, Refused, Unavailable
from arcops.tier import Tier
from artifacts.envelope import strict_json
from artifacts.reading import read_file
from foundation.claims import ACCESS, UNTYPED
from foundation.identity.accounts import AccountTokens
from foundation.identity.issuers import Issuer
from foundation.issuing import MOST_KEYS, Document, Shown, allow, is_url
from foundation.tokens import Tokens
from services.operator.sidecar import TrustedIssuer

_FRESH_SECONDS = 30.0
"""So soon keys in the file are read again: the operator, who keeps it new, has looked at the issuer's own times."""
_TYPES = f"{ACCESS} jwt"
_TYPES_OF_ACCOUNTS = f"{_TYPES} {UNTYPED}"


def tokens_of(said: TrustedIssuer, resource: str, keys: Path, *, now: Callable[[], float] = time.time) -> Tokens:
    """What checks the tokens of the issuer that the configuration *said*. They are for its audience, or else for *resource*.

    *keys* is the file with the keys of issuers. Raises `Refused` if the issuer cannot be trusted as it stands there.
    """
    named = said.issuer.strip()
    if not named:
        raise Refused("the configuration names no issuer of tokens")
    accounts = bool(said.namespace or said.service_account)
    issuer = Issuer(
        name=named,
        audience=said.audience or resource,
        keys="" if said.keys else said.jwks_url,
        tier=Tier.RESTRICTED,
        type=_TYPES_OF_ACCOUNTS if accounts else _TYPES,
    )
    if not said.keys:
        where = said.jwks_url or named
        if not is_url(where):
            raise Refused(f"the issuer {named[:200]!r} is not a URL, so its keys cannot be found; name its jwksURL")
        allow("the address of the issuer's keys", where, Tier.RESTRICTED)
    shown = Shown(
        authorities=said.ca_bundle_path,
        token=said.token_path,
        certificate=said.client_certificate_path,
        key=said.client_key_path,
    )
    if bool(shown.certificate) != bool(shown.key):
        raise Refused("a client certificate for the issuer needs both the certificate and its key")
    kept = (lambda: _kept(keys, named)) if said.keys else None
    if accounts:
        return AccountTokens(
            issuer=issuer,
            now=now,
            fetch=shown.fetched,
            kept=kept,
            namespace=said.namespace,
            account=said.service_account,
        )
    return Tokens(issuer=issuer, now=now, fetch=shown.fetched, kept=kept)


def _kept(file: Path, issuer: str) -> bytes:
    """The keys of *issuer* in *file*: a JSON Web Key Set for each issuer."""
    try:
        found = strict_json(read_file(file, MOST_KEYS), "the file of the issuers' keys")
    except ArcOpsError as error:
        raise Unavailable(f"the issuer's keys cannot be read ({error}), so no token can be checked") from error
    one = found.get(issuer) if isinstance(found, dict) else None
    if one is None:
        raise Unavailable("the operator has not brought the issuer's keys yet, so no token can be checked; try again")
    keys = Document(one.encode() if isinstance(one, str) else json.dumps(one).encode())
    keys.seconds = _FRESH_SECONDS
    return keys
