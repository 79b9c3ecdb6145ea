"""``arcops host update``, ``patch``, ``switch``: versions that are judged and tried before they count."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from adapters.cli.answering import shown
from adapters.cli.commands import Given, command
from adapters.cli.printing import Answering
from arcops.tier import Tier
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.changing import HostSwitch, HostUpdate
    from capabilities.server.patching import HostPatch, Patched
    from capabilities.server.place import ServerShown


@dataclass(frozen=True, slots=True, kw_only=True)
class Changing(Answering):
    """The options of commands that may ask an index."""

    tier: Tier | None = None
    """How far it may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@command("host update", "capabilities.server.changing:host_update", own=Changing, example="time --package pypi:acme==1.3")
def update(given: Given[HostUpdate, ServerShown, Changing]) -> None:
    """Change a hosted server while it serves: judged and started once first; if that is not good, nothing changes."""
    shown(given, _print, tier=given.own.tier)


@command("host patch", "capabilities.server.patching:host_patch", own=Changing, example="--tier restricted")
def patch(given: Given[HostPatch, Patched, Changing]) -> None:
    """Propose, and judge, versions without what an advisory speaks against now, of packages and images. Nothing is switched."""

    def show(found: Patched) -> None:
        for one in found.proposed:
            print(printable(f"{one.name}: {one.known}"))
            for fix in one.fixes:
                print(printable(f"  {fix}"))
            if one.version:
                print(printable(f"  version {one.version} is proposed, {one.verdict}. {one.why}".rstrip(". ")))
            else:
                print(printable(f"  no version is proposed: {one.why}"))
            if one.next:
                print(f"Next: {'; '.join(one.next)}")
        for other in found.unseen:
            print(printable(f"{other.name}: not everything could be seen: {other.why}"))
        if not found.proposed:
            seen = found.looked - len(found.unseen)
            print(f"no advisory speaks against what {seen} of {found.looked} servers are made of")

    shown(given, show, tier=given.own.tier)


@command("host switch", "capabilities.server.changing:host_switch", own=Answering, example="time --to 4")
def switch(given: Given[HostSwitch, ServerShown, Answering]) -> None:
    """Switch to a version that was proposed; it is judged and started once first."""
    shown(given, _print)


def _print(found: ServerShown) -> None:
    print(printable(f"{found.name}: version {found.version} counts now, {found.verdict}: {found.package}"))
