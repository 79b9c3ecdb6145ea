"""``arcops data``."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli import surroundings
from adapters.cli.answering import answer
from adapters.cli.commands import Given, command, group

if TYPE_CHECKING:
    from capabilities.model.data import ImportAdvisories
    from tasks.model.osv.importing import ImportSummary

DATA = group("data", "Import data that collectors look things up in.")


@command("data import", "capabilities.model.data:import_advisories", example="PyPI-all.zip")
def bring_in(given: Given[ImportAdvisories, ImportSummary, None]) -> None:
    """Import advisories for the offline vulnerability matcher."""
    imported = answer(given.tool, given.ask(), surroundings.place())
    dated = f"{imported.dated:%Y-%m-%d}" if imported.dated else "unknown"
    print(
        f"{imported.ecosystem}: {imported.advisories} advisories on {imported.packages} packages, newest of {dated}, "
        f"{imported.withdrawn} withdrawn, {imported.unreadable} unreadable, in {imported.database}"
    )
    if imported.lost:
        print(f"The database was of an older version of ArcOps, and is replaced; import again: {', '.join(imported.lost)}.")
    if not imported.reached:
        print(
            f"No package URL leads to the ecosystem {imported.ecosystem}, so no component of an SBOM will be compared with "
            "these advisories."
        )
