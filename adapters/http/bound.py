"""The address that the front listens at, and the host names that it answers to."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from arcops.errors import Refused
from artifacts.private_folder import refuse_if_read_by_others
from foundation.settings import Settings, is_loopback

_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """``url`` is the front's address for people and clients; ``hosts`` are the values of ``Host`` that it answers to."""

    host: str
    port: int
    url: str
    hosts: frozenset[str]
    certificate: Path | None = None
    key: Path | None = None
    behind_proxy: bool = False

    @property
    def origins(self) -> frozenset[str]:
        """The web origins whose pages may call."""
        return frozenset(f"{urlsplit(self.url).scheme}://{host}" for host in self.hosts) | {_origin(self.url)}


def bind(host: str, port: int, settings: Settings, *, certificate: Path | None, key: Path | None, behind_proxy: bool) -> Bound:
    """The address to listen at. Raises `Refused` if other machines would be served without TLS or under an unknown name."""
    if not 0 <= port <= 65535:
        raise Refused(f"the port {port} does not exist; use one from 1 to 65535, or 0 for a free one")
    if (certificate is None) != (key is None):
        raise Refused("TLS needs both a certificate and its key; give --tls-cert and --tls-key")
    if key is not None:
        _refuse_open_key(key)
    scheme = "https" if certificate else "http"
    local = is_loopback(host)
    if not local:
        if not settings.public_url:
            raise Refused(f"{host} is reached from other machines; set ARCOPS_PUBLIC_URL to the address that they use")
        if certificate is None and not behind_proxy:
            raise Refused(
                f"{host} is reached from other machines, and without TLS tokens would cross the network unencrypted; "
                "give --tls-cert and --tls-key, or --behind-proxy if a proxy ends TLS"
            )
    shown = f"[{host}]" if ":" in host else host
    hosts = {f"{one}:{port}" for one in (_LOOPBACK if local else ())}
    hosts |= {urlsplit(one).netloc.lower() for one in (settings.public_url, settings.host_address) if one}
    hosts |= {*settings.also_hosts}
    return Bound(
        host=host,
        port=port,
        url=settings.public_url.rstrip("/") or f"{scheme}://{shown}:{port}",
        hosts=frozenset(hosts),
        certificate=certificate,
        key=key,
        behind_proxy=behind_proxy,
    )


def _refuse_open_key(key: Path) -> None:
    """Raise `Refused` if others can read the file *key*; what else is wrong with it is found when it is used."""
    try:
        descriptor = os.open(key, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise Refused(f"the key {key} of --tls-key cannot be read: {error.strerror}") from error
    try:
        refuse_if_read_by_others(key, descriptor)
    finally:
        os.close(descriptor)


def _origin(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.lower()}"
