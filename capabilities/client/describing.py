"""Families of MCP clients that a site describes itself, for clients that ArcOps does not know."""

from __future__ import annotations

from dataclasses import dataclass, field

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.client.families import FamilyKnown, known
from capabilities.contract import Scope, tool
from flows.place import Place

_MOST_TEXT = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class SetClientFamily:
    """The description of the family."""

    family: str = field(metadata=shaped(positional=True, title="FAMILY", text_of=_MOST_TEXT, least=1))
    """The YAML text that describes it: its files, the form of an entry, how an input is spelled, who says so, and when."""
    preview: bool = False
    """Only say how it is understood; nothing is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFamilySet:
    """The family as it is understood, and whether it counts from now on."""

    family: FamilyKnown
    set: bool


@tool(title="Describe a family of MCP clients", scope=Scope.TRUST, destructive=True, idempotent=True)
def set_client_family(ask: SetClientFamily, at: Place) -> ClientFamilySet:
    """Describe an MCP client that ArcOps does not know, so that drafts can be for it. It counts at once, without a restart.

    A machine changes a file of such a client only if the family was described there, too. A family of ArcOps is not replaced;
    a description that was there before is, also one that cannot be used.
    """
    from amend.client.families import Families
    from artifacts.private_folder import make_private
    from artifacts.writing import replace_whole
    from tasks.client.families import FOLDER, read_family, refuse_more

    data = ask.family.encode()
    family = read_family(data, "the family")
    Families((family,))
    refuse_more(at.settings.trust, family.id)
    if not ask.preview:
        make_private(at.settings.trust)
        folder = at.settings.trust / FOLDER
        make_private(folder)
        replace_whole(folder / f"{family.id}.yaml", data, mode=0o600)
    return ClientFamilySet(family=known(family), set=not ask.preview)


@dataclass(frozen=True, slots=True, kw_only=True)
class DropClientFamily:
    """Which described family to forget."""

    client: str = field(metadata=shaped(positional=True, title="CLIENT", least=1, most=63))
    """The family's id."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientFamilyDropped:
    """The id of the family that is not known here any more."""

    client_id: str


@tool(title="Forget a described family of MCP clients", scope=Scope.TRUST, destructive=True)
def drop_client_family(ask: DropClientFamily, at: Place) -> ClientFamilyDropped:
    """Forget a family that was described here. What was released for it stays in the log, and no client gets it any more."""
    from artifacts.writing import sync_folder
    from tasks.client.families import FOLDER, described_in

    described = described_in(at.settings.trust)
    if ask.client not in described:
        known_here = ", ".join(described) or "none"
        raise Refused(f"no client family {ask.client[:63]!r} was described here; described are: {known_here}")
    folder = at.settings.trust / FOLDER
    (folder / f"{ask.client}.yaml").unlink(missing_ok=True)
    sync_folder(folder)
    return ClientFamilyDropped(client_id=ask.client)
