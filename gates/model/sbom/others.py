"""SBOMs about what comes with the subject, such as the image that serves it: which document is about what."""

from __future__ import annotations

from collections.abc import Iterator

from arcops.errors import Refused
from arcops.late_dataclass import dataclass
from arcops.seen.sboms import Component, SbomSeen
from arcops.subject import Digest
from gates.model.sbom.elements import ElementLevel, Judged


@dataclass(frozen=True, slots=True, kw_only=True)
class Other:
    """Something else that an SBOM may be about. ``name`` is the name of the component that the SBOM describes, ``digest``
    (``sha256:…``) its digest if only that one is allowed, and ``elements`` how grave it is if an element is missing.
    """

    name: str
    digest: str = ""
    elements: ElementLevel = ElementLevel.WARN

    def __post_init__(self) -> None:
        if not self.name:
            raise Refused("an entry of 'others' must name the component that its SBOM describes")
        if self.digest:
            Digest(algorithm=self.digest.partition(":")[0], value=self.digest.partition(":")[2])

    def describes(self, root: Component) -> bool:
        """Is this what *root* describes?"""
        return root.name == self.name and (not self.digest or self.digest in set(_digests(root)))


def _digests(root: Component) -> Iterator[str]:
    """The digests of *root*: generators write that of an image as its version, too."""
    yield from (str(digest) for digest in root.digests)
    yield root.version
    yield root.purl.partition("?")[0].rpartition("@")[2].lower().replace("%3a", ":")


def told_apart(
    documents: list[SbomSeen], others: tuple[Other, ...], own: set[str], name: str
) -> tuple[list[SbomSeen], list[tuple[SbomSeen, Other]]]:
    """The documents about the subject, which has the digests *own* and the *name*, and those about *others*. A document that is
    about neither counts as one about the subject, and is refused as such.
    """
    mine, theirs = [], []
    for document in documents:
        root = document.root
        found = None
        if root is not None and root.name != name and not any(digest.value in own for digest in root.digests):
            found = next((other for other in others if other.describes(root)), None)
        if found is None:
            mine.append(document)
        else:
            theirs.append((document, found))
    return mine, theirs


def judged(mine: list[SbomSeen], theirs: list[tuple[SbomSeen, Other]]) -> list[Judged]:
    """Every document with the level of its elements."""
    return [
        *(Judged(document=document) for document in mine),
        *(Judged(document=document, most=other.elements) for document, other in theirs),
    ]
