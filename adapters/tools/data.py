"""Import the data that collectors look things up in."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.tools.contract import Place, Scope, tool
from tasks.osv.importing import ImportSummary, import_osv


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportAdvisories:
    """What to import."""

    export: Path
    """An OSV export of one ecosystem (zip)."""


@tool(title="Import advisories", scope=Scope.TRUST, idempotent=True)
def import_advisories(ask: ImportAdvisories, at: Place) -> ImportSummary:
    """Replace what is known of one ecosystem's vulnerabilities by an OSV export, for the offline matcher."""
    at.settings.data.mkdir(parents=True, exist_ok=True)
    return import_osv(ask.export, at.settings.data, ecosystem=None, now=at.now())
