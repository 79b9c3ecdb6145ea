"""The proposal of a patched version of a hosted server."""

from __future__ import annotations

from artifacts.patch_proposal import PATCH_PROPOSAL as RECORD
from artifacts.patch_proposal import PatchProposal
from artifacts.predicate import Predicate
from artifacts.typed import moment
from artifacts.words import Said


def _said(statement: bytes, _: object) -> Said:
    one = RECORD.read(statement)
    return Said(
        predicate_type=RECORD.uri,
        subject=f"servers/{one.server}",
        digests=(one.content,),
        evidence=frozenset(),
        judged_at=moment(one.raised),
        site=one.site,
        kind="patch-proposal",
    )


PATCH_PROPOSAL = Predicate(
    uri=RECORD.uri,
    title="ArcOps proposal of a patched version of a hosted server, version 1: an in-toto Statement v1",
    holds=PatchProposal,
    read=RECORD.read,
    said=_said,
    published=True,
)
