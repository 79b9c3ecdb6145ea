"""The TXT records of a name, asked of a name server that the tier reaches.

It is asked over TCP: an answer over UDP can be forged by anyone who guesses two numbers. Answers are not proven (DNSSEC), so
the one who runs the name server, or the way to it, is trusted.
"""

from __future__ import annotations

from arcops.errors import Refused, Unavailable
from arcops.tier import Tier
from foundation.egress.destination import Destination
from foundation.egress.permission import may_reach

SECONDS = 5.0
_PORT = 53
_MOST_SERVERS = 3


def texts(tier: Tier, name: str, *, server: str = "") -> tuple[str, ...]:
    """The TXT records of *name*; none if there is no such name. *server* is ``ADDRESS:PORT``, or empty for this machine's own.

    Raises `Refused` if *tier* does not reach the server, and `Unavailable` if none answers.
    """
    import dns.exception
    import dns.message
    import dns.name
    import dns.query
    import dns.rcode
    import dns.rdatatype

    said = "this machine knows no name server"
    for address, port in _servers(server):
        if not may_reach(tier, Destination(scheme="http", host=address, port=port)):
            raise Refused(
                f"the name server {address} is not on this machine, and the tier {tier.value} reaches no other; set "
                "ARCOPS_TIER to restricted, or verify the domain by e-mail"
            )
        try:
            asked = dns.message.make_query(dns.name.from_text(name), dns.rdatatype.TXT)
            answer = dns.query.tcp(asked, address, timeout=SECONDS, port=port)
            code = answer.rcode()
            if code == dns.rcode.NXDOMAIN:
                return ()
            if code != dns.rcode.NOERROR:
                said = f"the name server {address} answers {dns.rcode.to_text(code)}"
                continue
            found = answer.resolve_chaining().answer if isinstance(answer, dns.message.QueryMessage) else None
        except (dns.exception.DNSException, OSError, EOFError, ValueError) as error:
            said = f"the name server {address} does not answer ({type(error).__name__})"
            continue
        return tuple(b"".join(one.strings).decode("utf-8", "replace") for one in found) if found is not None else ()
    raise Unavailable(f"{said}; try again later")


def _servers(server: str) -> list[tuple[str, int]]:
    """The addresses and ports to ask, in turn. Raises `Refused` if *server* is not one."""
    from ipaddress import ip_address

    if server:
        host, _, port = server.rpartition(":")
        try:
            return [(str(ip_address(host.strip("[]"))), _port(port))]
        except ValueError:
            raise Refused(f"ARCOPS_DNS is {server[:80]!r}; write the address and port of one, as 192.0.2.53:53") from None
    import dns.exception
    import dns.resolver

    try:
        return [(str(one), _PORT) for one in dns.resolver.Resolver().nameservers[:_MOST_SERVERS]]
    except dns.exception.DNSException:
        return []


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 65536:
        raise ValueError(text)
    return int(text)
