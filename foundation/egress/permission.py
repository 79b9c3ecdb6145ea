"""May this tier reach that address? All code asks here, and one function decides."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.egress.destination import Destination, NotPlain, read_destination

_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a connection is for, in words for a caller whose connection is refused.

    ``what`` is the user's name for the address, such as a variable; ``form`` says how to write it, ``instead`` what to do if
    the tier does not reach it.
    """

    what: str
    form: str
    instead: str


def may_reach(tier: Tier, to: Destination | None) -> bool:
    """The one decision. ``None`` is an address in a file that was not read yet, so it may be anywhere.

    Air-gapped reaches this machine only. The other tiers reach what an operator, or a person at the command line, named. They
    differ only in what may be fetched without being named, and nothing here does that.
    """
    if tier is Tier.AIR_GAPPED:
        return to is not None and to.here
    return True


def permitted(tier: Tier, url: str, purpose: Purpose) -> Destination:
    """The destination of *url*, if *tier* reaches it. Raises `Refused`, with one sentence for the one who named it."""
    to = plain(url, purpose)
    permit(tier, to, purpose)
    return to


def plain(url: str, purpose: Purpose) -> Destination:
    """The destination of *url*. Raises `Refused` if it is not a plain http URL; one that may hold a password is not shown."""
    try:
        return read_destination(url)
    except NotPlain:
        shown = f" {url[:_MOST_SHOWN]!r}, which is" if "@" not in url else ""
        raise Refused(f"{purpose.what} is{shown} not a plain http URL; {purpose.form}") from None


def permit(tier: Tier, to: Destination, purpose: Purpose) -> None:
    """Raise `Refused` unless *tier* reaches *to*."""
    if not may_reach(tier, to):
        host = to.host[:_MOST_SHOWN]
        raise Refused(f"{purpose.what} names the host {host}, which the tier {tier.value} does not reach; {purpose.instead}")


def permit_unread(tier: Tier, what: str, instead: str) -> None:
    """Raise `Refused` unless *tier* may reach any host: *what* needs an address that was not read yet."""
    if not may_reach(tier, None):
        raise Refused(f"{what} opens a connection, which the tier {tier.value} does not allow; {instead}")
