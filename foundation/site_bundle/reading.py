"""Reading a bundle: each piece is verified before anything is done with it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from arcops.errors import Refused
from artifacts.bundle import open_statement
from artifacts.public_key import PublicKey
from artifacts.signed_tar import SignedTar
from artifacts.site_bundle import SITE_BUNDLE, SiteBundle
from foundation.site_bundle.pieces import REQUIREMENTS, images, not_given, refuse_wrong, requirements, version_in, wheels


@dataclass(frozen=True, slots=True, kw_only=True)
class Verified:
    """A bundle that is sound, and the ids of the keys that signed it."""

    bundle: SiteBundle
    signers: tuple[str, ...]


def verify(tar: SignedTar, keys: Sequence[PublicKey]) -> Verified:
    """The bundle in *tar*, signed by one of *keys*: each byte of it, each image and each wheel. Raises `Refused` with the first
    thing that is wrong.
    """
    try:
        opened = open_statement(tar.sealed, keys)
        bundle = SITE_BUNDLE.read(opened.statement)
    except Refused as error:
        raise Refused(f"{tar.what} does not count here: {error}") from error
    parts = {one.name: one for one in bundle.parts}
    if strange := set(tar.names) - parts.keys():
        raise Refused(f"{tar.what} has {min(strange)}, which its signed list does not have")
    tar.verify(parts)
    refuse_wrong(parts, tar.read)
    carried = wheels(parts)
    said = (bundle.images, bundle.wheels, bundle.version, set(bundle.not_given))
    if said != (images(parts, tar.read), carried, version_in(carried), set(not_given(parts))):
        raise Refused(f"the signed list of {tar.what} says something else than its pieces")
    if carried and tar.read(REQUIREMENTS, tar.size(REQUIREMENTS)) != requirements(carried):
        raise Refused(f"{REQUIREMENTS} in {tar.what} is not that of its wheels")
    return Verified(bundle=bundle, signers=opened.signers)
