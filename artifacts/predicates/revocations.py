"""The revocation list: the keys, identities and artifacts that no longer count."""

from __future__ import annotations

from artifacts.predicate import Predicate
from artifacts.revocation import PREDICATE_TYPE, RevocationList, parse_revocations

REVOCATIONS = Predicate(
    uri=PREDICATE_TYPE,
    title="ArcOps revocation list, version 1: an in-toto Statement v1",
    holds=RevocationList,
    read=parse_revocations,
)
