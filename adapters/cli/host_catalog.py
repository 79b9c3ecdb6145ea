"""``arcops host catalog``: MCP servers that could be hosted, and what people decided about them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.cli.answering import shown
from adapters.cli.commands import Given, command
from adapters.cli.printing import Answering
from arcops.tier import Tier
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.catalog_asking import CatalogAsked, HostCatalogAsk
    from capabilities.server.catalog_deciding import (
        HostCatalogApprove,
        HostCatalogRate,
        HostCatalogRefuse,
        HostCatalogTag,
    )
    from capabilities.server.catalog_importing import CatalogImported, HostCatalogImport
    from capabilities.server.catalog_looking import (
        CatalogFound,
        CatalogIndexed,
        CatalogListed,
        HostCatalogIndex,
        HostCatalogList,
        HostCatalogSearch,
        HostCatalogShow,
    )
    from capabilities.server.catalog_place import CatalogEntry

_IMPORTING, _LOOKING, _DECIDING, _ASKING = (
    f"capabilities.server.catalog_{one}" for one in ("importing", "looking", "deciding", "asking")
)
_NAME = "dev.arcops.curated/mcp-server-time"


@command("host catalog import", f"{_IMPORTING}:host_catalog_import", own=Answering, example="registry.json")
def import_(given: Given[HostCatalogImport, CatalogImported, Answering]) -> None:
    """Bring an export of an MCP registry into the catalog; each version is proposed."""

    def show(found: CatalogImported) -> None:
        said = [f"{found.new} proposed", f"{found.same} there already"]
        said += [f"{found.status} with another status of their publisher"] if found.status else []
        print(", ".join(said) + (f"; {found.left_out} left out:" if found.left_out else ""))
        for one in found.why:
            print(printable(f"  {one}"))
        if found.left_out > len(found.why):
            print(f"  and {found.left_out - len(found.why)} more")
        if found.new:
            print("Next: arcops host catalog list --state proposed")

    shown(given, show)


@command("host catalog list", f"{_LOOKING}:host_catalog_list", own=Answering, example="--state proposed")
def list_(given: Given[HostCatalogList, CatalogListed, Answering]) -> None:
    """List the catalog in the order of names."""

    def show(found: CatalogListed) -> None:
        if not found.total:
            print("the catalog is empty; 'arcops host catalog import --curated' is a beginning")
        _print_lines(found.entries)
        if found.total:
            print(f"{found.total} entries, {found.offered} of them may be hosted")
        if found.next:
            print(printable(f"Next: arcops host catalog list --after {found.next}"))

    shown(given, show)


@command("host catalog search", f"{_LOOKING}:host_catalog_search", own=Answering, example="'time zones'")
def search(given: Given[HostCatalogSearch, CatalogFound, Answering]) -> None:
    """Find servers by what they should do."""

    def show(found: CatalogFound) -> None:
        _print_lines(found.entries)
        if not found.entries:
            more = "" if given.ask().every else "; --all also searches what no one has approved"
            print(f"nothing was found by {found.by}{more}")
        else:
            print(f"found by {found.by}")

    shown(given, show)


@command("host catalog show", f"{_LOOKING}:host_catalog_show", own=Answering, example=_NAME)
def show(given: Given[HostCatalogShow, CatalogEntry, Answering]) -> None:
    """Show an entry with all its versions."""
    shown(given, _print_entry)


@command("host catalog index", f"{_LOOKING}:host_catalog_index", own=Answering)
def index(given: Given[HostCatalogIndex, CatalogIndexed, Answering]) -> None:
    """Compute what entries mean, so that a search finds them by other words for the same thing."""

    def show(found: CatalogIndexed) -> None:
        print(printable(f"{found.computed} of {found.entries} entries computed now, by {found.model}"))

    shown(given, show)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking(Answering):
    """The options of ``host catalog ask``."""

    tier: Tier | None = None
    """How far it may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@command("host catalog ask", f"{_ASKING}:host_catalog_ask", own=Asking, example=f"{_NAME} --tier restricted")
def ask(given: Given[HostCatalogAsk, CatalogAsked, Asking]) -> None:
    """Ask npm, PyPI and GitHub what they say of an entry now."""

    def show(found: CatalogAsked) -> None:
        for one in found.said:
            print(printable(f"{one.source}, {one.about}, {one.at:%Y-%m-%d %H:%M}Z: {one.problem or '; '.join(one.facts)}"))
        if not found.said:
            print(printable(f"no source that is named knows anything of {found.name} {found.version}"))

    shown(given, show, tier=given.own.tier)


@command("host catalog approve", f"{_DECIDING}:host_catalog_approve", own=Answering, example=_NAME)
def approve(given: Given[HostCatalogApprove, CatalogEntry, Answering]) -> None:
    """Let a version be offered and hosted."""
    shown(given, _print_entry)


@command("host catalog refuse", f"{_DECIDING}:host_catalog_refuse", own=Answering, example=f"{_NAME} --reason 'no owner'")
def refuse(given: Given[HostCatalogRefuse, CatalogEntry, Answering]) -> None:
    """Let a version no longer be offered."""
    shown(given, _print_entry)


@command("host catalog tag", f"{_DECIDING}:host_catalog_tag", own=Answering, example=f"{_NAME} env=production owner=platform")
def tag(given: Given[HostCatalogTag, CatalogEntry, Answering]) -> None:
    """Give an entry tags; TAG= removes one."""
    shown(given, _print_entry)


@command("host catalog rate", f"{_DECIDING}:host_catalog_rate", own=Answering, example=f"{_NAME} 4")
def rate(given: Given[HostCatalogRate, CatalogEntry, Answering]) -> None:
    """Rate an entry from 1 to 5; 0 takes your rating away."""
    shown(given, _print_entry)


def _print_lines(entries: tuple[CatalogEntry, ...]) -> None:
    for one in entries:
        offered = one.offered or "not approved"
        rated = f", {one.rating:.1f} of 5 by {one.ratings}" if one.ratings else ""
        kind = " (an agent)" if one.kind == "agent" else ""
        print(printable(f"{one.name} {offered}{kind}{rated}: {one.description}"))


def _print_entry(found: CatalogEntry) -> None:
    print(printable(f"{found.name}: {found.title or found.name.partition('/')[2]}, {found.description}"))
    rated = f"{found.rating:.1f} of 5 by {found.ratings}" if found.ratings else "not rated"
    print(printable(f"  {' '.join(found.tags) or 'no tags'}; {rated}"))
    for one in found.versions:
        by = f" by {one.decider}" if one.decider else ""
        why = f": {one.reason}" if one.reason else ""
        gone = f", {one.status} by its publisher" if one.status != "active" else ""
        print(printable(f"  {one.version} {one.state}{by}{gone}{why}"))
        for package in one.packages:
            print(printable(f"    {package}"))
        for lock in one.locks:
            print(printable(f"    {lock.file} {lock.digest[:39]}… on {lock.seen}"))
        if one.verdict:
            print(printable(f"    {one.verdict} here: {one.artifact}"))
        if one.publisher:
            print(printable(f"    published by {one.publisher}, which was verified"))
        if one.servers:
            print(printable(f"    hosted as {', '.join(one.servers)}"))
        for link in one.install:
            print(printable(f"    for VS Code: {link}"))
    if found.offered:
        print(printable(f"Next: arcops host add NAME --from-catalog {found.name}@{found.offered}"))
