"""Servers of other machines: their address as a row writes it, what they are sent besides, and whether a tier reaches them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from arcops.errors import Refused
from arcops.header import header_of, may_be_given
from arcops.tier import Tier
from foundation.egress.permission import Purpose, permit, plain
from tasks.server.client_credentials import NAMES, ClientCredentials, refuse_wrong

if TYPE_CHECKING:
    from services.host.remote.remote import Bearer
    from services.host.remote.sse import Sse
    from services.host.remote.streamable import Streamable

PURPOSE = Purpose(
    what="the address of the server",
    form="write remote:https://HOST/PATH, or sse:https://HOST/PATH, without a user, a password and a fragment",
    instead="set ARCOPS_TIER=restricted, so that a server of another machine may be asked",
)
TRANSPORTS = ("remote", "sse")
"""What the package of such a row begins with: streamable HTTP, and the older HTTP+SSE."""
_CREDENTIALS = ("authorization",)


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A server at *url*, which is asked over *transport*. *headers* go with each request to it, and to no one else; with
    *credentials*, a token that is got by them too.
    """

    transport: str
    url: str
    headers: Mapping[str, str] = field(repr=False)
    credentials: ClientCredentials | None = None


def refuse_unreadable(url: str) -> None:
    """Raise `Refused` unless *url* is one that no one on the way can read along, and no two parsers read as two hosts."""
    if plain(url, PURPOSE).in_the_clear:
        raise Refused(f"{url[:200]!r} is not encrypted: others on the network could read and change it; write https://")


def refuse_unreached(url: str, tier: Tier) -> None:
    """Raise `Refused` unless *tier* reaches the server at *url*."""
    permit(tier, plain(url, PURPOSE), PURPOSE)


def refuse_header(variable: str, what: str) -> None:
    """Raise `Refused` unless a row may give the header *variable* with the option *what*."""
    if variable in NAMES:
        refuse_wrong(variable, what)
        return
    if not may_be_given(variable):
        raise Refused(f"{what} {variable[:100]!r} is not a header that a row may give to a server of another machine")
    if what != "--secret" and header_of(variable) in _CREDENTIALS:
        raise Refused(f"{what} {variable} would be read by everyone who may see the row; give it with --secret, by reference")


def headers_of(given: Mapping[str, str]) -> dict[str, str]:
    """The headers that *given*, by variable, stand for. Raises `Refused` for a value that is no header, without showing it."""
    for variable, value in given.items():
        if not (value.isascii() and value.isprintable() and value == value.strip()):
            raise Refused(f"the value of {variable} cannot be a header: it has a letter that is not ASCII, or space around it")
    return {header_of(variable): value for variable, value in given.items()}


def pipe_to(
    address: Address, *, tier: Tier, seconds: float, bearer: Bearer | None = None, authorities: str = ""
) -> Streamable | Sse:
    """The pipe to the server at *address*, a call of which may take *seconds*, as `services.host.remote.remote.Remote`.

    Raises `Refused` if *tier* does not reach it.
    """
    given: dict[str, Any] = {"tier": tier, "headers": address.headers, "seconds": seconds}
    given |= {"bearer": bearer, "authorities": authorities}
    if address.transport == "sse":
        from services.host.remote.sse import Sse

        return Sse(address.url, **given)
    from services.host.remote.streamable import Streamable

    return Streamable(address.url, **given)
