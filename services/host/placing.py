"""Which process of a server is whose, and how many there may be."""

from __future__ import annotations

from collections.abc import Iterable

from arcops.identity import Identity
from services.host.eras import Era
from services.host.hosted import NotYet
from services.host.rows import HostedRow
from services.host.serving import Key, Serving

MOST_CHILDREN = 512
"""Processes of all servers together."""


def key_of(row: HostedRow, caller: Identity, session: str, era: Era) -> Key:
    """What tells the process of *row* for *caller* from the others."""
    spec = row.current.spec
    apart = spec.dedicated or any(":" in one.partition("=")[0] for one in spec.bound)
    return Key(
        version=row.current.number,
        generation=row.generation,
        tenant=f"{caller.issuer}\n{caller.tenant}" if apart else "",
        era=era,
        session="" if spec.stateless else session,
    )


def refuse_more(serving: Serving, every: Iterable[Serving]) -> None:
    """Raise `NotYet` if one more process of *serving*, or of *every* server together, would be too many."""
    here = len(serving.running) + len(serving.starting)
    most = serving.row.current.spec.most
    if here >= most:
        said = f"{serving.row.name} runs {here} times already, which is its limit (--most {most}); end a session first"
        raise NotYet(said, state=serving.state, retry=5, full=True)
    if sum(len(one.running) + len(one.starting) for one in every) >= MOST_CHILDREN:
        said = f"this host runs {MOST_CHILDREN} children already, which is its limit; ask again later"
        raise NotYet(said, state=serving.state, retry=5, full=True)
