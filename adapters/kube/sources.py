"""What a pass is told that no watch says: the site, the verdicts on images, the handshakes."""

from __future__ import annotations

from typing import Protocol

from services.operator.observed import Handshake
from services.operator.resource import ServerResource
from services.operator.sidecar import TrustedIssuer
from services.operator.site import Site
from services.operator.verdicts import Verdicts


class Sources(Protocol):
    """Where the operator takes it from. Each may be asked from several threads."""

    def site(self) -> Site:
        """The cluster's settings."""

    def verdicts(self) -> Verdicts:
        """What the gate says of images."""

    def keys(self, issuer: TrustedIssuer) -> bytes:
        """The key set of an *issuer* other than the cluster itself. Raises `ArcOpsError` if it does not give one."""

    def shake(self, resource: ServerResource, addresses: tuple[str, ...], of: int) -> Handshake:
        """Ask a server: one of its pods' *addresses*, or for a remote server its URL. *of* is the generation that is asked."""
