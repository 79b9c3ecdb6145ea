"""``arcops mcp``, ``web`` and ``server``: the doors that stay open."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from adapters.cli import surroundings
from adapters.front.app import Part, front
from adapters.front.bound import Bound, bind
from adapters.front.serve import listen, serve
from adapters.tools.contract import Place
from foundation.settings import is_loopback
from foundation.tokens import Tokens, fetched, read_issuer


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """What the command line says of where to serve."""

    host: str
    port: int
    certificate: Path | None
    key: Path | None
    behind_proxy: bool


def stdio(key: str, tier: str) -> None:
    from adapters.mcp.stdio import serve as serve_stdio

    at = surroundings.place(tier, key)
    serve_stdio(replace(at, roots=at.settings.roots or None))


def mcp(address: Address, key: str, tier: str) -> None:
    _serve(address, key, tier, "MCP", [_mcp])


Maker = Callable[[Place, Bound, "Tokens | None"], Part]


def _serve(address: Address, key: str, tier: str, what: str, makers: Sequence[Maker]) -> None:
    at = surroundings.place(tier, key)
    listening = listen(address.host, address.port)
    try:
        bound = bind(
            address.host,
            listening.getsockname()[1],
            at.settings,
            certificate=address.certificate,
            key=address.key,
            behind_proxy=address.behind_proxy,
        )
        issuer = read_issuer(os.environ, at.settings.tier, f"{bound.url}/mcp")
        tokens = Tokens(issuer=issuer, now=time.time, fetch=fetched) if issuer else None
        if tokens is None and not is_loopback(address.host):
            print(
                f"arcops: no ARCOPS_OIDC_ISSUER is set, so requests from other machines to {address.host} are refused",
                file=sys.stderr,
            )
        # Whoever is on this machine without a token is taken for this user; who comes with one sees what the operator serves.
        at = replace(at, roots=at.settings.roots if tokens else at.settings.roots or None)
        app = front([make(at, bound, tokens) for make in makers], bound)
        print(f"arcops: {what} at {bound.url}", file=sys.stderr, flush=True)
        serve(app, bound, listening)
    finally:
        listening.close()


def _mcp(at: Place, bound: Bound, tokens: Tokens | None) -> Part:
    from adapters.mcp.app import endpoint

    found = endpoint(at, tokens=tokens, resource=f"{bound.url}/mcp")
    return Part(routes=found.routes, running=found.running)
