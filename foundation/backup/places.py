"""What a site is: the folders and files that a backup has, and what it leaves out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from arcops.errors import Refused, Unavailable
from artifacts.reading import read_file
from artifacts.site_backup import NotBackedUp
from artifacts.writing import is_partial
from foundation.database.dumping import LEFT_OUT
from foundation.secrets.passphrase import key_path
from foundation.settings import Settings

MOST_FILE = 64 * 1024 * 1024
MOST_FILES = 100_000
STORE = "store"
KEYS = "encrypted/keys"
DATABASE = "encrypted/database"
_ALWAYS = (
    NotBackedUp(what="data", why="advisory databases are imported again: 'arcops data import'"),
    NotBackedUp(what="hosted", why="hosted servers are installed again from their locks; what they wrote themselves is theirs"),
    NotBackedUp(what="bundles", why="they are installed again from their files"),
    NotBackedUp(what="cache", why="it is made again"),
    NotBackedUp(what="index", why="the store's index and nodes are made again from its log"),
    NotBackedUp(what=LEFT_OUT, why="people log in again"),
    NotBackedUp(what="environment", why="the variables of the processes, and the files and secrets that they name, are yours"),
)


def folders(settings: Settings) -> dict[str, Path]:
    """The folders that are kept file by file."""
    found = {"trust": settings.trust, "policies": settings.policies}
    return found | ({"access": settings.access} if settings.access is not None else {})


def single_files(settings: Settings) -> dict[str, Path]:
    """The files that are kept alone."""
    found = {"limits.yaml": settings.limits, "rates.yaml": settings.host_rates or settings.usual_rates}
    return {name: path for name, path in found.items() if path is not None}


def key_files(settings: Settings) -> dict[str, Path]:
    """The files of the signing key: its private half, and its public half beside it. None if it lies in another place."""
    try:
        path = key_path(settings.key)
    except Refused:
        return {}
    return {"signing.key": path, "signing.pub": path.with_suffix(".pub")}


def left_out(settings: Settings) -> tuple[NotBackedUp, ...]:
    """What a backup of this site does not have."""
    hidden = (f"{place}/{name}" for place, folder in folders(settings).items() for name in hidden_in(folder))
    plain = (os.fsencode(one).decode("utf-8", "replace") for one in hidden)
    found = (*_ALWAYS, *(NotBackedUp(what=one, why="hidden files are no part of a site") for one in plain))
    if key_files(settings):
        return (*found, NotBackedUp(what="passphrase", why="the passphrase of the signing key is kept elsewhere, by you"))
    return (*found, NotBackedUp(what="key", why="the signing key is no file: it stays in the place that has it"))


def files_in(folder: Path) -> Iterator[tuple[str, Path]]:
    """Every file below *folder* with its name below it, in the order of names. Hidden ones are left out, as for other readers.

    Raises `Refused` for something that is neither a file nor a folder, `Unavailable` if it cannot be read.
    """
    count = 0

    def failed(error: OSError) -> None:
        raise Unavailable(f"{error.filename} cannot be read: {error.strerror}") from error

    for here, below, names in os.walk(folder, onerror=failed) if folder.exists() else ():
        below[:] = sorted(one for one in below if not one.startswith("."))
        for name in sorted(one for one in names if not one.startswith(".")):
            path = Path(here, name)
            if not path.is_file():
                raise Refused(f"{path} is not a regular file, so it cannot be backed up; move it away")
            count += 1
            if count > MOST_FILES:
                raise Refused(f"{folder} has more than {MOST_FILES:,} files, so it is not backed up")
            yield path.relative_to(folder).as_posix(), path


def hidden_in(folder: Path) -> Iterator[str]:
    """What is hidden below *folder* (``.git``), by its name below it; what is in a hidden folder is not named."""
    for here, below, names in os.walk(folder) if folder.exists() else ():
        for name in sorted(one for one in (*below, *names) if one.startswith(".") and not is_partial(one)):
            yield Path(here, name).relative_to(folder).as_posix()
        below[:] = sorted(one for one in below if not one.startswith("."))


def plain_files(settings: Settings) -> Iterator[tuple[str, Path]]:
    """Every file that the site has now and that is not secret, with its name in a backup."""
    for place, folder in folders(settings).items():
        for name, path in files_in(folder):
            yield f"{place}/{name}", path
    for name, path in single_files(settings).items():
        if path.exists():
            yield name, path


def read(path: Path) -> bytes:
    """The bytes of *path*. Raises as `read_file`."""
    return read_file(path, MOST_FILE)
