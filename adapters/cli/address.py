"""The address to serve at, from the options of the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from socket import socket

from adapters.cli.listening import Listening
from adapters.http.bound import Bound, bind
from capabilities.place import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """The options of the command line for the address."""

    host: str
    port: int
    certificate: Path | None
    key: Path | None
    behind_proxy: bool


def address(own: Listening) -> Address:
    """The address from the options *own*."""
    return Address(
        host=own.host,
        port=own.port,
        certificate=own.certificate,
        key=own.certificate_key,
        behind_proxy=own.behind_proxy,
    )


def bound_at(address: Address, at: Place, listening: socket) -> Bound:
    """What is served at *listening*. Raises `Refused` as `bind` does."""
    return bind(
        address.host,
        listening.getsockname()[1],
        at.settings,
        certificate=address.certificate,
        key=address.key,
        behind_proxy=address.behind_proxy,
    )
