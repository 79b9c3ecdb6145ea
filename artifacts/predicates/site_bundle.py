"""What a site gets across an air gap."""

from __future__ import annotations

from artifacts.site_bundle import SITE_BUNDLE as RECORD

SITE_BUNDLE = RECORD.predicate(
    "ArcOps bundle for a site, version 1: an in-toto Statement v1",
)
