"""Addresses that a name may lead to if someone else chose it: those of the public internet, and what the operator named.

A process that may reach its cluster must not be led there by the one who writes a URL into a resource (server-side request
forgery): not to itself, to its node, to the metadata service of a cloud, nor to a neighbour. A name is looked up once, every
address of it is looked at, and the connection goes to one of those, so that a second look-up cannot give another one (DNS
rebinding).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

from arcops.errors import Refused, Unavailable

Address = IPv4Address | IPv6Address
_INSIDE = tuple(
    (ip_network(net), what)
    for net, what in (
        ("169.254.169.254/32", "the metadata service of a cloud"),
        ("169.254.170.2/32", "the metadata service of a cloud"),
        ("100.100.100.200/32", "the metadata service of a cloud"),
        ("168.63.129.16/32", "a service of the cloud's host"),
        ("fd00:ec2::254/128", "the metadata service of a cloud"),
        ("169.254.0.0/16", "a link-local address"),
        ("fe80::/10", "a link-local address"),
        ("127.0.0.0/8", "this machine"),
        ("::1/128", "this machine"),
        ("10.0.0.0/8", "a private network"),
        ("172.16.0.0/12", "a private network"),
        ("192.168.0.0/16", "a private network"),
        ("fc00::/7", "a private network"),
        ("fec0::/10", "a private network"),
        ("100.64.0.0/10", "a network behind a carrier"),
    )
)
_CARRIES = (IPv6Network("64:ff9b::/96"), IPv6Network("64:ff9b:1::/48"))
"""IPv6 addresses that a translator makes into the IPv4 address in their last 32 bits (RFC 6052, RFC 8215)."""


@dataclass(frozen=True, kw_only=True)
class Outside:
    """``named`` are hosts (exactly), addresses and networks (CIDR) that may be reached all the same.

    Raises `Refused` for another text.
    """

    named: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for one in self.named:
            if "/" in one and self._network(one) is None:
                raise Refused(f"{one[:100]!r} is no network; write ADDRESS/BITS")

    @cached_property
    def _networks(self) -> tuple[IPv4Network | IPv6Network, ...]:
        return tuple(found for one in self.named if (found := self._network(one)) is not None)

    @staticmethod
    def _network(text: str) -> IPv4Network | IPv6Network | None:
        try:
            return ip_network(text)
        except ValueError:
            return None

    def refuse(self, host: str, address: str) -> None:
        """Raise `Refused` unless *address*, which *host* leads to, may be reached."""
        found = ip_address(address)
        if host.lower().rstrip(".") in self.named or any(
            found.version == net.version and found in net for net in self._networks
        ):
            return
        if what := inside(found):
            raise Refused(
                f"{host[:200]} leads to {found}, which is {what}; a resource may not send the operator there, unless the "
                "operator's own settings name it"
            )

    async def addresses(self, host: str, port: int) -> tuple[str, ...]:
        """The addresses of *host*, all of which may be reached. Raises `Refused` if one may not, `Unavailable` for none."""
        if literal := _literal(host):
            self.refuse(host, literal)
            return (literal,)
        import asyncio  # who only decides about an address needs no loop

        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=1)  # SOCK_STREAM
        except OSError as error:
            raise Unavailable(f"{host[:200]} has no address: {error.strerror or type(error).__name__}") from error
        addresses = tuple(dict.fromkeys(str(one[4][0]).partition("%")[0] for one in found))
        for one in addresses:
            self.refuse(host, one)
        if not addresses:
            raise Unavailable(f"{host[:200]} has no address")
        return addresses


def inside(address: Address) -> str:
    """What is at *address* that is not of the public internet; empty for a public one. An address that carries an IPv4 address
    is judged by that one.
    """
    if isinstance(address, IPv6Address):
        carried = address.ipv4_mapped or address.sixtofour or (address.teredo or (None, None))[1]
        if any(address in one for one in _CARRIES):
            carried = IPv4Address(int(address) & 0xFFFFFFFF)
        if int(address) >> 32 == 0 and int(address) > 1:
            carried = IPv4Address(int(address))
        if carried is not None:
            return inside(carried)
    for net, what in _INSIDE:
        if address.version == net.version and address in net:
            return what
    if address.is_multicast or address.is_unspecified or address.is_reserved or not address.is_global:
        return "no address of the public internet"
    return ""


def _literal(host: str) -> str:
    """*host* if it is an address; empty for a name."""
    try:
        return str(ip_address(host.strip("[]")))
    except ValueError:
        return ""
