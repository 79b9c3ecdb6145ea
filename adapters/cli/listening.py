"""The shared options of the doors that stay open: the address that they listen at."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from arcops.asks import shaped


@dataclass(frozen=True, slots=True, kw_only=True)
class Listening:
    """The address to serve at."""

    host: str = "127.0.0.1"
    """The address to listen at; other machines can use it only with tokens."""
    port: int = 8420
    """The port to listen at; 0 takes a free one."""
    certificate: Path | None = field(default=None, metadata=shaped(option="--tls-cert"))
    """The server's certificate chain, PEM."""
    certificate_key: Path | None = field(default=None, metadata=shaped(option="--tls-key"))
    """The certificate's private key, PEM."""
    behind_proxy: bool = False
    """A proxy in front of the server ends TLS."""
