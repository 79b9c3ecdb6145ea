"""The mirror: one deterministic tar that carries artifacts across an air gap and is verified on arrival.

    mirror.json              the format's version and the log's name
    checkpoint               the signed checkpoint over the log
    entries/<position>.json  a log entry, exactly its line
    proofs/<position>.json   its inclusion proof under the checkpoint
    objects/<hex>            artifacts and evidence bodies
    keys/<hex>.pem           public keys, for people to read; only the keys that the importer passes are trusted

Same content, same bytes. Reading checks names, kinds, order, sizes, digests, proofs and signatures before anything is used, and
unpacks nothing to a path.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from arcops.errors import Refused, Unavailable
from arcops.late_pattern import late
from arcops.roots import ANYWHERE, Roots
from artifacts.beneath import open_within
from artifacts.bundle import MOST_BYTES, open_statement
from artifacts.canonical import canonical
from artifacts.entries import Entry, read_line
from artifacts.envelope import strict_json
from artifacts.log.checkpoint import Checkpoint, open_checkpoint
from artifacts.log.merkle import leaf_hash, verify_inclusion
from artifacts.public_key import PublicKey
from artifacts.signed_tar import ExactTar, TarWriter
from artifacts.store import MOST_EVIDENCE, Store
from artifacts.typed import dump, load

FORMAT = "arcops-mirror-v1"
MOST_MEMBERS = 1_000_000
MOST_IN_ALL = 4 * 1024**3
_SMALL = 1024 * 1024
_NAME = late(
    r"(mirror\.json|checkpoint|entries/(?P<entry>[0-9]{12})\.json|keys/[0-9a-f]{64}\.pem|objects/(?P<object>[0-9a-f]{64})"
    r"|proofs/(?P<proof>[0-9]{12})\.json)\Z"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    format: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """The audit path of one entry, in hex, from the leaf upwards."""

    position: int
    path: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """One complete artifact: signed by a trusted key, and in the log that the checkpoint signs."""

    position: int
    entry: Entry
    sealed: bytes
    evidence: tuple[tuple[str, bytes], ...]
    signers: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """A verified mirror."""

    checkpoint: Checkpoint
    note: bytes
    carried: tuple[Carried, ...]


def export(store: Store, to: BinaryIO, *, checkpoint: bytes, keys: Sequence[PublicKey], artifacts: Iterable[str] = ()) -> int:
    """Write a mirror of *artifacts* (digests; all if none is named) as far as *checkpoint* covers them; returns how many.

    *keys* are the public keys that verify the artifacts and the checkpoint. Raises `Refused` if the store holds no such
    artifact under that checkpoint, or if the store is not what the checkpoint signs.
    """
    signed = open_checkpoint(checkpoint, keys, origin=store.origin)
    wanted = set(artifacts)
    chosen = {
        position: entry
        for position, entry in enumerate(store.entries()[: signed.size])
        if not wanted or entry.artifact in wanted
    }
    lost = wanted - {entry.artifact for entry in chosen.values()}
    if lost:
        raise Refused(
            f"the artifact {min(lost)} is not in the part of the log that the checkpoint signs; sign a new checkpoint"
        )
    members: dict[str, bytes] = {
        "mirror.json": canonical(dump(Header(format=FORMAT, origin=store.origin))),
        "checkpoint": checkpoint,
    }
    for key in keys:
        members[f"keys/{_hex(key.id)}.pem"] = key.pem
    proofs = store.proofs(signed.size)
    for position, entry in chosen.items():
        path = proofs.inclusion(position)
        if not verify_inclusion(leaf=leaf_hash(entry.line), index=position, size=signed.size, proof=path, root=signed.root):
            raise Refused(f"entry {position} of the store is not what the checkpoint signs; run 'arcops store check'")
        proof = Proof(position=position, path=tuple(node.hex() for node in path))
        members[f"entries/{position:012}.json"] = entry.line
        members[f"proofs/{position:012}.json"] = canonical(dump(proof))
    objects = {digest for entry in chosen.values() for digest in (entry.artifact, *entry.evidence)}
    names = sorted([*members, *(f"objects/{_hex(digest)}" for digest in objects)])
    tar = TarWriter(to)
    for name in names:
        tar.add(name, members[name] if name in members else store.get(f"sha256:{name.removeprefix('objects/')}"))
    tar.end()
    return len(chosen)


def read_mirror(path: Path, keys: Sequence[PublicKey], within: Roots = ANYWHERE) -> Mirror:
    """The mirror in the file *path*, which is *within* these roots, verified with *keys*.

    Raises `Refused` on anything that is not exactly a sound mirror.
    """
    try:
        with os.fdopen(open_within(path, os.O_RDONLY, within), "rb") as file:
            members = dict(_members(ExactTar(file, "the mirror")))
    except OSError as error:
        raise Unavailable(f"{path} cannot be read: {error.strerror}") from error
    header = load(Header, strict_json(_member(members, "mirror.json"), "mirror.json"), "mirror.json")
    if header.format != FORMAT:
        raise Refused(f"the mirror has the format {header.format[:80]!r}; only {FORMAT} can be read")
    note = _member(members, "checkpoint")
    signed = open_checkpoint(note, keys, origin=header.origin)
    positions = sorted(int(found["entry"]) for name in members if (found := _NAME.match(name)) and found["entry"])
    carried = tuple(_carried(members, position, signed, keys) for position in positions)
    used = {f"objects/{_hex(digest)}" for item in carried for digest in (item.entry.artifact, *item.entry.evidence)}
    used |= {f"{kind}/{position:012}.json" for position in positions for kind in ("entries", "proofs")} | {
        "mirror.json",
        "checkpoint",
    }
    extra = {name for name in members if not name.startswith("keys/")} - used
    if extra:
        raise Refused(f"the mirror has {min(extra)}, but none of its entries names it")
    return Mirror(checkpoint=signed, note=note, carried=carried)


def import_mirror(path: Path, store: Store, keys: Sequence[PublicKey], *, at: datetime, within: Roots = ANYWHERE) -> Mirror:
    """Verify the whole mirror in *path* with *keys*, and then put its artifacts into *store*, in its log's order.

    *at* is the clock now: the new entries say when they were imported. Importing the same mirror again changes nothing.
    """
    mirror = read_mirror(path, keys, within)
    for item in mirror.carried:
        store.put(item.sealed, dict(item.evidence), at=at, brought=item.entry.brought or mirror.checkpoint.origin)
    return mirror


def _carried(members: dict[str, bytes], position: int, signed: Checkpoint, keys: Sequence[PublicKey]) -> Carried:
    line = _member(members, f"entries/{position:012}.json")
    entry = read_line(line)
    name = f"proofs/{position:012}.json"
    proof = load(Proof, strict_json(_member(members, name), name), name)
    try:
        nodes = tuple(bytes.fromhex(node) for node in proof.path)
    except ValueError as error:
        raise Refused(f"{name} in the mirror has a node that is not hex") from error
    sound = verify_inclusion(leaf=leaf_hash(line), index=position, size=signed.size, proof=nodes, root=signed.root)
    if proof.position != position or not sound:
        raise Refused(f"entry {position} of the mirror is not in the log that its checkpoint signs")
    sealed = _member(members, f"objects/{_hex(entry.artifact)}")
    opened = open_statement(sealed, keys)
    evidence = tuple((digest, _member(members, f"objects/{_hex(digest)}")) for digest in entry.evidence)
    return Carried(position=position, entry=entry, sealed=sealed, evidence=evidence, signers=opened.signers)


def _members(tar: ExactTar) -> Iterator[tuple[str, bytes]]:
    before, total = "", 0
    for count, name in enumerate(tar.names):
        found = _NAME.match(name)
        if not found:
            raise Refused(f"the mirror has a member {name[:100]!r}, which does not belong in a mirror")
        if name <= before:
            raise Refused(f"the mirror's member {name} is out of order")
        before, total = name, total + tar.size(name)
        if total > MOST_IN_ALL or count >= MOST_MEMBERS:
            raise Refused(f"the mirror is too large at {name}: {total} bytes in all")
        data = tar.read(name, max(MOST_EVIDENCE, MOST_BYTES) if found["object"] else _SMALL)
        if found["object"] and hashlib.sha256(data).hexdigest() != found["object"]:
            raise Refused(f"the content of {name} in the mirror does not match the digest in its name")
        yield name, data


def _member(members: dict[str, bytes], name: str) -> bytes:
    if name not in members:
        raise Refused(f"the mirror has no {name}")
    return members[name]


def _hex(digest: str) -> str:
    return digest.removeprefix("sha256:")
