"""Material that tests sign with: a tree read from disk, keys, trust directories, bundles and envelopes."""

from __future__ import annotations

import base64
import hashlib
import json
from datetime import datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from arcops.evidence import Seen
from arcops.request import Request
from arcops.seen.content import Content
from arcops.seen.signatures import Signatures
from arcops.seen.tree import FileSeen, LinkSeen, Tree
from arcops.tier import Tier
from artifacts.envelope import IN_TOTO, pae
from artifacts.public_key import PublicKey, public_key
from tasks.model.signatures import signatures
from tests.evidence import NOW, evidence


class Key:
    """A P-256 key that signs for tests."""

    def __init__(self) -> None:
        self.private = ec.generate_private_key(ec.SECP256R1())
        self.public: PublicKey = public_key(self.private.public_key(), where="test key")

    def sign(self, data: bytes) -> bytes:
        return self.private.sign(data, ec.ECDSA(hashes.SHA256()))

    @property
    def pem(self) -> bytes:
        return self.private.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def envelope(payload: bytes, *keys: Key, kind: str = IN_TOTO) -> dict[str, object]:
    signatures = [{"sig": b64(key.sign(pae(kind, payload)))} for key in keys]
    return {"payload": b64(payload), "payloadType": kind, "signatures": signatures}


def keyed_bundle(payload: bytes, key: Key) -> bytes:
    return json.dumps(
        {
            "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "verificationMaterial": {"publicKey": {"hint": "any"}, "tlogEntries": []},
            "dsseEnvelope": envelope(payload, key),
        }
    ).encode()


def manifest(files: dict[str, bytes], *, ignored: tuple[str, ...] = (), method: str = "files") -> bytes:
    """The statement that OpenSSF Model Signing 1.x makes of *files*."""
    listed = [(name, hashlib.sha256(data).digest()) for name, data in sorted(files.items())]
    root = hashlib.sha256(b"".join(digest for _, digest in listed)).hexdigest()
    serialization_: dict[str, object] = {"method": method, "hash_type": "sha256", "allow_symlinks": False}
    if ignored:
        serialization_["ignore_paths"] = list(ignored)
    return json.dumps(
        {
            "_type": "https://in-toto.io/Statement/v1",
            "subject": [{"name": "model", "digest": {"sha256": root}}],
            "predicateType": "https://model_signing/signature/v1.0",
            "predicate": {
                "serialization": serialization_,
                "resources": [{"name": name, "algorithm": "sha256", "digest": digest.hex()} for name, digest in listed],
            },
        }
    ).encode()


def tree_of(target: Path) -> Tree:
    """The tree that the real collector would see, without looking into the files."""
    paths = sorted(target.rglob("*"), key=lambda path: str(path.relative_to(target))) if target.is_dir() else [target]
    files, links = [], []
    for path in paths:
        name = str(path.relative_to(target)) if target.is_dir() else path.name
        if path.is_symlink():
            links.append(LinkSeen(path=name, target=str(path.readlink()), escapes=False))
        elif path.is_file():
            data = path.read_bytes()
            digest = hashlib.sha256(data).hexdigest()
            files.append(FileSeen(path=name, size=len(data), sha256=digest, executable=False, content=Content(format="other")))
    root = hashlib.sha256(b"".join(bytes.fromhex(file.sha256) for file in files)).hexdigest()
    return Tree(root=root, files=tuple(files), links=tuple(links))


def trust_folder(folder: Path, *, keys: tuple[Key, ...] = (), files: dict[str, bytes] | None = None) -> Path:
    material = {f"keys/{number}.pub": key.pem for number, key in enumerate(keys)} | (files or {})
    for name, data in material.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def collect(target: Path, trust: Path, *, attached: tuple[Path, ...] = (), now: datetime = NOW) -> tuple[Tree, Signatures]:
    tree = tree_of(target)
    request = Request(
        target=target,
        kind="model",
        tier=Tier.AIR_GAPPED,
        now=now,
        trust=trust,
        data=trust,
        cache=trust,
        attached=attached,
    )
    seen = Seen({Tree.KIND: evidence(tree)}, at=now, subject_name=request.name)
    return tree, signatures.look(request, seen).body
