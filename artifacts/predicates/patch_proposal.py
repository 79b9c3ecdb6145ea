"""The proposal of a patched version of a hosted server."""

from __future__ import annotations

from artifacts.patch_proposal import PATCH_PROPOSAL as RECORD
from artifacts.typed import moment

PATCH_PROPOSAL = RECORD.predicate(
    "ArcOps proposal of a patched version of a hosted server, version 1: an in-toto Statement v1",
    lambda one: RECORD.said(one, judged_at=moment(one.raised), site=one.site),
)
