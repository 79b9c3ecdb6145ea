"""Check any configuration service against AC-1 to AC-5 of the specification, by its address."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field

from arcops.asks import shaped
from arcops.errors import Refused
from capabilities.client.place import MOST_DRAFT
from capabilities.contract import Scope, always, tool
from flows.place import Place

_MOST_KEY = 64 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckClientService:
    """Which service to check, with which tokens, and whether anything may be published there."""

    url: str = field(metadata=shaped(least=1, most=500))
    """The address of the service, such as https://conf.example.com."""
    tokens: str = field(default="", metadata=shaped(most=100))
    """The beginning of the names of environment variables with tokens: env:CONF_ means CONF_READER, CONF_PUBLISHER and
    CONF_AUDITOR. Only on the machine's own command line.
    """
    keys: tuple[str, ...] = field(default=(), metadata=shaped(option="--key", text_of=_MOST_KEY, most=100))
    """Public keys (PEM) that the service's artifacts must be signed with; else those that the service names itself."""
    draft: str = field(default="", metadata=shaped(text_of=MOST_DRAFT))
    """A draft that the service accepts; the kit publishes it with changes."""
    read_only: bool = False
    """Publish nothing: for a service of others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceChecked:
    """A question, with yes, no or "not asked", and the evidence."""

    id: str
    asks: str
    result: str
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceReport:
    """The checks, as values, as JUnit, and as the page of a request for proposals."""

    conforms: bool
    checks: tuple[ConformanceChecked, ...]
    junit: str
    page: str


@tool(title="Check a configuration service", scope=Scope.CHECK, connects=always, long=True)
def check_client_service(ask: CheckClientService, at: Place) -> ConformanceReport:
    """Check a configuration service of any maker against AC-1 to AC-5, and fill in the checklist with evidence.

    Unless it is asked to read only, it publishes a few versions of the given draft there.
    """
    from artifacts.public_key import load_public_key
    from services.config.fetching import asking
    from services.config.kit.asking import Service
    from services.config.kit.running import conforms, junit, page, run

    if at.remote and ask.tokens:
        raise Refused("a caller over the network cannot use tokens of this server; run the kit on a machine that has them")
    service = Service(
        transport=asking(ask.url, at.settings.tier),
        tokens=_tokens(ask.tokens, os.environ),
        keys=tuple(load_public_key(one.encode(), where="--key") for one in ask.keys),
        read_only=ask.read_only or not ask.draft,
        draft=ask.draft,
    )
    found = run(service, at.now())
    return ConformanceReport(
        conforms=conforms(found),
        checks=tuple(ConformanceChecked(id=one.id, asks=one.asks, result=one.result.value, said=one.said) for one in found),
        junit=junit(found),
        page=page(found, ask.url, at.now()),
    )


def _tokens(named: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The tokens by role, from the variables that *named* begins."""
    if not named:
        return {}
    scheme, _, prefix = named.partition(":")
    if scheme != "env" or not prefix:
        raise Refused("tokens are named by the beginning of environment variables: --tokens env:CONF_")
    found = {role: environment.get(f"{prefix}{role.upper()}", "") for role in ("reader", "publisher", "auditor")}
    if not any(found.values()):
        raise Refused(f"none of {prefix}READER, {prefix}PUBLISHER and {prefix}AUDITOR is set")
    return {role: token for role, token in found.items() if token}
