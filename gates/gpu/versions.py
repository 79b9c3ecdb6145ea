"""Versions of firmware, drivers and CUDA, to be compared."""

from __future__ import annotations

import re

from arcops.errors import Refused

_VERSION = re.compile(r"[0-9]+(?:\.[0-9]+)*")
_FIRMWARE = re.compile(r"[0-9A-Fa-f]+(?:\.[0-9A-Fa-f]+)*")


def version(text: str) -> tuple[int, ...] | None:
    """A driver's version, such as ``580.95.05``, to be compared; ``None`` if *text* is not a version."""
    return tuple(int(part) for part in text.split(".")) if _VERSION.fullmatch(text) and len(text) < 100 else None


def firmware(text: str) -> tuple[int, ...] | None:
    """A VBIOS version, such as ``96.00.A5.00.01``, whose parts are hexadecimal; ``None`` if *text* is not a version."""
    return tuple(int(part, 16) for part in text.split(".")) if _FIRMWARE.fullmatch(text) and len(text) < 100 else None


def cuda_number(text: str) -> int:
    """``12.4`` as NVIDIA's library writes it: 12040. Raises `Refused` if *text* is not such a version."""
    match = re.fullmatch(r"([0-9]{1,3})\.([0-9]{1,2})", text)
    if match is None:
        raise Refused(f"{text[:50]!r} is not a CUDA version; write it as 12.4")
    return int(match[1]) * 1000 + int(match[2]) * 10


def cuda_text(number: int) -> str:
    """12040 as ``12.4``."""
    return f"{number // 1000}.{number % 1000 // 10}"
