"""Known vulnerabilities of a server: a bill of materials is made of its lock and compared with the imported advisories."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from arcops.collector import collector
from arcops.evidence import Seen, Sighting, Source, SourceKind
from arcops.request import Request
from arcops.seen.sboms import Component, SbomSeen
from arcops.seen.server import Packages, ServerAdvisories
from arcops.seen.vulnerabilities import Vulnerabilities


@collector("server-advisories", ServerAdvisories, version="2", needs=(Packages,))
def server_advisories(request: Request, seen: Seen) -> Sighting[ServerAdvisories]:
    """Compare every package of the lock, or that an image lists. Raises `Refused` if no advisories were imported, or the
    database is damaged.
    """
    packages = seen[Packages]
    found = compared(packages.body, packages.digest, request.data, tick=lambda: request.progress(0, 0))
    return Sighting(
        body=ServerAdvisories(found=found),
        sources=tuple(
            Source(name=f"osv/{one.ecosystem}", kind=SourceKind.DATA, digest=f"sha256:{one.sha256}", dated=one.dated)
            for one in found.databases
        ),
    )


def compared(packages: Packages, named: str, data: Path, *, tick: Callable[[], object]) -> Vulnerabilities:
    """*packages*, whose digest is *named*, as a bill of materials against the advisories in *data*.

    *tick* is called from time to time and may raise. Raises as `server_advisories` does.
    """
    from tasks.model.osv.matching import match

    document = SbomSeen(
        path="lock",
        sha256=named.removeprefix("sha256:"),
        format="lock",
        spec_version="1",
        components=tuple(
            Component(ref=one.place or one.name, name=one.name, kind="library", version=one.version, purl=one.purl)
            for one in packages.packages
        )
        + tuple(
            Component(ref=f"{one.place}#{one.purl}", name=one.name, kind="library", version=one.version, purl=one.purl)
            for one in packages.within
        ),
    )
    return match((document,), data, tick=lambda: (tick(), None)[1])
