"""Arguments as a record may have them: the names that are known here, and a keyed digest of everything.

A plain digest of few possible values (a passphrase of four digits, yes or no) would tell them to anyone who tries all of them.
So the digest is keyed BLAKE2b (RFC 7693) with a key that stays at this site: equal arguments have equal digests, and only this
site can check whether some arguments are those of a record.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass

ALGORITHM = "keyed-blake2b-256"
_BYTES = 32
OTHERS = "others"
"""Stands for the arguments whose names are not known here: such a name may be a secret itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What a record may say of arguments: their ``names``, sorted, and their keyed ``digest``; both empty without arguments."""

    names: tuple[str, ...] = ()
    digest: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Masking:
    """Masks arguments with the ``key`` of this site, 32 bytes."""

    key: bytes

    def __repr__(self) -> str:
        return "Masking()"

    def told(self, arguments: Mapping[str, object] | None, known: Collection[str]) -> Told:
        """*arguments*, as they came in JSON, as a record may have them. *known* are the names that the tool declares."""
        if not arguments:
            return Told()
        names = sorted(name for name in arguments if name in known)
        if len(names) < len(arguments):
            names.append(OTHERS)
        text = _ENCODER.encode(arguments)
        found = hashlib.blake2b(text.encode(), key=self.key, digest_size=_BYTES)
        return Told(names=tuple(names), digest=f"{ALGORITHM}:{found.hexdigest()}")


def _unknown(value: object) -> str:
    """For a value that JSON does not have, which no caller can send: its type, so that a record is still made."""
    return type(value).__name__


_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), default=_unknown)
