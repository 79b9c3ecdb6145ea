"""A model's signature in the format of OpenSSF Model Signing v1.0, which the tools of that project verify.

The signature covers every file except the signature file itself. ``model_signing verify key`` verifies signatures by P-256
keys; it does not support Ed25519.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import PurePosixPath

from arcops.errors import Refused
from arcops.subject import Digest, Subject
from artifacts.bundle import seal_statement
from artifacts.private_key import Signer
from artifacts.statement import statement
from artifacts.typed import JSON

PREDICATE = "https://model_signing/signature/v1.0"
SIGNATURE_FILE = "model.sig"


def sign_model(name: str, files: Iterable[tuple[str, str]], signer: Signer, *, signature_file: str = SIGNATURE_FILE) -> bytes:
    """The bytes of ``model.sig`` for the model *name*, made of *files*: pairs of path and SHA-256 in lower-case hex.

    Paths are relative with ``/``. *signature_file* is left out if it is among them. Raises `Refused` if there
    is no file, or if a path leaves the model or is there twice.
    """
    listed = sorted((path, digest) for path, digest in files if path != signature_file)
    if not listed:
        raise Refused(f"the model {name!r} has no files to sign")
    for path, digest in listed:
        if not path or PurePosixPath(path).is_absolute() or {"..", ".", ""} & set(path.split("/")) or "\\" in path:
            raise Refused(f"the path {path!r} does not name a file inside the model")
        if len(digest) != 64 or digest.strip("0123456789abcdef"):
            raise Refused(f"the digest of {path!r} is not the lower-case hex of a SHA-256")
    if len({path for path, _ in listed}) != len(listed):
        raise Refused(f"the model {name!r} lists one path twice")
    resources: list[JSON] = [{"name": path, "algorithm": "sha256", "digest": digest} for path, digest in listed]
    root = hashlib.sha256(b"".join(bytes.fromhex(digest) for _, digest in listed)).hexdigest()
    payload = statement(
        PREDICATE,
        [Subject(name=name, kind="model", digests=(Digest(algorithm="sha256", value=root),))],
        {
            "serialization": {
                "method": "files",
                "hash_type": "sha256",
                "allow_symlinks": False,
                "ignore_paths": [signature_file],
            },
            "resources": resources,
        },
    )
    # That project names a key by the SHA-256 of its PEM text, and refuses a bundle with another hint.
    return seal_statement(payload, signer, hint=hashlib.sha256(signer.public.pem).hexdigest())
