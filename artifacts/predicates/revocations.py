"""The revocation list: what must not count any more."""

from __future__ import annotations

from artifacts.predicate import Predicate
from artifacts.revocation import PREDICATE_TYPE, RevocationList, parse_revocations

REVOCATIONS = Predicate(
    uri=PREDICATE_TYPE,
    title="ArcOps revocation list, version 1: an in-toto Statement v1",
    holds=RevocationList,
    read=parse_revocations,
)
