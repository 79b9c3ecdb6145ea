"""The commands that stay open: ``mcp``, ``web`` and ``server``."""

from __future__ import annotations

from dataclasses import dataclass, field

from adapters.cli.commands import Given, command
from adapters.cli.listening import Listening
from arcops.asks import shaped
from arcops.tier import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingPages(Listening):
    """The options of ``web``."""

    reload: bool = False
    """Restart when the source changes: for development."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingTools(ServingPages):
    """The options of ``mcp``."""

    tools: tuple[str, ...] = field(default=(), metadata=shaped(commas=True, title="NAMES"))
    """The toolsets or tools that are listed, such as check,network: all, usual, check, or what a tool is about."""
    allow: tuple[str, ...] = field(default=(), metadata=shaped(commas=True, title="SCOPES"))
    """What callers may do besides looking and checking: publish, waive, connect, trust. Over HTTP: no more than these."""
    http: bool = False
    """Serve streamable HTTP at /mcp, instead of standard input and output."""
    key: str = ""
    """Signing key: a file, env:NAME, or a PKCS#11 or cloud KMS URI [environment: ARCOPS_KEY]."""
    tier: Tier | None = None
    """How far runs may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServingAll(Listening):
    """The options of ``server``."""

    worker: bool = True
    """Also run a Prefect worker on this machine."""
    key: str = ""
    """Signing key: a file, env:NAME, or a PKCS#11 or cloud KMS URI [environment: ARCOPS_KEY]."""
    tier: Tier | None = None
    """How far runs may connect; air-gapped if nothing else is set [environment: ARCOPS_TIER]."""


@command("mcp", own=ServingTools, example="--http --port 8420")
def mcp(given: Given[None, None, ServingTools]) -> None:
    """Serve the capabilities as MCP tools: to the client that started this, or over HTTP. Callers may look and check, and over
    standard streams only what --allow names besides.
    """
    own = given.own
    if own.http:
        from adapters.cli import serving
        from adapters.cli.address import address

        serving.mcp(address(own), own.key, own.tier, tools=own.tools, allow=own.allow, reload=own.reload)
    else:
        from adapters.cli import streams

        streams.stdio(own.key, own.tier, tools=own.tools, allow=own.allow)


@command("web", own=ServingPages, example="--port 8420")
def web(given: Given[None, None, ServingPages]) -> None:
    """Serve the evidence pages: every artifact with its findings, evidence, signature and ledger proof."""
    from adapters.cli import serving
    from adapters.cli.address import address

    serving.web(address(given.own), reload=given.own.reload)


@command("server", own=ServingAll, example="--port 8420")
def server(given: Given[None, None, ServingAll]) -> None:
    """Serve everything at one address: the evidence pages, MCP, and Prefect. Long checks then run in Prefect."""
    from adapters.cli import serving
    from adapters.cli.address import address

    own = given.own
    serving.server(address(own), own.key, own.tier, worker=own.worker)
