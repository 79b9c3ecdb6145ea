"""The store: what was kept, whether anything is gone, and carrying it across an air gap."""

from __future__ import annotations

import tempfile
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
from artifacts.writing import write_new
from capabilities.contract import Scope, tool
from capabilities.kept import whose_keys
from flows.place import Place
from foundation.settings import without_folders

_MOST_KEY_BYTES = _MOST_CHECKPOINT_BYTES = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactsListed:
    """What was found, the newest first, by the artifacts' own words: nobody verified a signature to list them."""

    artifacts: tuple[Listed, ...]


@tool(title="List artifacts", scope=Scope.READ, reads_only=True)
def list_artifacts(ask: Filter, at: Place) -> ArtifactsListed:
    """List the artifacts in the store, the newest first. Verify one before relying on it."""
    with Store.at(at.settings) as store:
        return ArtifactsListed(artifacts=store.list(ask))


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckStore:
    """By which keys and up to which moment to check the store."""

    keys: tuple[str, ...] = field(default=(), metadata=shaped(option="--key", text_of=_MOST_KEY_BYTES))
    """Public keys (PEM) of who signs the store's checkpoints, for this answer alone; without one, the trusted ones."""
    checkpoint: str = field(default="", metadata=shaped(text_of=_MOST_CHECKPOINT_BYTES))
    """The text of a checkpoint kept outside of the store; it shows even a store that was put back whole to an older state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChecked:
    """One sentence for each thing that was removed, edited, moved or damaged; none when all is well."""

    problems: tuple[str, ...]
    said: str
    """What was looked at and against what it was held, in sentences that promise nothing else."""
    untrusted: tuple[str, ...] = ()
    """The ids of the keys that only the caller named: this place does not trust them, so the answer is by the caller's own
    word."""


@tool(title="Check the store", scope=Scope.READ, reads_only=True, long=True)
def check_store(ask: CheckStore, at: Place) -> StoreChecked:
    """Read the whole store again, and tell what was removed, edited, moved or damaged since it was kept."""
    with Store.at(at.settings) as store:
        keys, untrusted = whose_keys(ask.keys, at)
        looked = store.look_through(keys, ask.checkpoint.encode() or None)
    shared = f" The folder {store.folder} lets its whole group write." if writable_by_group(store.folder) else ""
    said = f"{_said(looked)}{shared}"
    if at.roots is None:
        return StoreChecked(problems=looked.problems, said=said, untrusted=untrusted)
    return StoreChecked(  # who asks over the network learns what was found, and not where this machine has its folders
        problems=tuple(without_folders(one, at.settings) for one in looked.problems),
        said=without_folders(said, at.settings),
        untrusted=untrusted,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStore:
    """Where to write the store to."""

    mirror: Path = field(metadata=used(Use.WRITE) | shaped(positional=True))
    """The new file."""
    keys: tuple[str, ...] = field(default=(), metadata=shaped(option="--key", text_of=_MOST_KEY_BYTES))
    """Public keys (PEM) of who signs the store's checkpoints and artifacts; without one, those that are trusted here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CarriedStore:
    """How many artifacts were carried, with their evidence and proofs."""

    artifacts: int


@tool(title="Export the store", scope=Scope.PUBLISH)
def export_store(ask: ExportStore, at: Place) -> CarriedStore:
    """Write all that the store's last checkpoint covers to one new file, to be carried across an air gap."""
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
    """A file that was exported."""
    keys: tuple[str, ...] = field(default=(), metadata=shaped(option="--key", text_of=_MOST_KEY_BYTES))
    """Public keys (PEM) of who signs where it comes from, to narrow whom to believe; without one, the trusted ones."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BroughtIn(CarriedStore):
    """How many artifacts were kept, and which of them nobody here vouches for."""

    untrusted: tuple[str, ...] = ()
    """The ids of the keys that the caller named and that are not trusted here: what only they signed was kept, and counts for
    nothing until they are trusted."""


@tool(title="Import a store", scope=Scope.TRUST, idempotent=True)
def import_store(ask: ImportStore, at: Place) -> BroughtIn:
    """Verify an exported store, whole, by the keys that are trusted here, and keep what it carries. No key is brought in.

    What it carries is logged as of now, and the log is signed with this site's key.

    Keys that are named only narrow whom to believe. On one's own command line they may be new ones, as at a new site; what they
    signed is kept and counts for nothing here until the operator trusts them, too.
    """
    keys, untrusted = _narrowing(ask.keys, at)
    signer = at.signer()
    with Store.at(at.settings) as store:
        carried = import_mirror(ask.mirror, store, keys, at=at.now(), within=at.within).carried
        store.checkpoint(signer)
    return BroughtIn(artifacts=len(carried), untrusted=untrusted)


def _said(looked: StoreLooked) -> str:
    """What was looked at: no sentence promises more than that."""
    what = f"{looked.entries:,} entries and the {looked.objects:,} objects that they name were read"
    if looked.problems:
        return f"{what}."
    if looked.signed is None:
        held = "an empty log has no checkpoint to be held against"
    else:
        later = looked.entries - looked.signed
        held = f"they are as the checkpoint over {looked.signed:,} of them says, which {', '.join(looked.signers)} signed"
        held += f"; {later:,} came later and no checkpoint signs them yet" if later else ""
    if looked.elsewhere is not None:
        held += f"; so are the first {looked.elsewhere:,} by the checkpoint that was given"
    if looked.remembered is None:
        outside = "nothing outside of the store remembers it yet, so an older state of it that was put back whole does not show"
    else:
        left = looked.entries - looked.remembered
        outside = f"{' and '.join(looked.memory)}, outside of the store, remembers the first {looked.remembered:,} so"
        outside += f", and not the last {left:,}" if left else ""
    return f"{what}; {held}. {outside[0].upper()}{outside[1:]}."


def _narrowing(pems: tuple[str, ...], at: Place) -> tuple[tuple[PublicKey, ...], tuple[str, ...]]:
    """As `whose_keys`, for what is kept or carried on. From afar a caller's keys may only narrow whom to believe."""
    keys, untrusted = whose_keys(pems, at)
    if untrusted and at.afar:
        raise Refused(
            f"the key {untrusted[0]} is not trusted here, and a caller's keys only narrow whom to believe; leave it out, or "
            "ask the operator to trust it ('arcops keys trust FILE')"
        )
    return keys, untrusted
