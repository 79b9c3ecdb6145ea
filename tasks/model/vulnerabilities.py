"""Known vulnerabilities, offline: OSV advisories imported into one file, and the packages of SBOMs compared with them.

OSV schema 1.x (Open Source Vulnerability format). `import_osv` is what ``arcops data import`` runs; `vulnerabilities` is the
collector. Nothing here opens a socket.
"""

from __future__ import annotations

from arcops.collector import collector
from arcops.evidence import Seen, Sighting, Source, SourceKind
from arcops.request import Request
from arcops.seen.sboms import Sboms
from arcops.seen.vulnerabilities import Vulnerabilities

__all__ = ["vulnerabilities"]


@collector("vulnerabilities", Vulnerabilities, version="3", needs=(Sboms,))
def vulnerabilities(request: Request, seen: Seen) -> Sighting[Vulnerabilities]:
    """Compare every listed package with the imported advisories.

    Raises `arcops.errors.Refused` if no advisories were imported, or the database is damaged.
    """
    from tasks.model.osv.matching import match

    body = match(seen[Sboms].body.documents, request.data, tick=lambda: request.progress(0, 0))
    return Sighting(
        body=body,
        sources=tuple(
            Source(
                name=f"osv/{database.ecosystem}",
                kind=SourceKind.DATA,
                digest=f"sha256:{database.sha256}",
                dated=database.dated,
            )
            for database in body.databases
        ),
    )
