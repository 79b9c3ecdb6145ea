"""``arcops host share``: who may call a hosted server, besides those that a policy allows."""

from __future__ import annotations

from typing import TYPE_CHECKING

from adapters.cli.answering import shown
from adapters.cli.commands import Given, command
from adapters.cli.printing import Answering
from artifacts.projections.lines import printable

if TYPE_CHECKING:
    from capabilities.server.sharing import HostShare, SharesShown


@command("host share", "capabilities.server.sharing:host_share", own=Answering, example="echo --with role:analysts")
def share(given: Given[HostShare, SharesShown, Answering]) -> None:
    """Let the holders of a role, or one caller, call a hosted server; revoke that; or list who it is shared with."""

    def show(found: SharesShown) -> None:
        print(printable(f"{found.name} of {found.owner}"))
        for one in found.shares:
            print(printable(f"  {one.share} since {one.made:%Y-%m-%d %H:%M} UTC, by {one.author}"))
        if not found.shares:
            print("  it is shared with no one; a policy may allow callers all the same ('arcops access roles')")

    shown(given, show)
