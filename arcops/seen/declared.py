"""The network as it was declared: the other side of drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arcops.evidence import Body
from arcops.seen.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared(Body):
    """The network that the declared manifests describe. It names no subject: the network that it is compared with is judged."""

    KIND: ClassVar[str] = "declared"

    network: Network
