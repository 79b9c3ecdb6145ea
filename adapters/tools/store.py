"""The store: what was kept, whether anything is gone, and carrying it across an air gap."""

from __future__ import annotations

import tempfile
from pathlib import Path

from arcops.errors import Refused
from artifacts.index import Filter, Listed
from artifacts.mirror import export, import_mirror
from artifacts.public_key import PublicKey, load_public_key
from artifacts.reading import read_file
from artifacts.store import Store
from artifacts.writing import write_new
from foundation.settings import Settings

_MOST_KEY_BYTES = 64 * 1024
_MOST_CHECKPOINT_BYTES = 64 * 1024


def list_store(*, settings: Settings, subject: str = "", limit: int = 50) -> tuple[Listed, ...]:
    """The newest *limit* artifacts, by their own words: nobody verified a signature to list them."""
    with Store(settings.store) as store:
        return store.list(Filter(subject=subject, limit=limit))


def check_store(keys: tuple[Path, ...], *, settings: Settings, checkpoint: Path | None = None) -> tuple[str, ...]:
    """One sentence for each thing that was removed, edited, moved or damaged; none when all is well.

    *checkpoint* is a copy kept outside of the store; it shows even a store that was put back whole to an older state.
    """
    note = read_file(checkpoint, _MOST_CHECKPOINT_BYTES) if checkpoint is not None else None
    with Store(settings.store) as store:
        return store.check(_keys(keys), note)


def export_store(mirror: Path, keys: tuple[Path, ...], *, settings: Settings) -> int:
    """Write everything that the store's last checkpoint covers to the new file *mirror*; returns how many artifacts."""
    with Store(settings.store) as store, tempfile.TemporaryFile() as file:
        checkpoint = store.last_checkpoint()
        if checkpoint is None:
            raise Refused(f"the store {settings.store} has no checkpoint yet; 'arcops check' makes the first")
        count = export(store, file, checkpoint=checkpoint, keys=_keys(keys))
        file.seek(0)
        write_new(mirror, file.read())
    return count


def import_store(mirror: Path, keys: tuple[Path, ...], *, settings: Settings) -> int:
    """Verify *mirror* and keep what it carries; returns how many artifacts."""
    with Store(settings.store) as store:
        return len(import_mirror(mirror, store, _keys(keys)).carried)


def _keys(paths: tuple[Path, ...]) -> list[PublicKey]:
    return [load_public_key(read_file(path, _MOST_KEY_BYTES), where=str(path)) for path in paths]
