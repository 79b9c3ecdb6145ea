"""``arcops operator run``: the operator of MCP servers on Kubernetes, against a cluster."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from adapters.cli.commands import Given, command
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
    tier: Tier | None = None
    """How far it may connect; a cluster needs restricted [environment: ARCOPS_TIER]."""


@command("operator run", own=Running, example="--context dev --settings operator.yaml --tier restricted")
def run(given: Given[None, None, Running]) -> None:
    """Run the operator against a cluster until a signal ends it. Of several, one leads."""
    from adapters.cli import operating

    operating.run(given.own)
