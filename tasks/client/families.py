"""The families of clients that are known here: those of ArcOps, and those whose description lies in the trust folder."""

from __future__ import annotations

from contextlib import suppress
from os import scandir
from pathlib import Path

from amend.client.described import DescribedFamily, described
from amend.client.families import KNOWN, Families
from amend.client.family import Family
from arcops.errors import ArcOpsError, Refused
from arcops.evidence import Source, SourceKind
from artifacts.objects import digest_of
from artifacts.reading import read_file
from tasks.client.reading import read_mapping

FOLDER = "clients"
"""Below the trust folder, because a description says which file of the user's is changed, and in which form."""
MOST_BYTES = 64 * 1024
MOST_DESCRIBED = 200
"""Descriptions of clients at one place."""


def read_family(data: bytes, what: str) -> Family:
    """The family that the YAML in *data* describes. Raises `Refused`, naming *what* was read and where, if it is not one."""
    return described(read_mapping(DescribedFamily, data, what, hint="docs/configuration.md has an example"))


def families_in(trust: Path) -> Families:
    """The families that are known with the folder *trust*. Raises `Refused` if a description in it cannot be used: a client
    that is half known is not known.
    """
    return families_and_sources(trust, ())[0]


def families_and_sources(trust: Path, clients: tuple[str, ...]) -> tuple[Families, tuple[Source, ...]]:
    """As `families_in`; and the descriptions of those of *clients* that are described in *trust*, each as a source of a
    verdict.
    """
    found = _found(trust)
    sources = tuple(
        Source(name=f"client family {family.id}", kind=SourceKind.TRUST, digest=digest_of(data))
        for family, data in found
        if family.id in clients
    )
    return Families(tuple(family for family, _ in found)), sources


def described_in(trust: Path) -> tuple[str, ...]:
    """The ids that are described in *trust*, in order, by the names of the files: also of those that cannot be used."""
    return tuple(sorted(path.stem for path in (trust / FOLDER).glob("*.yaml")))


def refuse_more(trust: Path, client: str) -> None:
    """Raise `Refused` if *trust* had more descriptions than are read, with one of *client*."""
    if len({*described_in(trust), client}) > MOST_DESCRIBED:
        raise Refused(
            f"{trust / FOLDER} would hold more than {MOST_DESCRIBED} descriptions of clients, and then none is read; drop one"
        )


class KnownHere:
    """`families_in` for who lives long: read again when a file of the folder has changed. If what it holds then cannot be used,
    the last ones that could be still count.
    """

    def __init__(self, trust: Path) -> None:
        self._trust = trust
        self._looked: object = None
        self._families = KNOWN

    def __call__(self) -> Families:
        looked = self._look()
        if looked != self._looked:
            with suppress(ArcOpsError):
                self._families = families_in(self._trust)
            self._looked = looked
        return self._families

    def _look(self) -> object:
        """Something else after each change of a file in the folder."""
        try:
            with scandir(self._trust / FOLDER) as entries:
                return sorted((one.name, one.stat().st_mtime_ns, one.stat().st_size) for one in entries)
        except OSError:
            return None


def _found(trust: Path) -> list[tuple[Family, bytes]]:
    names = described_in(trust)
    if len(names) > MOST_DESCRIBED:
        raise Refused(f"{trust / FOLDER} holds {len(names)} descriptions of clients; at most {MOST_DESCRIBED} are read")
    found = []
    for name in names:
        path = trust / FOLDER / f"{name}.yaml"
        data = read_file(path, MOST_BYTES)
        family = read_family(data, str(path))
        if path.stem != family.id:
            raise Refused(f"{path} describes the client {family.id!r}; name the file {family.id}.yaml")
        found.append((family, data))
    return found
