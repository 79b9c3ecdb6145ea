"""What this site itself found out about versions of the catalog: the verdict that counts, and who was proven to publish it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError, Refused
from flows.place import Place

if TYPE_CHECKING:
    from arcops.result import Report
    from services.host.rows import HostedRow, Rows

_EARLIEST = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Badge:
    """``verdict`` of the newest ``artifact`` that counts now, empty if none does. ``publisher`` is who an attestation that was
    verified names, by that verdict. ``servers`` are the hosted ones with a version that runs it; those in ``running`` run it
    for the next request, because it is their current one, its verdict counts and its operator did not stop it.
    """

    verdict: str = ""
    artifact: str = ""
    publisher: str = ""
    servers: tuple[str, ...] = ()
    running: tuple[str, ...] = ()


def badges(packages: Collection[str], rows: Rows | None, at: Place) -> Mapping[str, Badge]:
    """The badge of each of *packages* that this site hosts. A verdict that was withdrawn, has expired, or does not count for
    another reason gives none.
    """
    if rows is None or not packages:
        return {}
    from services.host.site import verdicts

    by = verdicts(at.settings, at.now)
    hosted: dict[str, list[tuple[HostedRow, bool]]] = defaultdict(list)
    for one, current in rows.of_packages(packages):
        hosted[one.current.spec.package].append((one, current))
    found: dict[str, Badge] = {}
    for package, mine in hosted.items():
        best, standing, running = _EARLIEST, Badge(), set()
        for row, current in mine:
            try:
                report = by.standing(row).report
            except Refused:
                continue
            if row.enabled and current:
                running.add(row.name)
            if report.judged_at > best and row.judged is not None:
                best = report.judged_at
                standing = Badge(verdict=report.verdict.value, artifact=row.judged.artifact, publisher=_publisher(report, at))
        servers = tuple(sorted({one.name for one, _ in mine}))
        found[package] = replace(standing, servers=servers, running=tuple(sorted(running)))
    return found


def _publisher(report: Report, at: Place) -> str:
    """Who was proven to publish it: what the evidence of a good verdict says, never a document."""
    from arcops.seen.server_attestations import ServerAttestations
    from artifacts.wire import from_json
    from capabilities.kept import kept_bytes

    result = next((one for one in report.results if one.gate == "server-attestations"), None)
    said = next((one.digest for one in report.evidence if one.kind == ServerAttestations.KIND), "")
    if result is None or not said:
        return ""
    try:
        seen = from_json(ServerAttestations, kept_bytes(said, at))
    except ArcOpsError:
        return ""
    wanted = set(seen.wanted)
    return next(
        (one.identity for one in seen.attested if not one.problem and one.identity and wanted.intersection(one.digests)),
        "",
    )
