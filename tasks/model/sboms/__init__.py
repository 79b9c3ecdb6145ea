"""Software bills of materials: found in the subject or attached, validated by their specifications, in one shape (ARC-A3)."""

from __future__ import annotations

from datetime import timedelta

from arcops.beside import names_sbom
from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.sboms import Sboms
from arcops.seen.tree import Tree


def _none_named(request: Request, seen: Seen) -> bool:
    """Is no file attached (an attached file is opened whatever its name), and does no file have the name of an SBOM?"""
    return not request.attached and not any(names_sbom(file.path) for file in seen[Tree].body.files)


@collector("sboms", Sboms, version="2", needs=(Tree,), deadline=timedelta(minutes=2), isolated=True, idle=_none_named)
def sboms(request: Request, seen: Seen) -> Sighting[Sboms]:
    """Read every SBOM of the subject. Raises `Refused` if there is no SBOM, or one larger than 64 MiB."""
    if _none_named(request, seen):
        raise _nothing_found(request)
    from tasks.model.sboms._candidates import candidates  # imports the readers of all formats, only in this child process
    from tasks.model.sboms._document import MOST_COMPONENTS
    from tasks.model.sboms._reading import read

    documents = []
    for document in candidates(request, seen[Tree].body):
        request.progress(0, 0)
        found = read(document)
        if found is not None and len(found.components) > MOST_COMPONENTS:
            raise Refused(
                f"{document.path} lists {len(found.components)} components; the limit is {MOST_COMPONENTS}; split the document"
            )
        if found is not None:
            documents.append(found)
    if not documents:
        raise _nothing_found(request)
    return Sighting(body=Sboms(documents=tuple(sorted(documents, key=lambda one: (one.path, one.attached, one.sha256)))))


def _nothing_found(request: Request) -> Refused:
    return Refused(
        f"{Sboms.NONE} {request.target} or among the attached files; make one with 'arcops sbom', or attach yours "
        "(CycloneDX 1.2 to 1.7 in JSON or XML, SPDX 2.2, 2.3 or 3.0.1 in JSON)"
    )
