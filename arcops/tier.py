"""What a run may connect to: one setting, three tiers."""

from enum import Enum


class Tier(Enum):
    """``AIR_GAPPED`` opens no connection off the machine; ``RESTRICTED`` only to named addresses; ``CONNECTED`` may
    update data.
    """

    AIR_GAPPED = "air-gapped"
    RESTRICTED = "restricted"
    CONNECTED = "connected"
