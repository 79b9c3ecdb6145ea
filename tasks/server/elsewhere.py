"""What a server of another machine says when it is asked for the first time, as its row asks it: the tier must reach it."""

from __future__ import annotations

import os

from arcops.header import header_of
from arcops.request import Request
from foundation.egress.permission import permitted
from foundation.secrets import referred
from tasks.server.addresses import authorities_at, installed_address
from tasks.server.case import TREE, Case
from tasks.server.client_credentials import credentials_in, headers_in, token_for
from tasks.server.first_words import Heard, first_words, heard_in_both_ways
from tasks.server.over_http import PURPOSE, Listened, Posted

_SECONDS = 30.0


def heard_elsewhere(request: Request, case: Case) -> tuple[Heard, list[str]]:
    """What it offers, and what it said that is no message. Secrets of the row are looked up now, and are in no evidence.

    Raises as `first_words`, and `Refused` if the tier does not reach it, or a secret is not there.
    """
    address = installed_address(request.target / TREE, case.lock.package, case.lock.text)
    stray: list[str] = []
    sse = address.transport == "sse"  # a transport of 2024-11-05

    def ask(heard: Heard, *, modern: bool, able: bool) -> None:
        with _talk(request, case, address.url, Listened if sse else Posted) as talk:
            try:
                first_words(talk, heard, modern=modern, able=able)
            finally:
                stray.extend(talk.stray)

    return heard_in_both_ways(ask, modern=not sse), stray


def _talk(request: Request, case: Case, url: str, way: type[Posted | Listened]) -> Posted | Listened:
    permitted(request.tier, url, PURPOSE)  # before a secret is looked up for it
    headers = dict(one.partition("=")[::2] for one in case.environment)
    given = dict(one.partition("=")[::2] for one in case.launching.environment)
    secrets = {}
    for one in case.launching.secrets:
        variable, _, reference = one.partition("=")
        secrets[variable] = referred(os.environ, reference, f"secret {variable}", tier=request.tier)
    headers |= {header_of(variable): value for variable, value in headers_in(secrets).items()}
    credentials = credentials_in({**given, **secrets}, url)
    if credentials is not None:
        headers["authorization"] = f"Bearer {token_for(credentials, tier=request.tier, now=request.now.timestamp()).text}"
    return way(
        url=url,
        tier=request.tier,
        headers=headers,
        seconds=_SECONDS,
        alive=lambda: request.progress(0, 0),
        authorities=authorities_at(os.environ.get("ARCOPS_HOST_AUTHORITIES", "")),
    )
