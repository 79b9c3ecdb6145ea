"""Software bills of materials: found in the subject or attached, validated by their specifications, in one shape (ARC-A3)."""

from __future__ import annotations

from datetime import timedelta

from arcops.collector import collector
from arcops.errors import Refused
from arcops.evidence import Seen, Sighting
from arcops.request import Request
from arcops.seen.sboms import Sboms
from arcops.seen.tree import Tree


@collector("sboms", Sboms, version="1", needs=(Tree,), deadline=timedelta(minutes=2), isolated=True)
def sboms(request: Request, seen: Seen) -> Sighting[Sboms]:
    """Read every SBOM of the subject. Raises `Refused` where there is none, or one larger than 64 MiB."""
    from tasks.model.sboms._candidates import candidates, nothing_found
    from tasks.model.sboms._document import MOST_COMPONENTS
    from tasks.model.sboms._reading import read

    documents = []
    for document in candidates(request, seen[Tree].body):
        request.progress(0, 0)
        found = read(document)
        if found is not None and len(found.components) > MOST_COMPONENTS:
            raise Refused(
                f"{document.path} lists {len(found.components)} components; at most {MOST_COMPONENTS} are read, so split it"
            )
        if found is not None:
            documents.append(found)
    if not documents:
        raise nothing_found(request)
    return Sighting(body=Sboms(documents=tuple(sorted(documents, key=lambda one: (one.path, one.attached, one.sha256)))))
