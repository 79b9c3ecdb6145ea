"""The keys of an issuer that a resource names, fetched by the operator so that the pod needs no way out for that.

Who writes a resource chooses the address: only addresses are asked to which a resource may send the operator
(`Site.outside`), without a credential and without a proxy.
"""

from __future__ import annotations

from functools import partial

from arcops.errors import Unavailable
from arcops.tier import Tier
from foundation.egress.outside import Outside
from foundation.issuing import fetched, key_set, keys_from, read_object
from manifests.objects import frozen, text_of
from services.operator.sidecar import TrustedIssuer

MOST_BYTES = 256 * 1024
"""A ConfigMap takes one MiB in all."""
NO_KEYS = '{"keys":[]}'
"""The set of an issuer whose keys count no more: every token is refused."""


def fetched_keys(issuer: TrustedIssuer, tier: Tier, outside: Outside) -> bytes:
    """The key set of *issuer* as it answers. Raises `Unavailable`, and `Refused` for an address that may not be asked."""
    return keys_from(issuer.issuer, issuer.jwks_url, partial(fetched, outside=outside), tier)


def kept_keys(data: bytes) -> str:
    """The key set *data* as it is put beside a relay: the same text for the same keys in another order.

    Raises `Unavailable` if no key of it can be used, or it is too large.
    """
    if len(data) > MOST_BYTES:
        raise Unavailable(f"the issuer's key set has more than {MOST_BYTES} bytes")
    key_set(data)
    keys = read_object(data)["keys"]
    return text_of({"keys": sorted((frozen(one) for one in keys), key=text_of)})
