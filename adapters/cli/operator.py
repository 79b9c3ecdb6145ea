"""``arcops operator run``: the operator of MCP servers on Kubernetes, against a cluster."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adapters.cli.commands import Given, command
from arcops.asks import shaped
from arcops.tier import Tier


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """The options of ``operator run``."""

    settings: Path
    """The operator's settings (YAML): what this cluster can enforce, and what each namespace may be given."""
    context: str = ""
    """The context of the kubeconfig; in a pod, its service account if this is empty."""
    kubeconfig: Path | None = None
    """The kubeconfig; by default, your own."""
    image_signers: tuple[str, ...] = field(default=(), metadata=shaped(option="--image-signer"))
    """The id of a key that may judge images; repeatable. Without it, this place's own key."""
    image_amber: bool = False
    """Let images run that were judged AMBER."""
    host: str = "127.0.0.1"
    """The address to listen at; in a pod, 0.0.0.0."""
    port: int | None = None
    """The port for probes and metrics; without it, none is opened."""
    discovery_port: int | None = None
    """The port at which callers find the servers that they may list, over TLS; without it, none is opened."""
    tls_cert: Path | None = None
    """The certificate chain for the discovery, PEM."""
    tls_key: Path | None = None
    """Its private key, PEM."""
    tier: Tier | None = None
    """How far it may connect; a cluster needs restricted [environment: ARCOPS_TIER]."""


@command("operator run", own=Running, example="--context dev --settings operator.yaml --tier restricted")
def run(given: Given[None, None, Running]) -> None:
    """Run the operator against a cluster until a signal ends it. Of several, one leads."""
    from adapters.cli import operating

    operating.run(given.own)
