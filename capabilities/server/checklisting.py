"""The best-practice checklist of a hosted server: what is done now, by which evidence, and what a person says."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.contract import Scope, tool
from capabilities.server.checklist_facts import counting, facts_of, marked
from capabilities.server.place import database, found, kept_database, moment, no_server, who
from flows.place import Place

if TYPE_CHECKING:
    from services.host.checklist.judging import Facts
    from services.host.rows import HostedRow

_NAME = shaped(positional=True, title="NAME", least=1, most=63)
_DIGEST = r"(|sha256:[0-9a-f]{64})"


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChecklist:
    """Whose checklist to show."""

    name: str = field(metadata=_NAME)
    """The server's name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemShown:
    """An item. ``evidence`` is what shows it: the digest of an artifact or of the row, or the record of an audit log. ``by``
    and ``when`` say who marked it, if a person did; ``why`` is what is missing, or what that person noted.
    """

    id: str
    title: str
    mandatory: bool
    done: bool
    why: str
    evidence: str
    by: str
    when: datetime | None
    by_hand: bool
    references: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class ChecklistShown:
    """The checklist of a server's version. ``ready``: every mandatory item is done now."""

    name: str
    version: int
    checklist: int
    updated: str
    items: tuple[ItemShown, ...]
    ready: bool


@tool(title="Show a server's checklist", scope=Scope.READ, reads_only=True)
def host_checklist(ask: HostChecklist, at: Place) -> ChecklistShown:
    """Show the best-practice checklist of a hosted server: what is done for the version of now, and the evidence of it.

    Evidence is verified each time. An item whose evidence does not count any more is not done.
    """
    with kept_database(at) as there:
        if there is None:
            raise no_server(ask.name)
        from services.host.rows import Rows

        row = found(ask.name, Rows(there))
        return _shown(row, facts_of(row, there, at))


@dataclass(frozen=True, slots=True, kw_only=True)
class HostChecklistMark:
    """Which item is done, and what was done."""

    name: str = field(metadata=_NAME)
    """The server's name."""
    item: str = field(metadata=shaped(positional=True, title="ITEM", least=1, most=63))
    """The item, as 'arcops host checklist show' names it."""
    note: str = field(metadata=shaped(most=2000))
    """What was done, and what was found."""
    evidence: str = field(default="", metadata=shaped(pattern=_DIGEST, title="DIGEST", most=71))
    """The digest of an artifact in the store that shows it (sha256:…)."""


@tool(title="Mark an item of a checklist", scope=Scope.TRUST, destructive=True)
def host_checklist_mark(ask: HostChecklistMark, at: Place) -> ChecklistShown:
    """Say that an item is done for the server's version of now: who, when and what are kept. Only items that no evidence of
    ours can show are marked by hand. A new version starts without marks.
    """
    from artifacts.store import Store
    from services.host.checklist.items import item
    from tasks.signing.grounds import grounds

    if not item(ask.item).shown.markable:
        raise Refused(
            f"the item {ask.item} is shown by evidence, so no one marks it; 'arcops host checklist show' says by which"
        )
    if ask.evidence:
        with Store.at(at.settings) as store:
            counted = counting(ask.evidence, store, grounds(at.settings.trust), at)
        if isinstance(counted, str):
            raise Refused(f"the evidence {ask.evidence} does not count here: {counted}")
    with database(at) as there:
        from services.host.checklist.marks import Marks
        from services.host.figures.records import Ending, Kind, record
        from services.host.rows import Rows

        row = found(ask.name, Rows(there))
        facts, marks = facts_of(row, there, at), Marks(there)
        mark = marks.put(row.name, row.current.number, ask.item, ask.note, evidence=ask.evidence, author=who(at))
        before, after = _shown(row, facts), _shown(row, marked(facts, mark, at))
        if after.ready and not before.ready:
            record(there, Kind.CHECKLIST, row.name, moment(row.current.made), at.now(), Ending.DONE)
        return after


def _shown(row: HostedRow, facts: Facts) -> ChecklistShown:
    from services.host.checklist.items import checklist
    from services.host.checklist.judging import judged

    known = checklist()
    found = [judged(one, facts) for one in known.items]
    return ChecklistShown(
        name=row.name,
        version=row.current.number,
        checklist=known.version,
        updated=known.updated,
        items=tuple(
            ItemShown(
                id=one.item.id,
                title=one.item.title,
                mandatory=one.item.mandatory,
                done=one.done,
                why=one.why,
                evidence=one.evidence,
                by=one.by,
                when=one.when,
                by_hand=one.item.shown.markable,
                references=one.item.references,
            )
            for one in found
        ),
        ready=all(one.done for one in found if one.item.mandatory),
    )
