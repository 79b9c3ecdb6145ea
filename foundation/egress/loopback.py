"""The names and addresses of this machine. It is a module of its own because every command imports it."""

from __future__ import annotations

THIS_MACHINE = "localhost"


def is_loopback(host: str) -> bool:
    """Does *host*, a name or an address as a URL writes it, mean this machine and nothing else?

    The name ``localhost``, 127.0.0.0/8 and ``::1`` do. Other spellings do not count (``127.1``, ``localhost.``, an IPv4 address
    inside an IPv6 one, an address with a zone, ``0.0.0.0``), because another parser may read them as another machine.
    """
    if host == THIS_MACHINE:
        return True
    from ipaddress import IPv6Address, ip_address  # only if an address is asked about: it costs start-up time

    try:
        address = ip_address(host.strip("[]"))
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and (address.ipv4_mapped is not None or address.scope_id is not None):
        return False  # newer versions of Python call the mapped ones loopback, older ones do not
    return address.is_loopback
