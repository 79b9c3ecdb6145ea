"""The pages of clients' configuration: what is released, what waits, who runs what, the families; and two releases compared."""

from __future__ import annotations

from dataclasses import dataclass

from adapters.web.asked import text
from adapters.web.replies import Problem, Reply
from adapters.web.showing import Asked, shown
from arcops.errors import Refused
from capabilities.client.comparing import CompareClientConfigs, compare_client_configs
from capabilities.client.families import FamilyKnown, ListClientFamilies, list_client_families
from capabilities.client.looking import ClientChange, PollClientChanges, poll_client_changes
from capabilities.client.publishing import ListWaitingClientConfigs, PublicationShown, list_waiting_client_configs
from capabilities.client.reporting import ClientStateCount, CountClientStates, count_client_states
from foundation.database.late import is_made

_MOST = 1000
_SHOWN = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientsShown:
    """Everything of the page: the releases with the newest first, and how many more there are."""

    releases: tuple[ClientChange, ...]
    more: int
    waiting: tuple[PublicationShown, ...]
    counts: tuple[ClientStateCount, ...]
    families: tuple[FamilyKnown, ...]


def clients(asked: Asked) -> Reply:
    """What is released for clients, what waits for approvals, who runs what, and the families."""
    found: list[ClientChange] = []
    if is_made(asked.at.settings):
        ask = PollClientChanges(client=text(asked.query, "client"), profile=text(asked.query, "profile"), most=_MOST)
        while page := poll_client_changes(ask, asked.at):
            found += page.events
            if len(page.events) < _MOST:
                break
            ask = PollClientChanges(since=page.next, client=ask.client, profile=ask.profile, most=_MOST)
    answer = ClientsShown(
        releases=tuple(reversed(found[-_SHOWN:])),
        more=max(0, len(found) - _SHOWN),
        waiting=list_waiting_client_configs(ListWaitingClientConfigs(), asked.at).publications,
        counts=count_client_states(CountClientStates(), asked.at).counts,
        families=list_client_families(ListClientFamilies(), asked.at).families,
    )
    return shown(asked, "clients.html", "clients", answer, found=answer, before=_before(found))


def _before(found: list[ClientChange]) -> dict[str, str]:
    """The record that each release of the log replaced, by its own."""
    last: dict[tuple[str, str, str], str] = {}
    before: dict[str, str] = {}
    for one in found:
        place = (one.client_id, one.profile, one.schema_ref)
        if place in last:
            before[one.record] = last[place]
        last[place] = one.record
    return before


def clients_compared(asked: Asked) -> Reply:
    """Two releases, line by line."""
    old, new = text(asked.query, "old"), text(asked.query, "new")
    try:
        found = compare_client_configs(CompareClientConfigs(old=old, new=new), asked.at)
    except Refused as error:
        said = f"{str(error)[0].upper()}{str(error)[1:]}."
        raise Problem(404, "There are no such releases", said, "Choose them in the list.") from error
    return shown(asked, "clients_compared.html", "clients", found, found=found, old=old, new=new)
