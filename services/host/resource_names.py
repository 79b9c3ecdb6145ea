"""Addresses of resources of several servers together: each begins with its server's name, and the rest of it stays as it is.

What the server ``notes`` calls ``file:///a`` is ``arcops://notes/file:///a`` together. That is a URI, because a path may have
colons and empty segments (RFC 3986, section 3.3), and a template stays one (RFC 6570). No two are alike: a server's name has no
slash.
"""

from __future__ import annotations

_TOGETHER = "arcops://"


def together_uri(server: str, own: str) -> str:
    """The address, or the template of addresses, of what *server* calls *own*."""
    return f"{_TOGETHER}{server}/{own}"


def own_uri(together: str) -> tuple[str, str]:
    """The server of the address *together*, and what that calls it; two empty texts if it is no such address."""
    server, slash, own = together.removeprefix(_TOGETHER).partition("/")
    return (server, own) if together.startswith(_TOGETHER) and server and slash and own else ("", "")
