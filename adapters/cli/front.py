"""``arcops front switch``: send callers to the other slot of a site's front on Kubernetes, and back if it is not good."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from adapters.cli.commands import Given, command, group
from arcops.asks import shaped
from arcops.tier import Tier

FRONT = group("front", "The front of a site on Kubernetes, as the chart installs it.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Switching:
    """The options of ``front switch``."""

    slot: str = field(metadata=shaped(positional=True, title="SLOT"))
    """The slot to send callers to, such as green."""
    smoke: Path
    """A model at the server, as the new slot sees its path, which it must judge GREEN."""
    smoke_policy: str = "sovereign"
    """The policy of that check: the name or the digest of one that the server has."""
    service: str = "arcops-front"
    """The Service of the front: RELEASE-front."""
    namespace: str = "arcops"
    """Its namespace."""
    address: tuple[str, ...] = field(default=(), metadata=shaped(option="--address"))
    """SLOT=URL, the address of a slot alone; repeatable. By default https://SERVICE-SLOT.NAMESPACE.svc."""
    wait_seconds: int = 600
    """How long the new slot may take to become good before it is given up."""
    watch_seconds: int = 300
    """How long it is watched after callers were sent to it."""
    every_seconds: int = 15
    """How long to rest between two looks."""
    context: str = ""
    """The context of the kubeconfig; in a pod, its service account if this is empty."""
    kubeconfig: Path | None = None
    """The kubeconfig; by default, your own."""
    tier: Tier | None = None
    """How far it may connect; a cluster needs restricted [environment: ARCOPS_TIER]."""


@command(
    "front switch",
    own=Switching,
    example="green --service site-front --smoke /models/small --context dev --tier restricted",
)
def switch(given: Given[None, None, Switching]) -> int:
    """Send callers to a slot once it is ready and judges a known model GREEN; watch it, and send them back if it is not good.

    Exit code 0: it is live and stayed good; 3: it is not, and why. Killed, one slot is live, and the same command goes on.
    """
    from adapters.cli import front_switching

    return front_switching.run(given.own)
