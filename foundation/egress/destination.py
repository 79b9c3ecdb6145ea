"""The destination of a connection, read from a URL. A URL that two parsers could read as two hosts is refused."""

from __future__ import annotations

import re
from dataclasses import dataclass

from arcops.late_pattern import late
from foundation.egress.loopback import THIS_MACHINE, is_loopback

_MOST = 2048
_HOST = r"\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9_-](?:[A-Za-z0-9._-]{0,252})"
_URL = late(rf"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<host>{_HOST})(?::(?P<port>[0-9]{{1,5}}))?(?:[/?].*)?", re.ASCII)


class NotPlain(ValueError):
    """The text is not a plain http URL."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Destination:
    """``scheme`` is ``http`` or ``https``; ``host`` a name or an address, in small letters and without brackets."""

    scheme: str
    host: str
    port: int

    @property
    def here(self) -> bool:
        """Is it this machine and nothing else?"""
        return is_loopback(self.host)

    @property
    def in_the_clear(self) -> bool:
        """Could others on the network read what is sent?"""
        return self.scheme == "http" and not self.here

    @property
    def addresses(self) -> tuple[str, ...]:
        """The addresses to connect to, in turn. ``localhost`` always means this machine, whatever its host files say."""
        return ("127.0.0.1", "::1") if self.host == THIS_MACHINE else (self.host,)


def read_destination(url: str) -> Destination:
    """Where *url* leads. Raises `NotPlain` for anything but a plain http URL.

    Plain is: ASCII without spaces, controls and backslashes, no user or password, no fragment, a host whose every character
    stands for itself (a name in other letters is written as ``xn--``), and a port from 1 to 65535 if one is written.
    """
    found = _URL.fullmatch(url) if len(url) <= _MOST and url.isascii() and url.isprintable() else None
    if found is None or any(one in url for one in " \\#"):
        raise NotPlain
    scheme, host = found["scheme"].lower(), found["host"].lower()
    if host.startswith("["):
        host = _address(host[1:-1])
    port = int(found["port"]) if found["port"] else 443 if scheme == "https" else 80
    if not 0 < port < 65536:
        raise NotPlain
    return Destination(scheme=scheme, host=host, port=port)


def _address(text: str) -> str:
    from ipaddress import IPv6Address

    try:
        return str(IPv6Address(text))
    except ValueError:
        raise NotPlain from None
