"""The address of a server of another machine, as its lock and the one file of its installation say it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from arcops.errors import Refused
from artifacts.envelope import strict_json
from artifacts.reading import read_file
from foundation.egress.destination import NotPlain, read_destination
from foundation.egress.tls import NotUsable, context

FILE = "address.json"
_MOST = 64 * 1024
_MOST_PEM = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """``transport`` is ``remote`` (streamable HTTP) or ``sse``; ``host`` is the host of ``url``, with its port unless that is
    443 over https.
    """

    transport: str
    url: str
    host: str


def authorities_at(path: str, variable: str = "ARCOPS_HOST_AUTHORITIES") -> str:
    """The certificates (PEM) in the file *path* that those of other machines must come from; empty without a file.

    *variable* is what names the file, for errors.

    Raises `Refused` if it cannot be read, or has no certificates.
    """
    if not path:
        return ""
    text = read_file(Path(path), _MOST_PEM, named=f"the file {path} of {variable}").decode("utf-8", "replace")
    try:
        context(text)
    except NotUsable:
        raise Refused(f"the file {path} of {variable} has no certificates (PEM)") from None
    return text


def read_address(package: str, text: str) -> Address:
    """The address in the lock *text* of *package*. Raises `Refused` if they do not say the same, or it is not encrypted."""
    said = strict_json(text.encode(), "the lock")
    transport, _, url = package.partition(":")
    if said != {"transport": transport, "url": url}:
        raise Refused(f"the lock is about another address than {package[:200]!r}")
    try:
        to = read_destination(url)
    except NotPlain:
        raise Refused("the address of the server is not a plain http URL") from None
    if to.in_the_clear:
        raise Refused(f"what is sent to {to.host} is not encrypted, so others could read and change it")
    host = f"[{to.host}]" if ":" in to.host else to.host
    return Address(transport=transport, url=url, host=host if (to.scheme, to.port) == ("https", 443) else f"{host}:{to.port}")


def installed_address(tree: Path, package: str, text: str) -> Address:
    """As `read_address`, if the installation in *tree* says exactly that. Raises `Refused` if not."""
    found = read_address(package, text)
    if read_file(tree / FILE, _MOST, follow=False) != text.encode():
        raise Refused("the installation names another address than the lock")
    return found
