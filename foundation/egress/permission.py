"""May this tier reach that address? Asked here by all, and answered by one function."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.errors import Refused
from arcops.tier import Tier
from foundation.egress.destination import Destination, NotPlain, read_destination

_MOST_SHOWN = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Purpose:
    """What a connection is for, in words for whoever gets no connection.

    ``what`` names the address as the person knows it, such as a variable; ``form`` says how to write it, ``instead`` what to
    do if the tier does not reach it.
    """

    what: str
    form: str
    instead: str


def may_reach(tier: Tier, to: Destination | None) -> bool:
    """The one decision. ``None`` is an address that stands in a file which nobody has read yet, so it may be anywhere.

    Air-gapped reaches this machine and nothing else. The other tiers reach what an operator, or a person at the command line,
    named; they differ only in what may be fetched without being named, and nothing here fetches that.
    """
    if tier is Tier.AIR_GAPPED:
        return to is not None and to.here
    return True


def permitted(tier: Tier, url: str, purpose: Purpose) -> Destination:
    """Where *url* leads, if *tier* reaches it. Raises `Refused`, with one sentence for whoever named it."""
    to = plain(url, purpose)
    permit(tier, to, purpose)
    return to


def plain(url: str, purpose: Purpose) -> Destination:
    """Where *url* leads. Raises `Refused` for what is no plain http URL; one that could hold a password is not repeated."""
    try:
        return read_destination(url)
    except NotPlain:
        shown = f" {url[:_MOST_SHOWN]!r}, which is" if "@" not in url else ""
        raise Refused(f"{purpose.what} is{shown} no plain http URL; {purpose.form}") from None


def permit(tier: Tier, to: Destination, purpose: Purpose) -> None:
    """Raise `Refused` unless *tier* reaches *to*."""
    if not may_reach(tier, to):
        host = to.host[:_MOST_SHOWN]
        raise Refused(f"{purpose.what} names the host {host}, which the tier {tier.value} does not reach; {purpose.instead}")


def permit_unread(tier: Tier, what: str, instead: str) -> None:
    """Raise `Refused` unless *tier* may reach anywhere: *what* leads to an address that nobody has read yet."""
    if not may_reach(tier, None):
        raise Refused(f"{what} opens a connection, which the tier {tier.value} does not allow; {instead}")
