"""The operator's trust: public keys, trusted roots, certificate authorities and revocation lists.

A directory with four folders: ``keys/*.pub`` or ``*.pem`` (public keys), ``roots/*.json`` (Sigstore trusted roots),
``authorities/*.pem`` (X.509 CA certificates) and ``revocations/*`` (signed revocation lists). Nothing is ever fetched.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from arcops.errors import Refused, Unavailable
from arcops.evidence import Source, SourceKind
from arcops.late_dataclass import dataclass
from arcops.repairing import EMPTY_TRUST, NO_TRUST
from artifacts.private_folder import refuse_if_open
from artifacts.public_key import PublicKey, load_public_key
from artifacts.reading import read_file
from artifacts.wire import canonical
from tasks.files.reading import MIB

if TYPE_CHECKING:
    from cryptography import x509

    from tasks.signing.trusted_root import SigstoreRoot

_SUFFIXES = {"keys": (".pub", ".pem"), "roots": (".json",), "authorities": (".pem", ".crt"), "revocations": ("",)}
_MOST = 4 * MIB


@dataclass(frozen=True, slots=True, kw_only=True)
class TrustFile:
    """One file of the trust directory; ``path`` is relative to it, with ``/``."""

    path: str
    data: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Trust:
    """Everything that a signature can be checked with. ``digest`` is ``sha256:…`` over the names and bytes of all of it."""

    digest: str
    keys: tuple[PublicKey, ...] = ()
    roots: tuple[SigstoreRoot, ...] = ()
    authorities: tuple[x509.Certificate, ...] = ()
    revocations: tuple[TrustFile, ...] = ()

    def source(self, dated: datetime | None = None) -> Source:
        """This trust as a source of evidence. *dated* is when its newest signed revocation list was made, if known."""
        return Source(name="trust", kind=SourceKind.TRUST, digest=self.digest, dated=dated)


def load_trust(folder: Path) -> Trust:
    """The trust in *folder*.

    Raises `Refused` if the folder is missing, if every user of the machine can write into it, if it holds nothing that could
    prove a signature, and for a file of the wrong kind (such as a private key among the public ones): trust is never guessed.
    """
    try:
        if not folder.is_dir():
            raise Refused(f"{NO_TRUST}; create it and put public keys in keys/")
        for place in (folder, *(folder / name for name in _SUFFIXES)):
            refuse_if_open(place, "the trust")
        files = {place: tuple(_files(folder, place, suffixes)) for place, suffixes in _SUFFIXES.items()}
    except OSError as error:
        raise Unavailable(f"the trust folder (ARCOPS_TRUST) cannot be read: {error.strerror}") from error
    keys = {key.id: key for key in (_key(file) for file in files["keys"])}
    trust = Trust(
        digest=_digest(file for place in files.values() for file in place),
        keys=tuple(keys[identity] for identity in sorted(keys)),
        roots=tuple(_root(file) for file in files["roots"]),
        authorities=tuple(certificate for file in files["authorities"] for certificate in _authorities(file)),
        revocations=files["revocations"],
    )
    if not (trust.keys or trust.roots or trust.authorities):
        raise Refused(
            f"{EMPTY_TRUST}; put public keys (*.pub) in keys/, Sigstore trusted roots (*.json)"
            " in roots/ or CA certificates (*.pem) in authorities/"
        )
    return trust


def _files(folder: Path, place: str, suffixes: tuple[str, ...]) -> Iterator[TrustFile]:
    inside = folder / place
    if not inside.is_dir():
        if os.path.lexists(inside):  # to ignore it silently could ignore revocations
            raise Refused(f"trust/{place} is not a directory; make it one, or remove it")
        return
    for path in sorted(inside.iterdir()):
        if path.name.startswith((".", "README")):
            continue
        if not path.name.endswith(suffixes):
            ends = " or ".join(suffixes)
            raise Refused(
                f"trust/{place}/{path.name} has a wrong name: files in {place}/ must end in {ends}; move it to another folder"
            )
        # The folder belongs to the operator and may be mounted through links (Kubernetes does so), so links are followed here.
        yield TrustFile(path=f"{place}/{path.name}", data=read_file(path, _MOST, named=f"trust/{place}/{path.name}"))


def _digest(files: Iterator[TrustFile]) -> str:
    listed = sorted((file.path, hashlib.sha256(file.data).hexdigest()) for file in files)
    return f"sha256:{hashlib.sha256(canonical([[path, digest] for path, digest in listed])).hexdigest()}"


def _key(file: TrustFile) -> PublicKey:
    where = f"trust/{file.path}"
    if b"PRIVATE KEY" in file.data:
        raise Refused(f"{where} is a private key; move it to another folder and put its public key here")
    # Text around the PEM block is allowed (RFC 7468, section 2), and tools do write it.
    _, found, block = file.data.partition(b"-----BEGIN")
    if b"-----BEGIN" in block:
        raise Refused(f"{where} holds more than one key; put each into its own file")
    return load_public_key(found + block if found else file.data, where=where)


def _root(file: TrustFile) -> SigstoreRoot:
    from tasks.signing.trusted_root import parse_root  # needs X.509: imported late

    return parse_root(file.data, where=f"trust/{file.path}")


def _authorities(file: TrustFile) -> tuple[x509.Certificate, ...]:
    from tasks.signing.x509_reading import from_pem

    try:
        return from_pem(file.data, what="a certificate")
    except Refused as error:
        raise Refused(f"trust/{file.path} holds no certificate in PEM: {error}") from error
