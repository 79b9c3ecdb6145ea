"""The store: what was kept, whether anything is gone, and carrying it across an air gap."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from adapters.tools.contract import Place, Scope, Use, tool, used
from arcops.errors import Refused
from artifacts.index import Filter, Listed
from artifacts.mirror import export, import_mirror
from artifacts.public_key import PublicKey, load_public_key
from artifacts.store import Store
from artifacts.writing import write_new


@dataclass(frozen=True, slots=True, kw_only=True)
class ArtifactsListed:
    """What was found, the newest first, by the artifacts' own words: nobody verified a signature to list them."""

    artifacts: tuple[Listed, ...]


@tool(title="List artifacts", scope=Scope.READ, reads_only=True)
def list_artifacts(ask: Filter, at: Place) -> ArtifactsListed:
    """List the artifacts in the store, the newest first. Verify one before relying on it."""
    with Store(at.settings.store) as store:
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


@tool(title="Check the store", scope=Scope.READ, reads_only=True, long=True)
def check_store(ask: CheckStore, at: Place) -> StoreChecked:
    """Read the whole store again, and tell what was removed, edited, moved or damaged since it was kept."""
    with Store(at.settings.store) as store:
        return StoreChecked(problems=store.check(_keys(ask.keys), ask.checkpoint.encode() or None))


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportStore:
    """Where to write the store to."""

    mirror: Path = field(metadata=used(Use.WRITE))
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
    with Store(at.settings.store) as store, tempfile.TemporaryFile() as file:
        checkpoint = store.last_checkpoint()
        if checkpoint is None:
            raise Refused(f"the store {at.settings.store} has no checkpoint yet; 'arcops check' makes the first")
        count = export(store, file, checkpoint=checkpoint, keys=_keys(ask.keys))
        file.seek(0)
        write_new(ask.mirror, file.read(), within=at.writable)
    return Carried(artifacts=count)


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportStore:
    """What to bring in, and who must have signed it."""

    mirror: Path = field(metadata=used(Use.READ))
    """A file that was exported."""
    keys: tuple[str, ...]
    """Public keys (PEM) of who signs where it comes from."""


@tool(title="Import a store", scope=Scope.PUBLISH, idempotent=True)
def import_store(ask: ImportStore, at: Place) -> Carried:
    """Verify an exported store, whole, and keep what it carries."""
    with Store(at.settings.store) as store:
        return Carried(artifacts=len(import_mirror(ask.mirror, store, _keys(ask.keys), at.within).carried))


def _keys(pems: tuple[str, ...]) -> list[PublicKey]:
    return [load_public_key(pem.encode(), where=f"key {number}") for number, pem in enumerate(pems, 1)]
