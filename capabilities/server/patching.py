"""Propose versions of hosted servers without what became known about them. What is proposed is judged, and serves by no one's
word but the operator's.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import ArcOpsError, Refused
from capabilities.contract import Scope, always, tool
from capabilities.server.patches_told import keep_proposal
from capabilities.server.place import author, database, found
from flows.place import Place

if TYPE_CHECKING:
    from foundation.database.engine import Database
    from services.host.known_since import Known
    from services.host.rows import HostedRow, Rows
    from services.host.spec import Spec
    from services.host.updating.newer_images import Newer
    from services.host.verdicts import Verdicts


_MOST_FIXES = 200
BY_ITSELF = "this host, because of an advisory"
"""Who proposed what a host found by itself."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPatch:
    """For which servers to look."""

    name: str = field(default="", metadata=shaped(positional=True, title="NAME", most=63))
    """The server's name; every server, if nothing is said."""
    by_itself: bool = False
    """A host looks by itself, no person: what it proposes is by it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposed:
    """One server that something became known about. ``version`` was proposed and ``verdict`` is about it; without one, ``why``
    says why it is so. ``known`` is what became known, and ``fixes`` say in which version each of it is fixed. ``base`` is the
    image that an image was built on, if it says so, and ``newer_base`` the digest of a newer one that is in the layout.
    ``next`` are the commands to continue with, and ``artifact`` is the signed record of all this, of which receivers are told.
    """

    name: str
    known: str
    version: int = 0
    verdict: str = ""
    why: str = ""
    fixes: tuple[str, ...] = ()
    base: str = ""
    newer_base: str = ""
    next: tuple[str, ...] = ()
    artifact: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unseen:
    """A server of which it is not known whether an advisory speaks against it, or not of all of it; and why."""

    name: str
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Patched:
    """What was proposed, in the order of names; ``looked`` is how many servers were looked at, and ``unseen`` are those of
    which not everything could be seen.
    """

    looked: int
    proposed: tuple[Proposed, ...]
    unseen: tuple[Unseen, ...] = ()


@tool(title="Propose patched versions of hosted servers", scope=Scope.TRUST, long=True, connects=always)
def host_patch(ask: HostPatch, at: Place) -> Patched:
    """Compare what each hosted server is made of with the advisories of now: its lock, or what its image lists. For one that an
    advisory speaks against, propose a version with the packages that the index gives today, or the newer image that is in its
    layout, and judge it. Nothing is switched: 'arcops host switch' does that.
    """
    with database(at) as open_:
        return patched(open_, at, name=ask.name, by=BY_ITSELF if ask.by_itself and not at.remote else author(at))


def patched(open_: Database, at: Place, *, by: str, name: str = "") -> Patched:
    """As `host_patch`, for the server *name* or for all. What is proposed is *by* this author, and kept as a signed record."""
    from services.host.rows import Rows
    from services.host.site import verdicts

    judges, there = verdicts(at.settings, at.now), Rows(open_)
    rows = (found(name, there),) if name else there.all()
    made: list[Proposed] = []
    unseen: list[Unseen] = []
    for row in rows:
        at.progress(len(made), 0)
        known = judges.known(row)
        if known.unseen:
            unseen.append(Unseen(name=row.name, why=known.unseen))
        if known.text and known.text != known.unseen:
            made.append(_kept(row, _proposed(row, known, judges, there, open_, at, by), at))
    return Patched(looked=len(rows), proposed=tuple(made), unseen=tuple(unseen))


def _kept(row: HostedRow, one: Proposed, at: Place) -> Proposed:
    if one.version and not one.why:
        switch = (f"arcops host diff {one.name} --to {one.version}", f"arcops host switch {one.name} --to {one.version}")
        one = replace(one, next=switch)
    try:
        return replace(one, artifact=keep_proposal(at, row, one))
    except ArcOpsError as error:
        at.say(f"receivers are not told of the proposal for {one.name}, because it cannot be kept as an artifact: {error}")
        return one


def _proposed(row: HostedRow, known: Known, judges: Verdicts, there: Rows, open_: Database, at: Place, by: str) -> Proposed:
    from services.host.spec import Source, read_package
    from services.host.updating.fixed_versions import fixed_version
    from services.host.updating.newer_images import Newer, newer

    spec, newest = row.current.spec, Newer()
    said = Proposed(name=row.name, known=known.text, fixes=tuple(map(str, known.fixes[:_MOST_FIXES])))
    package = read_package(spec.package)
    try:
        if package.source is Source.OCI:
            newest = newer(package)
            said = replace(said, base=newest.base, newer_base=newest.newer_base)
            if not newest.digests:
                return replace(said, why=_to_rebuild(newest, package.name))
            spec = replace(spec, package=str(replace(package, version=newest.digests[0])))
        elif fixed := fixed_version(package, known.fixes):
            spec = replace(spec, package=str(replace(package, version=fixed)))
        return _judged(row, spec, said, judges, there, open_, at, by)
    except ArcOpsError as error:
        return replace(said, why=str(error))


def _to_rebuild(newest: Newer, layout: str) -> str:
    on = newest.base or "its base, which the image does not name"
    if newest.newer_base:
        on = f"{newest.newer_base}, the newer {newest.base.partition('@')[0]} of that layout"
    return f"no newer image of it is in {layout}; build it again on {on}, with the fixed packages, and copy it there"


def _judged(
    row: HostedRow, spec: Spec, said: Proposed, judges: Verdicts, there: Rows, open_: Database, at: Place, by: str
) -> Proposed:
    from capabilities.server.gating import gated
    from foundation.database.lease import new_holder
    from services.host.site import provisioning

    name = row.name
    lock = provisioning(at.settings, open_, new_holder(), tell=lambda *_: None).looked_up(spec)
    if row.current.lock is not None and lock.digest == row.current.lock.digest:
        return replace(said, why="the index gives the same packages still; try again later")
    before = (one for one in there.versions(name) if not one.served and one.spec == spec and one.lock == lock)
    number = next((one.number for one in before), 0)
    if not number:
        number = there.propose(name, spec, author=by, fresh=True).current.number
        there.lock(name, number, lock)
    new = there.at(name, number)
    if new is None:
        return replace(said, why="it was removed meanwhile")
    try:
        return replace(said, version=number, verdict=judges.standing(new).report.verdict.value)
    except Refused:
        pass  # it was not judged yet, or not well
    judged = gated(new, there, open_, at)
    return replace(said, version=number, verdict=judged.report.verdict.value, why=judged.missing)
