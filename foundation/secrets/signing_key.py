"""The signing key and its passphrase, each from wherever its setting says."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from arcops.tier import Tier
from foundation.secrets.passphrase import Passphrase, with_passphrase
from foundation.secrets.places import referred
from foundation.secrets.reference import is_remote

if TYPE_CHECKING:
    from artifacts.private_key import Signer
    from artifacts.public_key import PublicKey


def loaded_signer(
    uri: str, environment: Mapping[str, str], tier: Tier, ask: Passphrase | None = None, *, public: PublicKey | None = None
) -> Signer:
    """As `artifacts.private_key.load_signer`; besides, *uri* may refer to a key in PEM that a remote place of secrets keeps.

    *ask* asks a person for the passphrase. Raises `Refused` and `Unavailable`.
    """
    from artifacts.private_key import load_signer  # imports cryptography, which is only needed for signing

    pem = referred(environment, uri, "signing key", tier=tier) if is_remote(uri) else None
    return with_passphrase(
        environment,
        uri,
        ask,
        lambda passphrase: load_signer(uri, passphrase, environment=environment, public=public, pem=pem),
        tier=tier,
    )
