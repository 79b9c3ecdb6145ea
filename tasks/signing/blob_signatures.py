"""Signatures over single files: cosign's base64 ``.sig``, its old JSON bundle, and Sigstore message signatures."""

from __future__ import annotations

from arcops.beside import SIGNATURE_SUFFIXES
from arcops.errors import Refused
from arcops.request import Request
from arcops.seen.tree import FileSeen, Tree
from arcops.signer import ProvenSigner
from artifacts.envelope import strict_base64
from tasks.files.reading import MIB, read_seen
from tasks.signing.blob import Blob
from tasks.signing.bundles import OpenedBundle
from tasks.signing.trust import Trust

_IN_MEMORY = 256 * MIB


def signed_file(tree: Tree, path: str, stated_sha256: str = "") -> FileSeen:
    """The file that the signature at *path* is about: the tree's only file, the one of that name without the suffix, or the
    one with *stated_sha256*. Raises `Refused` if there is no such file.
    """
    name = next((path.removesuffix(suffix) for suffix in SIGNATURE_SUFFIXES if path.endswith(suffix)), path)
    if len(tree.files) == 1 and tree.files[0].path != path:
        return tree.files[0]
    file = tree.file(name) if name != path else None
    if file is None and stated_sha256:
        file = next((file for file in tree.files if file.sha256 == stated_sha256), None)
    if file is None:
        raise Refused(f"it signs a single file, but {name!r} does not exist, so it cannot be checked")
    return file


def blob_of(request: Request, file: FileSeen) -> Blob:
    """*file* as a signed blob: its bytes if the file is small, else the SHA-256 that the tree holds."""
    return Blob.of(read_seen(request, file, _IN_MEMORY)) if file.size <= _IN_MEMORY else Blob.named(file.sha256)


def open_detached(text: bytes, blob: Blob, trust: Trust) -> OpenedBundle:
    """Prove which enrolled keys made the base64 signature *text* over *blob*. Raises `Refused` if none did."""
    signature = strict_base64(text.decode("ascii", "replace").strip(), "it is not a bundle and its content")
    signers: list[str] = []
    needed = ""
    for key in trust.keys:
        try:
            if blob.signed_by(key, signature):
                signers.append(key.id)
        except Refused as error:
            needed = str(error)
    if not signers:
        raise Refused(needed or "it is not the signature of an enrolled key over that file; add the signer's key to keys/")
    return OpenedBundle(
        payload_type="",
        payload=b"",
        signers=tuple(ProvenSigner(key=key) for key in signers),
        keys=tuple(signers),
        sha256=blob.sha256.hex(),
    )
