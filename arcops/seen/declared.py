"""What somebody declared that a network should be: the other side of drift."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from arcops.evidence import Body
from arcops.seen.network import Network


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared(Body):
    """The network that the declared manifests describe. It names no subject: judged is what it is compared with."""

    KIND: ClassVar[str] = "declared"

    network: Network
