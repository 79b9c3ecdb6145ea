"""How much of the world a run may reach: one setting, three tiers."""

from enum import Enum


class Tier(Enum):
    """``AIR_GAPPED`` opens no socket off the machine; ``RESTRICTED`` only to what somebody named; ``CONNECTED`` may update."""

    AIR_GAPPED = "air-gapped"
    RESTRICTED = "restricted"
    CONNECTED = "connected"
