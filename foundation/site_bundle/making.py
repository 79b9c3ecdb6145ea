"""Making a bundle of what the user gives: each piece is checked first, and what is not given is said."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from arcops.errors import Refused, Unavailable
from artifacts.bundle import seal_statement
from artifacts.private_key import Signer
from artifacts.reading import read_file
from artifacts.signed_tar import TarWriter
from artifacts.site_bundle import SITE_BUNDLE, SiteBundle
from artifacts.writing import stream_new, sweep, vacant
from foundation.backup.places import files_in, hidden_in
from foundation.database.migrating import newest
from foundation.site_bundle.pieces import REQUIREMENTS, images, not_given, refuse_wrong, requirements, version_in, wheels


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What the user gives: folders with OCI image layouts, and a file or a folder of each other kind."""

    images: tuple[Path, ...] = ()
    others: Mapping[str, Path | None]

    def files(self) -> dict[str, Path]:
        """Every file, by its name in the bundle. Raises `Refused` if something is not there, or if there is nothing."""
        found: dict[str, Path] = {}
        for folder in self.images:
            for name, path in _of(folder):
                if found.setdefault(f"images/{folder.resolve().name}/{name}", path) != path:
                    raise Refused(f"two images have the name {folder.resolve().name}; rename one of the folders")
        for kind, given in self.others.items():
            if given is not None:
                found |= {f"{kind}/{name}": one for name, one in _of(given)}
        if not found:
            raise Refused("nothing was given, so there is nothing to carry; give at least one piece, such as --wheels FOLDER")
        return found

    def hidden(self) -> tuple[str, ...]:
        """What is hidden in the folders, and so is not carried, by its name in the bundle."""
        given = [*((f"images/{one.resolve().name}", one) for one in self.images), *self.others.items()]
        return tuple(f"{kind}/{name}" for kind, one in given if one is not None and one.is_dir() for name in hidden_in(one))


def _of(path: Path) -> Sequence[tuple[str, Path]]:
    if path.is_file():
        return [(path.name, path)]
    if not path.is_dir():
        raise Refused(f"{path} does not exist")
    found, whole = list(files_in(path)), path.resolve()
    if not found:
        raise Refused(f"{path} is an empty folder")
    for _, one in found:
        if not one.resolve().is_relative_to(whole):
            raise Refused(f"{one} leads to {one.resolve()}, out of the folder that was given; put the file itself there")
    return found


def make(path: Path, given: Given, *, signer: Signer, now: datetime) -> SiteBundle:
    """Write what was *given* to the new file *path*, signed. Raises `Refused` if a piece is not what it has to be: then nothing
    is left.
    """
    vacant(path)
    sweep(path.absolute().parent)  # of one that was killed, which may be large
    files = given.files()
    made: list[SiteBundle] = []

    def read(name: str, most: int) -> bytes:
        return read_file(files[name], most)

    def write(file: BinaryIO) -> None:
        tar = TarWriter(file)
        for name, one in sorted(files.items()):
            if name == REQUIREMENTS:
                continue  # it is made here, of what is carried
            try:
                with one.open("rb") as source:
                    tar.copy(name, source, os.fstat(source.fileno()).st_size)
            except OSError as error:
                raise Unavailable(f"{one} cannot be carried: {error.strerror}") from error
        parts = {part.name: part for part in tar.parts}
        carried = wheels(parts)
        refuse_wrong(parts, read)
        found = images(parts, read)
        if carried:
            tar.add(REQUIREMENTS, requirements(carried))
        made.append(
            SiteBundle(
                version=version_in(carried),
                schema=newest(),
                made=now,
                images=found,
                wheels=carried,
                parts=tuple(tar.parts),
                not_given=tuple(not_given(parts)),
            )
        )
        tar.finish(seal_statement(SITE_BUNDLE.statement(made[0]), signer))

    stream_new(path, write)
    return made[0]
