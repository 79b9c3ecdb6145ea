"""Checkpoints: the signed statement "this log has so many entries, with this root" (C2SP ``tlog-checkpoint``, ``signed-note``).

A copy of the last checkpoint shows that the log's end was removed; its root shows a removed, edited or reordered entry.

Signature lines: Ed25519 as ``signed-note`` says (key id over name, type 0x01 and key); ECDSA as Rekor's logs do (key id from
the DER SubjectPublicKeyInfo, SHA-256, DER signature), since ``signed-note`` has no type for it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Sequence

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from arcops.errors import Broken, Refused
from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from artifacts.envelope import strict_base64
from artifacts.private_key import Signer
from artifacts.public_key import PublicKey

MOST_BYTES = 64 * 1024
_ORIGIN = late(r"[^\s+]{1,200}\Z")
_SIZE = late(r"(0|[1-9][0-9]{0,17})\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class Checkpoint:
    """A log's name, how many entries it has, and the Merkle root over them."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        if not _ORIGIN.match(self.origin):
            raise Refused(f"{self.origin[:100]!r} cannot name a log; use a name without spaces or '+', such as example.org/log")
        if self.size < 0 or len(self.root) != 32:
            raise Refused(f"the checkpoint of {self.origin!r} has no size or no SHA-256 root")

    @property
    def text(self) -> str:
        """The signed text."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def sign_checkpoint(checkpoint: Checkpoint, signer: Signer) -> bytes:
    """*checkpoint* as a signed note. Raises `Broken` if the signature does not verify with the signer's own key."""
    text = checkpoint.text.encode()
    signature = signer.sign(text)
    if not signer.public.verifies(text, signature):
        raise Broken(f"the signer {signer.public.id} made a signature that its own public key does not verify")
    line = base64.b64encode(_key_hash(checkpoint.origin, signer.public) + signature).decode()
    return text + f"\n\u2014 {checkpoint.origin} {line}\n".encode()


def open_checkpoint(note: bytes, keys: Sequence[PublicKey], *, origin: str = "") -> Checkpoint:
    """The checkpoint in *note*, signed by at least one of *keys*, of the log *origin* if that is given.

    Raises `Refused` on anything else. Signatures of others (witnesses) are allowed and not checked.
    """
    found, signatures = _parse(note)
    if origin and found.origin != origin:
        raise Refused(f"the checkpoint is of the log {found.origin!r}, not of {origin!r}")
    if not any(_signed(line, found, keys) for line in signatures):
        raise Refused(f"no given key verifies the checkpoint of {found.origin!r}")
    return found


def claimed(note: bytes) -> Checkpoint:
    """The content of *note*, without checking its signature: to compare a log with it, never to rely on.

    Raises `Refused` if it is not a checkpoint.
    """
    return _parse(note)[0]


def _parse(note: bytes) -> tuple[Checkpoint, list[str]]:
    if len(note) > MOST_BYTES:
        raise Refused(f"the checkpoint has {len(note)} bytes; at most {MOST_BYTES} are read")
    try:
        text, separator, signatures = note.decode().rpartition("\n\n")
    except UnicodeDecodeError as error:
        raise Refused("the checkpoint is not UTF-8") from error
    lines = (text + "\n").split("\n")[:-1]
    if not separator or len(lines) < 3 or not _SIZE.match(lines[1]) or not signatures.endswith("\n"):
        raise Refused("this is not a signed checkpoint: origin, size and root, a blank line, and signatures are expected")
    found = Checkpoint(origin=lines[0], size=int(lines[1]), root=strict_base64(lines[2], "the checkpoint's root"))
    if len(lines) > 3:
        raise Refused("the checkpoint has extension lines, which ArcOps does not support")
    return found, signatures[:-1].split("\n")


def _signed(line: str, checkpoint: Checkpoint, keys: Sequence[PublicKey]) -> bool:
    dash, _, rest = line.partition(" ")
    name, _, encoded = rest.partition(" ")
    if dash != "\u2014" or not name or not encoded:
        raise Refused("the checkpoint has a line among its signatures that is not a signature")
    blob = strict_base64(encoded, "a signature of the checkpoint")
    if name != checkpoint.origin:
        return False
    text = checkpoint.text.encode()
    return any(blob[:4] == _key_hash(name, key) and key.verifies(text, blob[4:]) for key in keys)


def _key_hash(name: str, key: PublicKey) -> bytes:
    if isinstance(key.raw, Ed25519PublicKey):
        raw = key.raw.public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        return hashlib.sha256(name.encode() + b"\n\x01" + raw).digest()[:4]
    return bytes.fromhex(key.id.removeprefix("sha256:"))[:4]
