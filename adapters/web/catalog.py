"""The pages of the catalog: what could be hosted here, found by words; and an entry with its versions and who decided."""

from __future__ import annotations

from adapters.web.asked import text
from adapters.web.replies import Problem, Reply
from adapters.web.showing import Asked, shown
from arcops.errors import Refused
from arcops.verdict import Verdict
from capabilities.server.catalog_deciding import (
    HostCatalogApprove,
    HostCatalogRate,
    HostCatalogRefuse,
    host_catalog_approve,
    host_catalog_rate,
    host_catalog_refuse,
)
from capabilities.server.catalog_looking import (
    CatalogFound,
    CatalogListed,
    HostCatalogList,
    HostCatalogSearch,
    HostCatalogShow,
    host_catalog_list,
    host_catalog_search,
    host_catalog_show,
)

_MOST = 50
"""Entries on one page."""
_MOST_FOUND = 100
"""Of a search; what is worse than these is found by more words."""
_STATES = ("proposed", "approved", "refused")


def entries(asked: Asked) -> Reply:
    """The catalog, or what of it has the words."""
    words, state, after = (text(asked.query, one) for one in ("q", "state", "after"))
    if state and state not in _STATES:
        said = f"'state' is {state[:50]!r}; use {', '.join(_STATES[:-1])} or {_STATES[-1]}."
        raise Problem(
            400, "The address has a value that is not valid", said, "Correct the address, or start again from the list."
        )
    searched = any(one.isalnum() for one in words)
    every = host_catalog_list(HostCatalogList(state=state, after=after[:200], most=1 if searched else _MOST), asked.at)
    found: CatalogFound | CatalogListed = every
    if searched:
        found = host_catalog_search(HostCatalogSearch(words=words, every=True, state=state, most=_MOST_FOUND), asked.at)
    values = {
        "listed": found.entries,
        "by": found.by if isinstance(found, CatalogFound) else "",
        "next": found.next if isinstance(found, CatalogListed) else "",
        "total": every.total,
        "offered": every.offered,
        "more": searched and len(found.entries) == _MOST_FOUND,
        "words": words,
        "state": state,
        "states": _STATES,
    }
    return shown(asked, "catalog.html", "catalog", found, **values)


def entry(asked: Asked) -> Reply:
    """One entry."""
    name = text(asked.query, "name")
    if not name:
        raise Problem(400, "Which entry?", "The address names no entry.", "Choose one from the catalog.")
    try:
        found = host_catalog_show(HostCatalogShow(name=name), asked.at)
    except Refused as error:
        said = f"{str(error)[0].upper()}{str(error)[1:]}."
        raise Problem(404, "There is no such entry", said, "Choose one from the catalog.") from error
    barred = {
        "approve": asked.why_not(host_catalog_approve, HostCatalogApprove(name=found.name)),
        "refuse": asked.why_not(host_catalog_refuse, HostCatalogRefuse(name=found.name)),
        "rate": asked.why_not(host_catalog_rate, HostCatalogRate(name=found.name, stars=1)),
    }
    not_shown = tuple(dict.fromkeys(filter(None, barred.values()))) if asked.person is not None else ()
    values = {"found": found, "verdict": Verdict, "barred": barred, "not_shown": not_shown}
    return shown(asked, "catalog_entry.html", "catalog", found, **values)
