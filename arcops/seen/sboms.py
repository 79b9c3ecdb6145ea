"""Software bills of materials that were found with the subject, in one form for all formats."""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar

from arcops.evidence import Body
from arcops.late_dataclass import dataclass
from arcops.repairing import Repair
from arcops.subject import Digest


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """One component. ``ref`` is unique in its document; ``kind`` is CycloneDX's ``type`` (``library``,
    ``machine-learning-model``, ``file``…) or SPDX's purpose in lower case; ``licences`` are SPDX expressions as written;
    ``path`` is the file that it names, relative to the subject, if it names one; ``identifiers`` are its other unique
    identifiers (CPE, SWID tag, SWHID, OmniBOR) besides ``purl``; ``also`` are its other package URLs (SPDX allows several).
    ``source`` is the source package that it was built from, and
    ``source_version`` the version of that, if the generator says so outside of ``purl``.
    """

    ref: str
    name: str
    kind: str
    version: str = ""
    purl: str = ""
    supplier: str = ""
    licences: tuple[str, ...] = ()
    digests: tuple[Digest, ...] = ()
    path: str = ""
    identifiers: tuple[str, ...] = ()
    source: str = ""
    source_version: str = ""
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependency:
    """``ref`` depends directly on, or contains, each of ``on``; both are refs of components."""

    ref: str
    on: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SbomSeen:
    """One document. ``path`` is its place; ``problems`` are the specification's rules that it breaks, one sentence each.

    ``format`` is ``CycloneDX``, ``SPDX`` or ``unknown``; ``encoding`` is ``json``, ``xml``, ``tag-value`` or ``json-ld``.
    ``root`` is the component that the document is about; ``components`` are all the others, nested ones too, sorted by ref. A
    document with problems may still list components, so that the gate can say more than "invalid"; they must not be compared as
    if they were valid. ``contexts`` say at which lifecycle stage of the subject it was made (CycloneDX lifecycle phases, SPDX 3
    SBOM types). ``attached`` documents are outside of the subject, and ``path`` is then only their file name.
    """

    path: str
    sha256: str
    format: str
    spec_version: str
    created: datetime | None = None
    authors: tuple[str, ...] = ()
    root: Component | None = None
    components: tuple[Component, ...] = ()
    dependencies: tuple[Dependency, ...] = ()
    problems: tuple[str, ...] = ()
    serial: str = ""
    tools: tuple[str, ...] = ()
    contexts: tuple[str, ...] = ()
    encoding: str = ""
    attached: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Sboms(Body):
    """Every SBOM found, sorted by path; never empty (a collector that finds none raises `arcops.errors.Refused`)."""

    KIND: ClassVar[str] = "sboms"
    UNSEEN: ClassVar[str] = "No SBOM was seen"
    NONE: ClassVar[str] = "no SBOM was found in"
    REPAIRS: ClassVar[tuple[Repair, ...]] = (
        Repair(said=(NONE,), line="sbom {target} --version VERSION --supplier SUPPLIER --licence LICENCE", step=2),
    )

    documents: tuple[SbomSeen, ...]

    @property
    def attached_read(self) -> frozenset[str]:
        return frozenset(document.sha256 for document in self.documents)
