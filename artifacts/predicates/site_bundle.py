"""What a site gets across an air gap."""

from __future__ import annotations

from artifacts.predicate import Predicate
from artifacts.site_bundle import SITE_BUNDLE as RECORD
from artifacts.site_bundle import SiteBundle

SITE_BUNDLE = Predicate(
    uri=RECORD.uri,
    title="ArcOps bundle for a site, version 1: an in-toto Statement v1",
    holds=SiteBundle,
    read=RECORD.read,
    published=True,
)
