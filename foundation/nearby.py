"""How programs of this user find the secret of a server that this user runs on this machine.

A loopback address is every user's, and every proxy's; a file that only this user can read is not. The server puts its secret
there, and takes it away when it ends; the command line and what this user starts read it.
"""

from __future__ import annotations

import stat
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from arcops.errors import Refused, Unavailable
from artifacts.reading import read_file
from artifacts.writing import replace_whole
from foundation.settings import is_loopback

LEAST_SECRET = 32
"""Characters that a secret has at least."""
_MOST = 4096
_SECRET, _LINK = "secret", "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearby:
    """A server of this user's: the address that it listens at, and what opens it."""

    host: str
    port: int
    secret: str


def folder(cache: Path, host: str, port: int) -> Path:
    """Where the secret of the server at *host* and *port* lies below the folder *cache*."""
    return cache / "servers" / f"{host.strip('[]').replace(':', '_')}_{port}"


def put(cache: Path, host: str, port: int, *, secret: str, link: str) -> Path:
    """Put *secret* and *link* where only this user reads them, and say in which folder. Raises as `replace_whole`."""
    place = folder(cache, host, port)
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for one in (place.parent, place):
            one.chmod(0o700)
    except OSError as error:
        raise Unavailable(
            f"{place} cannot be made private ({error.strerror}); the server's secret has no other place"
        ) from error
    replace_whole(place / _SECRET, f"{secret}\n".encode(), mode=0o600)
    replace_whole(place / _LINK, f"{link}\n".encode(), mode=0o600)
    return place


def forget(cache: Path, host: str, port: int, *, secret: str) -> None:
    """Take away what `put` left, unless another server has put its own there meanwhile."""
    place = folder(cache, host, port)
    if _read(place / _SECRET) == secret:
        for name in (_SECRET, _LINK):
            (place / name).unlink(missing_ok=True)


def find(cache: Path, url: str) -> Nearby | None:
    """The server of this user's that *url* means, or nothing.

    Only the very address that the server listens at counts: at another of this machine's, another user may listen.
    """
    parts = urlsplit(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    if not is_loopback(host):
        return None
    for one in _addresses(host):
        secret = _read(folder(cache, one, port) / _SECRET)
        if secret:
            return Nearby(host=one, port=port, secret=secret)
    return None


def read_own(path: Path) -> str:
    """The secret in *path* that an operator chose. Raises `Refused` for one that others can read, or that can be guessed."""
    text = read_file(path, _MOST).decode("ascii", "replace").strip()
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Refused(f"{path} can be read by others; run: chmod 600 {path}")
    if len(text) < LEAST_SECRET or not text.isascii() or not text.isprintable() or " " in text:
        raise Refused(f"{path} holds no secret of at least {LEAST_SECRET} characters without spaces")
    return text


def _addresses(host: str) -> Iterable[str]:
    return (host, "127.0.0.1", "::1") if host == "localhost" else (host,)


def _read(path: Path) -> str:
    try:
        return read_file(path, _MOST).decode("ascii", "replace").strip()
    except (Refused, Unavailable, OSError):
        return ""
