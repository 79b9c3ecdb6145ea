"""How this user's programs find the secret of this user's server on this machine.

Every user and every proxy can reach a loopback address, but only this user can read the file. The server writes its secret
there, and removes it when it ends; the command line and this user's other programs read it.
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
"""The least number of characters in a secret."""
_MOST = 4096
_SECRET, _LINK = "secret", "link"


@dataclass(frozen=True, slots=True, kw_only=True)
class Nearby:
    """A server of this user: the address that it listens on, and its secret."""

    host: str
    port: int
    secret: str


def folder(cache: Path, host: str, port: int) -> Path:
    """The path of the secret of the server at *host* and *port*, below the folder *cache*."""
    return cache / "servers" / f"{host.strip('[]').replace(':', '_')}_{port}"


def put(cache: Path, host: str, port: int, *, secret: str, link: str) -> Path:
    """Write *secret* and *link* for this user only, and return the folder. Raises as `replace_whole`."""
    place = folder(cache, host, port)
    try:
        place.mkdir(parents=True, exist_ok=True, mode=0o700)
        for one in (place.parent, place):
            one.chmod(0o700)
    except OSError as error:
        raise Unavailable(
            f"{place} cannot be made private ({error.strerror}), so the server's secret cannot be kept"
        ) from error
    replace_whole(place / _SECRET, f"{secret}\n".encode(), mode=0o600)
    replace_whole(place / _LINK, f"{link}\n".encode(), mode=0o600)
    return place


def forget(cache: Path, host: str, port: int, *, secret: str) -> None:
    """Remove what `put` wrote, unless another server has written its own there meanwhile."""
    place = folder(cache, host, port)
    if _read(place / _SECRET) == secret:
        for name in (_SECRET, _LINK):
            (place / name).unlink(missing_ok=True)


def find(cache: Path, url: str) -> Nearby | None:
    """This user's server at *url*, or nothing.

    Only the exact address that the server listens on counts: on another address of this machine, another user may listen.
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
    """The secret in *path* that an operator chose. Raises `Refused` if others can read it, or if it is too easy to guess."""
    text = read_file(path, _MOST).decode("ascii", "replace").strip()
    if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
        raise Refused(f"other users can read {path}; run 'chmod 600 {path}'")
    if len(text) < LEAST_SECRET or not text.isascii() or not text.isprintable() or " " in text:
        raise Refused(f"the secret in {path} must have at least {LEAST_SECRET} printable ASCII characters, without spaces")
    return text


def _addresses(host: str) -> Iterable[str]:
    return (host, "127.0.0.1", "::1") if host == "localhost" else (host,)


def _read(path: Path) -> str:
    try:
        return read_file(path, _MOST).decode("ascii", "replace").strip()
    except (Refused, Unavailable, OSError):
        return ""
