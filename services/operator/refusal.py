"""Why a resource gets no objects: one reason for programs, one sentence for people."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Reason(StrEnum):
    """The reason of a condition, in one word."""

    INVALID = "InvalidSpec"
    DISABLED = "FeatureDisabled"
    IMAGE = "ImageNotAllowed"
    NOT_ENFORCEABLE = "NotEnforceable"
    NOT_ALLOWED = "NotAllowedHere"
    UNSAFE = "UnsafePod"
    MISSING = "ReferenceMissing"
    ENTRY_POINT = "EntryPointUnknown"
    NAME_TAKEN = "NameTaken"
    WAITING = "Waiting"
    HANDSHAKE = "HandshakeFailed"
    ROLLING = "Rolling"
    READY = "Ready"
    STOPPED = "ScaledToZero"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """``stops``: what runs already may not go on, so its pods are removed, too."""

    reason: Reason
    text: str
    stops: bool = False
