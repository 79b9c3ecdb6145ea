"""The families of clients that are known here: those of ArcOps, and those whose description lies in the trust folder."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from amend.client.described import DescribedFamily, described
from amend.client.families import KNOWN, Families
from amend.client.family import Family
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Source, SourceKind
from artifacts.reading import read_file
from tasks.client.reading import read_mapping

FOLDER = "clients"
"""Below the trust folder, because a description says which file of the user's is changed, and in which form."""
MOST_BYTES = 64 * 1024
_MOST = 200


def read_family(data: bytes, what: str) -> Family:
    """The family that the YAML in *data* describes. Raises `Refused`, naming *what* was read and where, if it is not one."""
    return described(read_mapping(DescribedFamily, data, what, hint="docs/configuration.md has an example"))


def families_in(trust: Path) -> Families:
    """The families that are known with the folder *trust*. Raises `Refused` if a description in it cannot be used: a client
    that is half known is not known.
    """
    return Families(tuple(family for family, _ in _found(trust))) if (trust / FOLDER).is_dir() else KNOWN


class KnownHere:
    """`families_in` for who lives long: read again when the folder has changed. If what it holds then cannot be used, the last
    ones that could be still count.
    """

    def __init__(self, trust: Path) -> None:
        self._trust = trust
        self._read: tuple[int, Families] = (-1, KNOWN)

    def __call__(self) -> Families:
        try:
            changed = (self._trust / FOLDER).stat().st_mtime_ns
        except OSError:
            return KNOWN
        if changed != self._read[0]:
            with suppress(ArcOpsError):
                self._read = (changed, families_in(self._trust))
        return self._read[1]


def sources_of(trust: Path, clients: tuple[str, ...]) -> tuple[Source, ...]:
    """The descriptions of those of *clients* that are described in *trust*, each as a source of a verdict."""
    if not (trust / FOLDER).is_dir():
        return ()
    return tuple(
        Source(name=f"client family {family.id}", kind=SourceKind.TRUST, digest=f"sha256:{hashlib.sha256(data).hexdigest()}")
        for family, data in _found(trust)
        if family.id in clients
    )


def _found(trust: Path) -> list[tuple[Family, bytes]]:
    paths = sorted((trust / FOLDER).glob("*.yaml"))
    if len(paths) > _MOST:
        raise Refused(f"{trust / FOLDER} holds {len(paths)} descriptions of clients; at most {_MOST} are read")
    found = []
    for path in paths:
        data = read_file(path, MOST_BYTES)
        family = read_family(data, str(path))
        if path.stem != family.id:
            raise Refused(f"{path} describes the client {family.id!r}; name the file {family.id}.yaml")
        found.append((family, data))
    return found
