"""Reads what NVIDIA's drivers write to the kernel's messages about faults of GPUs (XIDs) and of NVLink switches (SXids)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NamedTuple

from arcops.seen.gpu_log import SxidLogged, XidLogged

Line = tuple[int, str]
"""Seconds since boot, and the message."""

_PLACE = r"\((?:PCI:)?([0-9a-fA-F]{1,8}):([0-9a-fA-F]{2}):([0-9a-fA-F]{2})(?:\.([0-7]))?\): ([0-9]{1,6})\b[,:]?\s*"
_XID = re.compile(rf"NVRM: Xid {_PLACE}(.*)")
_SXID = re.compile(rf"SXid {_PLACE}(Fatal|Non-fatal)\b[,:]?\s*(.*)")
_SXID_DETAIL = re.compile(rf"SXid {_PLACE}(?:Severity|Data)\b")
_FATAL = re.compile(r"\bFatal\b")  # only the XIDs of newer NVLinks say so; for the others the number tells
_MOST_TEXT = 120


class _Name(NamedTuple):
    switch: bool
    pci: str
    number: int
    fatal: bool


@dataclass(slots=True)
class _Fault:
    count: int = 0
    seconds: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Faults:
    """``unclear`` counts the lines that report a fault but cannot be read."""

    xids: tuple[XidLogged, ...]
    sxids: tuple[SxidLogged, ...]
    unclear: int


def faults(lines: Iterable[Line]) -> Faults:
    """Every fault in *lines*, once for each device, number and severity."""
    found: dict[_Name, _Fault] = {}
    unclear = 0
    for seconds, line in lines:
        if "NVRM: Xid" not in line and "SXid" not in line:
            continue
        read = _read(line)
        if read is None:
            unclear += _SXID_DETAIL.search(line) is None
            continue
        name, text = read
        fault = found.setdefault(name, _Fault())
        fault.count += 1
        fault.seconds = seconds
        fault.text = "".join(character for character in text if character.isprintable())[:_MOST_TEXT]
    named = sorted(found.items())
    return Faults(
        xids=tuple(
            XidLogged(pci=name.pci, xid=name.number, fatal=name.fatal, count=one.count, seconds=one.seconds, text=one.text)
            for name, one in named
            if not name.switch
        ),
        sxids=tuple(
            SxidLogged(pci=name.pci, sxid=name.number, fatal=name.fatal, count=one.count, seconds=one.seconds, text=one.text)
            for name, one in named
            if name.switch
        ),
        unclear=unclear,
    )


def _read(line: str) -> tuple[_Name, str] | None:
    if match := _XID.search(line):
        *place, number, text = match.groups()
        return _Name(switch=False, pci=_pci(*place), number=int(number), fatal=bool(_FATAL.search(text))), text
    if match := _SXID.search(line):
        *place, number, gravity, text = match.groups()
        return _Name(switch=True, pci=_pci(*place), number=int(number), fatal=gravity == "Fatal"), text
    return None


def _pci(domain: str, bus: str, slot: str, function: str | None) -> str:
    return f"{int(domain, 16):08x}:{bus.lower()}:{slot.lower()}.{function or 0}"
