"""The backup of a site."""

from __future__ import annotations

from artifacts.predicate import Predicate
from artifacts.site_backup import SITE_BACKUP as RECORD
from artifacts.site_backup import SiteBackup

SITE_BACKUP = Predicate(
    uri=RECORD.uri,
    title="ArcOps backup of a site, version 1: an in-toto Statement v1",
    holds=SiteBackup,
    read=RECORD.read,
    published=True,
)
