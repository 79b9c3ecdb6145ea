"""Import the data that collectors look things up in."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from foundation.settings import Settings
from tasks.osv.importing import ImportSummary, import_osv


def import_advisories(export: Path, *, settings: Settings, now: datetime) -> ImportSummary:
    """Replace what is known of one ecosystem by the OSV export at *export*."""
    settings.data.mkdir(parents=True, exist_ok=True)
    return import_osv(export, settings.data, ecosystem=None, now=now)
