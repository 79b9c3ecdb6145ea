"""What a person may type to make evidence that is missing. It is declared beside the evidence, in `arcops.seen`."""

from __future__ import annotations

from arcops.late_dataclass import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Repair:
    """One command line of ours that makes evidence of which a collector found none.

    ``said`` are the beginnings of the collector's reasons that it repairs; the collector raises with the same constants.
    ``line`` is what is typed after ``arcops``; ``{target}`` and ``{public}`` are places that a door knows, and a word in
    capitals is a fact that only a person knows. A line of an earlier ``step`` comes first: a signature made before the SBOM
    does not cover it. ``keyless``: only if there is no signing key yet.
    """

    said: tuple[str, ...]
    line: str
    step: int
    keyless: bool = False


NO_TRUST = "the trust folder (ARCOPS_TRUST) does not exist or is not a folder"
EMPTY_TRUST = "the trust folder (ARCOPS_TRUST) holds no trust"
TRUST = (
    Repair(said=(NO_TRUST, EMPTY_TRUST), line="keys new", step=0, keyless=True),
    Repair(said=(NO_TRUST, EMPTY_TRUST), line="keys trust {public}", step=1),
)
"""For evidence that is signed: whose signatures count."""


def repairs_of(body: type[object]) -> tuple[Repair, ...]:
    """What the evidence *body* declares as ``REPAIRS``: what a person may type if it is missing."""
    found: tuple[Repair, ...] = getattr(body, "REPAIRS", ())
    return found


def unseen_of(body: type[object]) -> str:
    """How a gate that only wants the evidence *body* begins its UNKNOWN if it is missing, which it declares as ``UNSEEN``."""
    found: str = getattr(body, "UNSEEN", "")
    return found
