"""What publishers attested about the files of a server's package, in files that were put beside its lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.seen.signatures import RevocationsSeen


@dataclass(frozen=True, slots=True, kw_only=True)
class Attested:
    """One attestation. ``kind`` is ``pypi-publish`` (PEP 740), ``npm-publish`` or ``npm-provenance``; ``subject`` the file or
    package URL that it names, with its ``digests`` (``sha256:…`` or ``sha512:…``).

    ``identity`` and ``issuer``, or ``key``, are who was proven to have signed; all are empty if nothing was proven, and
    ``problem`` then says why, and the rest are only claims.
    """

    path: str
    kind: str
    subject: str = ""
    digests: tuple[str, ...] = ()
    identity: str = ""
    issuer: str = ""
    key: str = ""
    at: datetime | None = None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerAttestations(Body):
    """``attested`` are all that were given, sorted. ``wanted`` are the digests of the package's own files in the lock, in the
    same form, and ``package`` its package URL.

    ``before`` are the kinds that the version judged well before had; ``before_lost`` says that there was one, and what it had
    cannot be seen here.
    """

    KIND: ClassVar[str] = "server-attestations"

    package: str
    wanted: tuple[str, ...]
    attested: tuple[Attested, ...] = ()
    revocations: tuple[RevocationsSeen, ...] = ()
    before: tuple[str, ...] = ()
    before_lost: bool = False
