"""The backup of a site."""

from __future__ import annotations

from artifacts.site_backup import SITE_BACKUP as RECORD

SITE_BACKUP = RECORD.predicate(
    "ArcOps backup of a site, version 1: an in-toto Statement v1",
)
