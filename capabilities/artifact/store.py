"""The store: what was kept, whether anything is missing, and carrying it across an air gap."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from arcops.errors import Refused
from artifacts.index import Filter, Listed
from artifacts.mirror import export, import_mirror
from artifacts.private_folder import writable_by_group
from artifacts.public_key import PublicKey
from artifacts.store import Store
from artifacts.store_check import StoreLooked
from artifacts.unexpected import Unexpected, shown
from artifacts.vouch import Grounds, Standing, signature_of
from artifacts.writing import write_new
from capabilities.artifact.standing import grounds
from capabilities.contract import Scope, tool
from capabilities.kept import whose_keys
from flows.place import Place
from foundation.settings import without_folders

_MOST_KEY_BYTES = _MOST_CHECKPOINT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactsListed:
    """What was found, the newest first, by the artifacts' own words: no signature was verified for the list."""

    artifacts: tuple[Listed, ...]
    total: int = 0
    """How many there are in all, not only in this list."""
    unexpected: tuple[Unexpected, ...] = ()
    """What lies in the store's folders and is not the store's. It has no effect, but someone should look at it."""


@tool(title="List artifacts", scope=Scope.READ, reads_only=True, usual=True)
def list_artifacts(ask: Filter, at: Place) -> ArtifactsListed:
    """List the artifacts in the store, the newest first. Verify one before you rely on it."""
    with Store.at(at.settings) as store:
        return ArtifactsListed(artifacts=store.list(ask), total=store.count(ask), unexpected=shown(store.unexpected()))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStore:
    """By which keys, and against which checkpoint, to check the store."""

    keys: tuple[str, ...] = field(default=(), metadata=shaped(option="--key", text_of=_MOST_KEY_BYTES))
    """Public keys (PEM) of the signers of the store's checkpoints, for this answer alone; by default the trusted keys."""
    checkpoint: str = field(default="", metadata=shaped(text_of=_MOST_CHECKPOINT_BYTES))
    """The text of a checkpoint that was kept outside the store. It also shows a store that was replaced by an older copy."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChecked:
    """One sentence for each thing that was removed, edited, moved, damaged or backdated; empty if all is well."""

    problems: tuple[str, ...]
    said: str
    """What was read, and against what it was checked. The sentences promise nothing more."""
    untrusted: tuple[str, ...] = ()
    """The ids of the keys that only the caller named. This place does not trust them, so the answer relies on the caller's
    choice of keys."""
    unexpected: tuple[Unexpected, ...] = ()
    """What lies in the store's folders and is not the store's. It has no effect, but someone should look at it."""


@tool(title="Check the store", scope=Scope.READ, reads_only=True, long=True)
def check_store(ask: CheckStore, at: Place) -> StoreChecked:
    """Read the whole store again, and list what was removed, edited, moved or damaged since it was kept.

    It also lists artifacts whose times contradict the log, unless they were revoked, and what in the store is not the store's.
    """
    with Store.at(at.settings) as store:
        keys, untrusted = whose_keys(ask.keys, at)
        looked = store.look_through(keys, ask.checkpoint.encode() or None)
        problems = (*looked.problems, *_backdated(looked, store, at))
    strange = shown(looked.unexpected)
    shared = f" The folder {store.folder} is writable for its whole group." if writable_by_group(store.folder) else ""
    said = f"{_said(looked)}{shared}"
    if at.roots is None:
        return StoreChecked(problems=problems, said=said, untrusted=untrusted, unexpected=strange)
    return StoreChecked(  # a remote caller learns what was found, and not the folders of this machine
        problems=tuple(without_folders(one, at.settings) for one in problems),
        said=without_folders(said, at.settings),
        untrusted=untrusted,
        unexpected=strange,
    )


def _backdated(looked: StoreLooked, store: Store, at: Place) -> Iterator[str]:
    """A sentence for each artifact whose times contradict the log. One that was revoked counts nowhere, so it is left out."""
    ground = grounds(at) if looked.untimely else Grounds()
    for one in looked.untimely:
        state = signature_of(store.get(one.artifact), ground, at.now())
        if state.standing is not Standing.REVOKED:
            yield (
                f"{one.said} Ask its signer ({', '.join(state.signers) or 'not trusted here'}) about it and judge its subject "
                "again; if its time cannot be explained, revoke the key ('arcops keys revoke')."
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStore:
    """The file to write the store to."""

    mirror: Path = field(metadata=used(Use.WRITE) | shaped(positional=True))
    """The new file for the exported store."""
    keys: tuple[str, ...] = field(default=(), metadata=shaped(option="--key", text_of=_MOST_KEY_BYTES))
    """Public keys (PEM) of the signers of the store's checkpoints and artifacts; if none is given, the keys trusted here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedStore:
    """How many artifacts were carried, with their evidence and proofs."""

    artifacts: int


