"""The keys of the audit log: one signs its checkpoints, one makes the digests of arguments. Both are made at the first start.

A server records calls as long as it runs, and no person is there to type a passphrase. So this key is not the site's signing
key. It lies unencrypted, readable by this user alone, outside of the folder of the logs; all that it can sign is a checkpoint
of an audit log.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import dataclass

from cryptography.hazmat.primitives import serialization

from arcops.errors import Refused, Unavailable
from artifacts.private_folder import make_private, refuse_if_open
from artifacts.private_key import Algorithm, Signer, create, load_signer
from artifacts.public_key import PublicKey, load_public_key
from artifacts.reading import read_file
from artifacts.writing import write_new
from foundation.audit.masking import Masking
from foundation.audit.place import AuditPlace
from foundation.secrets import AUDIT_KEYS

_MOST_BYTES = 64 * 1024
_MASKING_BYTES = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditKeys:
    """What a writer needs: the ``signer`` of checkpoints, and what masks arguments."""

    signer: Signer
    masking: Masking


def open_keys(place: AuditPlace) -> AuditKeys:
    """The keys at *place*; made if nothing was ever recorded there.

    Raises `Refused` if there are logs and no key: a new one would not verify what was recorded.
    """
    try:
        make_private(place.outside)
    except OSError as error:
        raise Unavailable(f"the folder {place.outside} of the audit log's key cannot be made: {error.strerror}") from error
    refuse_if_open(place.outside, "the key of the audit log")
    key, masking = (place.outside / name for name in AUDIT_KEYS)
    if not os.path.lexists(key):
        known = sorted({*place.remembered(), *(one.name for one in place.present())})
        if known:
            raise Refused(
                f"the key of the audit log, {key}, is gone, but {known[0]} was signed with it; restore it from a copy, or move "
                f"{place.logs} and {place.outside} away and keep them as evidence"
            )
        new = create(Algorithm.ED25519)
        pem = new.raw.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        with suppress(Refused):  # another process was faster; its key counts
            write_new(key, pem, mode=0o600)
    if not os.path.lexists(masking):
        with suppress(Refused):
            write_new(masking, os.urandom(_MASKING_BYTES), mode=0o600)
    signer = load_signer(str(key), _no_passphrase)
    if not os.path.lexists(place.public):
        with suppress(Refused):
            write_new(place.public, signer.public.pem, mode=0o644)
    secret = read_file(masking, _MOST_BYTES, follow=False)
    if len(secret) != _MASKING_BYTES:
        raise Refused(f"the masking key {masking} has {len(secret)} bytes and not {_MASKING_BYTES}; restore it from a copy")
    return AuditKeys(signer=signer, masking=Masking(key=secret))


def public_half(place: AuditPlace) -> PublicKey:
    """The key that verifies the checkpoints at *place*. Raises `Refused` if there is no such key."""
    path = place.public
    if not os.path.lexists(path):
        if place.stamp:
            raise Refused(
                f"no key here vouches for {place.logs}: no restore of this machine brought it, or {path} was removed; verify "
                "it with a key that was kept elsewhere ('arcops audit verify --key FILE')"
            )
        raise Refused(f"there is no key of an audit log here ({path}): nothing was recorded yet, or it was removed")
    refuse_if_open(place.outside, "the key of the audit log")
    return load_public_key(read_file(path, _MOST_BYTES, follow=False), where=str(path))


def _no_passphrase(what: str) -> str:
    raise Refused(f"the {what} is asked for, but the key of the audit log is not encrypted; restore it from a copy")
