"""Who vouches for an artifact, and is it in the ledger: both found out at the moment of asking, from nothing that was kept."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import Enum

from adapters.tools.contract import Place
from arcops.errors import Refused
from arcops.seen.signatures import RevocationsSeen, Revoked
from artifacts.bundle import read_envelope, verified_by
from artifacts.entries import Entry, read_line
from artifacts.envelope import IN_TOTO
from artifacts.log.checkpoint import Checkpoint, open_checkpoint
from artifacts.log.lines import read_lines
from artifacts.log.merkle import inclusion_proof, leaf_hash, verify_inclusion
from artifacts.public_key import PublicKey
from artifacts.store import Store
from tasks.revocations import revocations
from tasks.trust import load_trust

_MOST_HINT = 100


class Standing(Enum):
    """What an artifact's signature is worth here and now."""

    VERIFIED = "verified"
    """A key that this machine trusts signed these bytes, and no list that counts revokes it."""
    UNTRUSTED = "untrusted"
    """Nobody whom this machine trusts signed these bytes."""
    REVOKED = "revoked"
    """Who signed was trusted, and is revoked; or the artifact is."""
    CHANGED = "changed"
    """The bytes are no longer those that were kept."""
    UNREADABLE = "unreadable"
    """The bytes are what was kept, but no sealed statement."""
    UNCHECKED = "unchecked"
    """What signatures are checked against cannot be read here, so nothing is known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SignatureState:
    """The state of a signature, checked at the moment of asking."""

    standing: Standing
    said: str
    """One sentence: what was found."""
    checked_at: datetime
    signers: tuple[str, ...] = ()
    """The ids of the trusted keys whose signatures hold and that are not revoked."""
    revoked: tuple[str, ...] = ()
    """One sentence for each revocation that touches this artifact."""
    caveats: tuple[str, ...] = ()
    """What could not be seen about revocations, one sentence each."""


class Ledgered(Enum):
    """What the ledger says of an artifact."""

    PROVEN = "proven"
    """A proof leads from its entry to the root that the last checkpoint signs."""
    NOT_YET = "not-yet"
    """Its entry is newer than the last checkpoint."""
    UNPROVEN = "unproven"
    """There is no checkpoint, or none that a trusted key signed."""
    BROKEN = "broken"
    """The log is not the one that the checkpoint signs: something was removed, edited or moved."""
    ABSENT = "absent"
    """The log has no entry for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """The artifact's place in the log, proven at the moment of asking."""

    state: Ledgered
    said: str
    """One sentence: what was found."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Grounds:
    """What signatures are checked against: keys and revocations as they lie here at one moment, or why there are none."""

    keys: tuple[PublicKey, ...] = ()
    revocations: tuple[RevocationsSeen, ...] = ()
    problem: str = ""


def grounds(at: Place) -> Grounds:
    """Read what signatures are checked against at this place, now."""
    try:
        trust = load_trust(at.settings.trust)
    except Refused as error:
        return Grounds(problem="its trust cannot be used; ask its operator" if at.roots is not None else str(error))
    return Grounds(keys=trust.keys, revocations=revocations(trust))


def signature_of(data: bytes, ground: Grounds, now: datetime) -> SignatureState:
    """Check the signatures of the sealed artifact *data* against *ground*, which was read at *now*."""

    def state(standing: Standing, said: str, **more: tuple[str, ...]) -> SignatureState:
        return SignatureState(standing=standing, said=said, checked_at=now, **more)

    try:
        envelope = read_envelope(data)
    except Refused as error:
        return state(Standing.UNREADABLE, f"This is no sealed artifact: {error}.")
    if envelope.payload_type != IN_TOTO:
        return state(Standing.UNREADABLE, f"What is sealed here is {envelope.payload_type[:_MOST_HINT]!r}, not a statement.")
    if ground.problem:
        return state(Standing.UNCHECKED, f"Nothing can be verified here: {ground.problem}.")
    signers = verified_by(envelope, ground.keys)
    if not signers:
        hint = envelope.signatures[0].keyid[:_MOST_HINT] or "nobody"
        return state(
            Standing.UNTRUSTED,
            f"None of the {len(ground.keys)} key(s) trusted here signed it. It names {hint} as its signer, "
            "which anybody can write.",
        )
    caveats = tuple(_caveats(ground.revocations))
    entries = [entry for listed in ground.revocations if not listed.problem for entry in listed.revoked]
    digest = hashlib.sha256(data).hexdigest()
    artifact = [entry for entry in entries if entry.sha256 == digest]
    keys = [entry for entry in entries if entry.key in signers]
    sentences = tuple(_sentence(entry) for entry in (*artifact, *keys))
    standing_keys = tuple(key for key in signers if key not in {entry.key for entry in keys})
    if artifact or not standing_keys:
        return state(Standing.REVOKED, "It was signed by a trusted key, and was revoked.", revoked=sentences, caveats=caveats)
    said = f"Signed by {', '.join(standing_keys)}, which is trusted here."
    if any(listed.problem for listed in ground.revocations):
        said = f"{said} Whether that was revoked cannot be seen, so it counts as not verified."
        return state(Standing.UNCHECKED, said, revoked=sentences, caveats=caveats)
    return state(Standing.VERIFIED, said, signers=standing_keys, revoked=sentences, caveats=caveats)


def _caveats(lists: tuple[RevocationsSeen, ...]) -> Iterator[str]:
    if not lists:
        yield "No revocation list lies here, so nobody knows of a revoked key."
    for listed in lists:
        if listed.problem:
            yield f"A revocation list proves nothing, so a revocation may be missed: {listed.problem}."


def _sentence(entry: Revoked) -> str:
    what = f"the key {entry.key}" if entry.key else "this artifact"
    return f"Revoked on {entry.at:%Y-%m-%d}: {what}. {entry.reason}"


def ledger_of(digest: str, position: int | None, store: Store, keys: Sequence[PublicKey]) -> LedgerState:
    """Prove the entry at *position*, which the index names for *digest*, against the store's last checkpoint now."""
    if position is None:
        return LedgerState(state=Ledgered.ABSENT, said="The log has no entry for it: it was never kept as an artifact.")
    lines = tuple(read_lines(store.folder / "log"))
    entry = _entry(lines, position)
    if entry is None or entry.artifact != digest:
        return LedgerState(
            state=Ledgered.BROKEN, position=position, said="The log no longer has its entry where it was: the log was changed."
        )
    note = store.last_checkpoint()
    signed = {key.id: found for key in keys if (found := _checkpoint(note, key, store.origin))} if note else {}
    if not signed:
        why = "no checkpoint was signed yet" if note is None else "no trusted key signed the last checkpoint"
        return LedgerState(
            state=Ledgered.UNPROVEN, position=position, kept_at=entry.at, said=f"Entry {position} of the log; {why}."
        )
    checkpoint = next(iter(signed.values()))
    leaves = tuple(leaf_hash(line) for line in lines[: checkpoint.size])

    def state(state: Ledgered, said: str, path: tuple[bytes, ...] = ()) -> LedgerState:
        return LedgerState(
            state=state,
            said=said,
            position=position,
            kept_at=entry.at,
            origin=checkpoint.origin,
            size=checkpoint.size,
            root=checkpoint.root.hex(),
            path=tuple(node.hex() for node in path),
            signers=tuple(sorted(signed)),
        )

    if len(leaves) < checkpoint.size:
        lost = checkpoint.size - len(leaves)
        return state(Ledgered.BROKEN, f"The checkpoint signs {checkpoint.size} entries; {lost} of them were removed.")
    if position >= checkpoint.size:
        return state(Ledgered.NOT_YET, f"Entry {position} is newer than the last checkpoint, which signs {checkpoint.size}.")
    path = inclusion_proof(leaves, position)
    if not verify_inclusion(leaf=leaf_hash(entry.line), index=position, size=checkpoint.size, proof=path, root=checkpoint.root):
        return state(Ledgered.BROKEN, "The log is not the one that its checkpoint signs: an entry was edited or moved.", path)
    return state(Ledgered.PROVEN, f"Entry {position} is one of the {checkpoint.size} that the last checkpoint signs.", path)


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
