"""The commands that stay open: ``mcp``, ``web`` and ``server``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from adapters.cli.exits import said_in_one_sentence
from adapters.cli.options import Key, TierName, path

app = typer.Typer()

Host = Annotated[str, typer.Option(help="The address to listen at; other machines reach it only with tokens.")]
Port = Annotated[int, typer.Option(help="The port to listen at; 0 takes a free one.")]
Certificate = Annotated[
    Path | None, typer.Option("--tls-cert", parser=path, help="The server's certificate chain, PEM.", show_default=False)
]
CertificateKey = Annotated[
    Path | None, typer.Option("--tls-key", parser=path, help="The certificate's private key, PEM.", show_default=False)
]
BehindProxy = Annotated[bool, typer.Option("--behind-proxy", help="A proxy in front ends TLS.")]
Reload = Annotated[bool, typer.Option("--reload", help="Begin anew when the source changes: for development.")]
Tier = Annotated[TierName | None, typer.Option("--tier", help="How far runs may reach.", show_default="air-gapped")]


@app.command()
def mcp(
    http: Annotated[
        bool, typer.Option("--http", help="Serve streamable HTTP at /mcp, instead of standard input and output.")
    ] = False,
    host: Host = "127.0.0.1",
    port: Port = 8420,
    tls_cert: Certificate = None,
    tls_key: CertificateKey = None,
    behind_proxy: BehindProxy = False,
    reload: Reload = False,
    key: Key = "",
    tier: Tier = None,
) -> None:
    """Serve every capability as an MCP tool: to the client that started this, or over HTTP."""
    with said_in_one_sentence():
        from adapters.cli import serving

        named = tier.value if tier else ""
        if http:
            address = serving.Address(host=host, port=port, certificate=tls_cert, key=tls_key, behind_proxy=behind_proxy)
            serving.mcp(address, key, named, reload=reload)
        else:
            serving.stdio(key, named)


@app.command()
def web(
    host: Host = "127.0.0.1",
    port: Port = 8420,
    tls_cert: Certificate = None,
    tls_key: CertificateKey = None,
    behind_proxy: BehindProxy = False,
    reload: Reload = False,
) -> None:
    """Serve the evidence pages: every artifact with its findings, evidence, signature and ledger proof."""
    with said_in_one_sentence():
        from adapters.cli import serving

        address = serving.Address(host=host, port=port, certificate=tls_cert, key=tls_key, behind_proxy=behind_proxy)
        serving.web(address, "", reload=reload)


@app.command("server")
def server_(
    host: Host = "127.0.0.1",
    port: Port = 8420,
    tls_cert: Certificate = None,
    tls_key: CertificateKey = None,
    behind_proxy: BehindProxy = False,
    worker: Annotated[bool, typer.Option("--worker/--no-worker", help="Also run a Prefect worker on this machine.")] = True,
    key: Key = "",
    tier: Tier = None,
) -> None:
    """Serve everything at one address: the evidence pages, MCP, and Prefect, which long checks are then handed to."""
    with said_in_one_sentence():
        from adapters.cli import serving

        address = serving.Address(host=host, port=port, certificate=tls_cert, key=tls_key, behind_proxy=behind_proxy)
        serving.server(address, key, tier.value if tier else "", worker=worker)
