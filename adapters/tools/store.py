"""The store: what was kept, whether anything is gone, and carrying it across an air gap."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from adapters.tools.contract import Place, Scope, tool
from arcops.errors import Refused
from artifacts.index import Filter, Listed
from artifacts.mirror import export, import_mirror
from artifacts.private_folder import writable_by_group
from artifacts.public_key import PublicKey, load_public_key
from artifacts.store import Store
from artifacts.store_check import StoreLooked
from artifacts.writing import write_new
from foundation.settings import without_folders


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

    keys: tuple[str, ...]
    """Public keys (PEM) of who signs the store's checkpoints."""
    checkpoint: str = ""
    """The text of a checkpoint kept outside of the store; it shows even a store that was put back whole to an older state."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreChecked:
    """One sentence for each thing that was removed, edited, moved or damaged; none when all is well."""

    problems: tuple[str, ...]
    said: str
    """What was looked at and against what it was held, in sentences that promise nothing else."""


@tool(title="Check the store", scope=Scope.READ, reads_only=True, long=True)
def check_store(ask: CheckStore, at: Place) -> StoreChecked:
    """Read the whole store again, and tell what was removed, edited, moved or damaged since it was kept."""
    with Store.at(at.settings) as store:
        looked = store.look_through(_keys(ask.keys), ask.checkpoint.encode() or None)
    shared = f" The folder {store.folder} lets its whole group write." if writable_by_group(store.folder) else ""
    answer = StoreChecked(problems=looked.problems, said=f"{_said(looked)}{shared}")
    if at.roots is None:
        return answer
    return StoreChecked(  # who asks over the network learns what was found, and not where this machine has its folders
        problems=tuple(without_folders(one, at.settings) for one in answer.problems),
        said=without_folders(answer.said, at.settings),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStore:
    """Where to write the store to."""

    mirror: Path
    """The new file."""
    keys: tuple[str, ...]
    """Public keys (PEM) of who signs the store's checkpoints."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """How many artifacts were carried, with their evidence and proofs."""

    artifacts: int


@tool(title="Export the store", scope=Scope.PUBLISH)
def export_store(ask: ExportStore, at: Place) -> Carried:
    """Write all that the store's last checkpoint covers to one new file, to be carried across an air gap."""
    with Store.at(at.settings) as store, tempfile.TemporaryFile() as file:
        checkpoint = store.last_checkpoint()
        if checkpoint is None:
            raise Refused(f"the store {at.settings.store} has no checkpoint yet; 'arcops check' makes the first")
        count = export(store, file, checkpoint=checkpoint, keys=_keys(ask.keys))
        file.seek(0)
        write_new(ask.mirror, file.read())
    return Carried(artifacts=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportStore:
    """What to bring in, and who must have signed it."""

    mirror: Path
    """A file that was exported."""
    keys: tuple[str, ...]
    """Public keys (PEM) of who signs where it comes from."""


@tool(title="Import a store", scope=Scope.PUBLISH, idempotent=True)
def import_store(ask: ImportStore, at: Place) -> Carried:
    """Verify an exported store, whole, keep what it carries as of now, and sign the log that it is in with this site's key."""
    signer = at.signer()
    with Store.at(at.settings) as store:
        mirror = import_mirror(ask.mirror, store, _keys(ask.keys), at=at.now())
        store.checkpoint(signer)
    return Carried(artifacts=len(mirror.carried))


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


def _keys(pems: tuple[str, ...]) -> list[PublicKey]:
    return [load_public_key(pem.encode(), where=f"key {number}") for number, pem in enumerate(pems, 1)]
