"""Small files, read one after the other by one worker: what is done for each file counts more here than its bytes.

Each is opened in its folder, which was opened below the root without following any link; the folder is opened once for all of
its files. What changes meanwhile, a folder that is moved away or a file that is written, is found at the end of the run.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from hashlib import sha256

from arcops.seen.content import Content
from artifacts.beneath import open_below
from tasks.files.digest_cache import RememberedFile
from tasks.files.walk import WalkedEntry

CHANGED_BEFORE = "it changed while the model was being read"

_FILE = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK


def folder_of(entry: WalkedEntry) -> str:
    """The folder of a file, relative to the root. Entries sorted by it are read fastest."""
    return entry.path.rpartition("/")[0]


def read_small(
    root: int,
    entries: Iterable[WalkedEntry],
    *,
    describe: Callable[[bytes, str], Content],
    stopped: Callable[[], bool],
    done: Callable[[WalkedEntry, RememberedFile], None],
    trouble: Callable[[WalkedEntry, str], None],
) -> None:
    """Read *entries*, below the descriptor *root*: each gives its digest and description to *done*, or a reason to *trouble*.

    It ends early if *stopped* says so.
    """
    folder, place = "", root
    try:
        for entry in entries:
            if stopped():
                return
            path, identity, _ = entry
            above, _, name = path.rpartition("/")
            try:
                if above != folder:
                    folder, place = _changed_to(root, place, above)
                descriptor = os.open(name, _FILE, dir_fd=place)
            except OSError as error:
                trouble(entry, f"it cannot be opened: {error.strerror}")
                continue
            data, size = b"", identity.size
            try:
                same = identity.is_of(os.fstat(descriptor))
                if same:
                    data = os.read(descriptor, size + 1)
            except OSError as error:
                trouble(entry, f"it cannot be read: {error.strerror}")
                continue
            finally:
                os.close(descriptor)
            if not same:
                trouble(entry, CHANGED_BEFORE)
            elif len(data) != size:
                trouble(entry, f"it has {size} bytes, but {len(data)} were read")
            else:
                done(entry, RememberedFile(sha256(data).hexdigest(), describe(data, path)))
    finally:
        if place != root:
            os.close(place)


def _changed_to(root: int, place: int, folder: str) -> tuple[str, int]:
    """The *folder* and a descriptor on it; *place*, on the one before it, is closed."""
    found = open_below(root, folder, _FOLDER) if folder else root
    if place != root:
        os.close(place)
    return folder, found