@tool(title="Export the store", scope=Scope.PUBLISH)
def export_store(ask: ExportStore, at: Place) -> CarriedStore:
    """Write all that the store's last checkpoint covers to one new file, which can be carried across an air gap."""
    keys, _ = _narrowing(ask.keys, at)
    with Store.at(at.settings) as store, tempfile.TemporaryFile() as file:
        checkpoint = store.last_checkpoint()
        if checkpoint is None:
            raise Refused(f"the store {at.settings.store} has no checkpoint yet; 'arcops check' makes the first")
        count = export(store, file, checkpoint=checkpoint, keys=keys)
        file.seek(0)
        write_new(ask.mirror, file.read(), within=at.writable)
    return CarriedStore(artifacts=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportStore:
    """What to bring in, and who must have signed it."""

    mirror: Path = field(metadata=used(Use.READ) | shaped(positional=True))
    """The file of an exported store."""
    keys: tuple[str, ...] = field(default=(), metadata=shaped(option="--key", text_of=_MOST_KEY_BYTES))
    """Public keys (PEM) of the signers at the site of origin; only what these signed is accepted. If none is given, the trusted
    keys."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtIn(CarriedStore):
    """How many artifacts were kept, and which of the signers are not trusted here."""

    untrusted: tuple[str, ...] = ()
    """The ids of the keys that the caller named and that are not trusted here. What only these signed was kept, but it counts
    only after the operator trusts them."""


@tool(title="Import a store", scope=Scope.TRUST, idempotent=True)
def import_store(ask: ImportStore, at: Place) -> BroughtIn:
    """Verify an exported store, all of it, by the keys that are trusted here, and keep what it holds. No key is imported.

    The imported artifacts are logged with the present time, and the log is signed with this site's key.

    If keys are named, only what these signed is accepted. On one's own command line these may be new keys, as at a new site;
    what they signed is kept, but counts only after the operator trusts the keys, too.
    """
    keys, untrusted = _narrowing(ask.keys, at)
    signer = at.signer()
    with Store.at(at.settings) as store:
        carried = import_mirror(ask.mirror, store, keys, at=at.now(), within=at.within).carried
        store.checkpoint(signer)
    return BroughtIn(artifacts=len(carried), untrusted=untrusted)


def _said(looked: StoreLooked) -> str:
    """What was read and checked; no sentence promises more than that."""
    what = f"{looked.entries:,} entries and the {looked.objects:,} objects that they name were read"
    if looked.problems or looked.untimely:
        return f"{what}."
    if looked.signed is None:
        held = "the log is empty and has no checkpoint to check it against"
    else:
        later = looked.entries - looked.signed
        held = f"they match the checkpoint over {looked.signed:,} of them, which {', '.join(looked.signers)} signed"
        held += f"; {later:,} came later and no checkpoint signs them yet" if later else ""
    if looked.elsewhere is not None:
        held += f"; the first {looked.elsewhere:,} match the checkpoint that was given"
    if looked.remembered is None:
        outside = "nothing outside the store remembers it yet, so a store that was replaced by an older copy does not show"
    else:
        left = looked.entries - looked.remembered
        outside = f"{' and '.join(looked.memory)}, outside the store, remembers the first {looked.remembered:,} so"
        outside += f", and not the last {left:,}" if left else ""
    return f"{what}; {held}. {outside[0].upper()}{outside[1:]}."


def _narrowing(pems: tuple[str, ...], at: Place) -> tuple[tuple[PublicKey, ...], tuple[str, ...]]:
    """As `whose_keys`, for what is kept or passed on. A remote caller's keys may only narrow the signers that are accepted."""
    keys, untrusted = whose_keys(pems, at)
    if untrusted and at.remote:
        raise Refused(
            f"the key {untrusted[0]} is not trusted here, and a caller may only choose among trusted keys; leave it out, or "
            "ask the operator to trust it ('arcops keys trust FILE')"
        )
    return keys, untrusted
