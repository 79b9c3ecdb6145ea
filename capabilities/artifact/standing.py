"""Who vouches for an artifact, and whether it is in the ledger: both are checked for each answer, from nothing cached."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from arcops.errors import ArcOpsError, Refused
from artifacts.entries import Entry, read_line
from artifacts.log.checkpoint import Checkpoint, open_checkpoint
from artifacts.log.lines import read_whole
from artifacts.log.merkle import inclusion_proof, leaf_hash, verify_inclusion
from artifacts.public_key import PublicKey
from artifacts.store import Store
from artifacts.vouch import Grounds
from flows.place import Place
from tasks.signing.grounds import grounds as trusted


class Ledgered(Enum):
    """What the ledger says about an artifact."""

    PROVEN = "proven"
    """An inclusion proof leads from its entry to the root that the last checkpoint signs."""
    NOT_YET = "not-yet"
    """Its entry is newer than the last checkpoint."""
    UNPROVEN = "unproven"
    """There is no checkpoint, or no trusted key signed it."""
    BROKEN = "broken"
    """The log differs from the one that the checkpoint signs: an entry was removed, edited or moved."""
    ABSENT = "absent"
    """The log has no entry for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """The artifact's place in the log, proven for this answer."""

    state: Ledgered
    said: str
    """What was found, in one sentence."""
    position: int | None = None
    """Its number in the log; the first is 0."""
    kept_at: datetime | None = None
    origin: str = ""
    size: int = 0
    """How many entries the checkpoint signs."""
    root: str = ""
    """The Merkle root that the checkpoint signs, in hex."""
    path: tuple[str, ...] = ()
    """The inclusion proof, from the leaf upwards, in hex (RFC 6962)."""
    signers: tuple[str, ...] = ()
    """The ids of the trusted keys that signed the checkpoint."""


def grounds(at: Place) -> Grounds:
    """Read the trusted keys and lists that artifacts are checked against at this place, now."""
    try:
        return trusted(at.settings.trust)
    except ArcOpsError as error:
        return Grounds(problem="its trusted keys cannot be used; ask its operator" if at.roots is not None else str(error))


def ledger_of(digest: str, position: int | None, store: Store, keys: Sequence[PublicKey]) -> LedgerState:
    """Prove the entry at *position*, which the index names for *digest*, against the store's last checkpoint now.

    If all is well, a few reads prove it. If they do not, the whole log is read to find what is wrong.
    """
    if position is None:
        return LedgerState(state=Ledgered.ABSENT, said="The log has no entry for it: it was never kept as an artifact.")
    note = store.last_checkpoint()  # before the log is read, so that the checkpoint is not newer than the log
    signed = {key.id: found for key in keys if (found := _checkpoint(note, key, store.origin))} if note else {}
    checkpoint = next(iter(signed.values()), None)
    if checkpoint is not None and (proven := store.log.nodes.inclusion(position, checkpoint)) is not None:
        entry = _entry([proven.line], 0)
        if entry is not None and entry.artifact == digest:
            return _signed(entry, position, checkpoint, signed, Ledgered.PROVEN, proven.path)
    lines = read_whole(store.log.path)
    entry = _entry(lines, position)
    if entry is None or entry.artifact != digest:
        return LedgerState(
            state=Ledgered.BROKEN, position=position, said="Its entry is not at its place in the log: the log was changed."
        )
    if checkpoint is None:
        why = "no checkpoint was signed yet" if note is None else "no trusted key signed the last checkpoint"
        return LedgerState(
            state=Ledgered.UNPROVEN, position=position, kept_at=entry.at, said=f"Entry {position} of the log; {why}."
        )
    leaves = tuple(leaf_hash(line) for line in lines[: checkpoint.size])
    if len(leaves) < checkpoint.size:
        lost = checkpoint.size - len(leaves)
        said = f"The checkpoint signs {checkpoint.size} entries; {lost} of them were removed."
        return replace(_signed(entry, position, checkpoint, signed, Ledgered.BROKEN), said=said)
    if position >= checkpoint.size:
        return _signed(entry, position, checkpoint, signed, Ledgered.NOT_YET)
    path = inclusion_proof(leaves, position)
    if not verify_inclusion(leaf=leaf_hash(entry.line), index=position, size=checkpoint.size, proof=path, root=checkpoint.root):
        return _signed(entry, position, checkpoint, signed, Ledgered.BROKEN, path)
    store.renew_nodes()
    return _signed(entry, position, checkpoint, signed, Ledgered.PROVEN, path)


def _signed(
    entry: Entry,
    position: int,
    checkpoint: Checkpoint,
    signers: Collection[str],
    state: Ledgered,
    path: Sequence[bytes] = (),
) -> LedgerState:
    """What *checkpoint*, signed by *signers*, says about *entry*."""
    said = {
        Ledgered.PROVEN: f"Entry {position} is one of the {checkpoint.size} that the last checkpoint signs.",
        Ledgered.NOT_YET: f"Entry {position} is newer than the last checkpoint, which signs {checkpoint.size}.",
        Ledgered.BROKEN: "The log differs from the one that its checkpoint signs: an entry was edited or moved.",
    }
    return LedgerState(
        state=state,
        said=said[state],
        position=position,
        kept_at=entry.at,
        origin=checkpoint.origin,
        size=checkpoint.size,
        root=checkpoint.root.hex(),
        path=tuple(node.hex() for node in path),
        signers=tuple(sorted(signers)),
    )


def _entry(lines: Sequence[bytes], position: int) -> Entry | None:
    try:
        return read_line(lines[position]) if position < len(lines) else None
    except Refused:
        return None


def _checkpoint(note: bytes, key: PublicKey, origin: str) -> Checkpoint | None:
    try:
        return open_checkpoint(note, [key], origin=origin)
    except Refused:
        return None
