"""Import the data that collectors look things up in."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import Use, shaped, used
from artifacts.private_folder import make_private
from capabilities.contract import Scope, tool
from flows.place import Place
from tasks.model.osv.importing import ImportSummary, import_osv


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportAdvisories:
    """What to import."""

    export: Path = field(metadata=used(Use.READ) | shaped(positional=True))
    """An OSV export of one ecosystem (zip)."""


@tool(title="Import advisories", scope=Scope.TRUST, destructive=True)
def import_advisories(ask: ImportAdvisories, at: Place) -> ImportSummary:
    """Replace the known vulnerabilities of one ecosystem by an OSV export, for the offline matcher."""
    make_private(at.settings.data)
    return import_osv(ask.export, at.settings.data, ecosystem=None, now=at.now(), within=at.within)
