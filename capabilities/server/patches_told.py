"""Proposals of patched versions as signed artifacts, so that all who are told about artifacts are told about them; and the one
that is about a server as it is now.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from arcops.errors import ArcOpsError
from capabilities.server.place import PatchShown
from flows.place import Place

if TYPE_CHECKING:
    from artifacts.patch_proposal import PatchProposal
    from capabilities.server.patching import Proposed
    from services.host.rows import HostedRow


def keep_proposal(at: Place, row: HostedRow, one: Proposed) -> str:
    """Sign and keep what was proposed for *row*; the artifact's digest, which is that of before if the same was kept already.

    Raises as signing and keeping do.
    """
    from artifacts.bundle import seal_statement
    from artifacts.filters import Filter
    from artifacts.patch_proposal import PATCH_PROPOSAL
    from artifacts.store import Store

    made = _made(at, row, one)
    with Store.at(at.settings) as store:
        what = Filter(subject=f"servers/{row.name}", predicate_type=PATCH_PROPOSAL.uri, digest=made.content, limit=1)
        if before := store.list(what):
            return before[0].artifact
        signer = at.signer()
        return store.put(seal_statement(PATCH_PROPOSAL.statement(made), signer), {}, at=at.now(), signer=signer).artifact


def _made(at: Place, row: HostedRow, one: Proposed) -> PatchProposal:
    from dataclasses import replace

    from artifacts.patch_proposal import PatchProposal
    from artifacts.wire import digest

    made = PatchProposal(
        site=at.settings.site,
        server=row.name,
        version=row.current.number,
        package=row.current.spec.package,
        known=one.known,
        fixes=one.fixes,
        proposed=one.version,
        verdict=one.verdict,
        missing=one.why,
        base=one.base,
        newer_base=one.newer_base,
        raised=datetime.fromtimestamp(0, at.now().tzinfo),
        content="",
        action="; ".join(one.next) or f"arcops host patch {row.name}, when there is something newer",
    )
    return replace(made, content=digest(made), raised=at.now().replace(microsecond=0))


def proposal_for(row: HostedRow, at: Place) -> PatchShown | None:
    """The newest proposal about *row* in its version, if this site keeps one whose signature is trusted here."""
    from artifacts.bundle import read_envelope
    from artifacts.filters import Filter
    from artifacts.patch_proposal import PATCH_PROPOSAL
    from artifacts.store import Store
    from artifacts.vouch import Standing, signature_of
    from tasks.signing.grounds import grounds

    try:
        with Store.at(at.settings) as store:
            listed = store.list(Filter(subject=f"servers/{row.name}", predicate_type=PATCH_PROPOSAL.uri, limit=1))
            sealed = store.get(listed[0].artifact) if listed else b""
        if not sealed or signature_of(sealed, grounds(at.settings.trust), at.now()).standing is not Standing.VERIFIED:
            return None
        said = PATCH_PROPOSAL.read(read_envelope(sealed).payload)
    except ArcOpsError:
        return None
    if (said.server, said.version, said.package) != (row.name, row.current.number, row.current.spec.package):
        return None
    return PatchShown(
        version=said.proposed,
        verdict=said.verdict,
        known=said.known,
        fixes=said.fixes,
        missing=said.missing,
        base=said.base,
        newer_base=said.newer_base,
        raised=said.raised,
        artifact=listed[0].artifact,
    )
