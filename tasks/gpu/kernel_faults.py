"""Reads what NVIDIA's drivers write to the kernel's messages about faults of GPUs (XIDs) and of NVLink switches (SXids)."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

from arcops.seen.gpu_log import SignLogged, SxidLogged, XidLogged
from tasks.gpu.kernel_signs import Signs, full_address

Line = tuple[int, str]
"""Microseconds since boot, and the message."""

_ADDRESS = r"(?:PCI:)?([0-9a-fA-F]{1,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?)"
_INSTANCE = r"((?: GPU-(?:I|CI):[0-9]{1,6}){0,2})"
_NUMBER = r": ([0-9]{1,6})\b[,:]?\s*"
_XID = re.compile(rf"NVRM: Xid \({_ADDRESS}{_INSTANCE}\){_NUMBER}(.*)")
_SXID = re.compile(rf"SXid \({_ADDRESS}\){_NUMBER}(Fatal|Non-fatal)\b[,:]?\s*(.*)")
_SXID_DETAIL = re.compile(rf"SXid \({_ADDRESS}\){_NUMBER}(?:Severity|Data)\b")
_FATAL = re.compile(r"\bFatal\b")  # only the XIDs of newer NVLinks say so; for the others the number tells
_MILD = re.compile(r"\bNon-?fatal\b", re.IGNORECASE)
_CAUSE = re.compile(r"caused by previous Xid ([0-9]{1,6})\b")
_RECOVERY = re.compile(r"recovery action changed from 0x[0-9a-fA-F]+ \([^()]*\) to 0x[0-9a-fA-F]+ \(([^()]*)\)")
_RECOVERY_XID = 154
_MOST_TEXT = 120


class _Name(NamedTuple):
    switch: bool
    pci: str
    number: int
    fatal: bool
    mild: bool = False
    instance: str = ""
    recovery: str = ""
    told: bool = False


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
    signs: tuple[SignLogged, ...]


def faults(lines: Iterable[Line], devices: Collection[str] = ()) -> Faults:
    """Every fault in *lines*, once for each device, number and severity. *devices* are the addresses of NVIDIA's devices: a
    PCIe error of another device is not about a GPU.
    """
    found: dict[_Name, _Fault] = {}
    signs = Signs(devices)
    unclear = 0
    for moment, message in lines:
        seconds = moment // 1_000_000
        for line in message.split("\n"):
            if "NVRM: Xid" not in line and "SXid" not in line:
                signs.take(seconds, line)
                continue
            read = _read(line)
            if read is None:
                unclear += _SXID_DETAIL.search(line) is None
                continue
            name, text = read
            signs.know(name.pci)
            _count(found, name, seconds, text)
            if cause := _CAUSE.search(text):
                other = _Name(switch=False, pci=name.pci, number=int(cause[1]), fatal=False, told=True)
                _count(found, other, seconds, text)
    named = sorted((name, fault) for name, fault in found.items() if not _known_better(name, found))
    return Faults(xids=tuple(_xids(named)), sxids=tuple(_sxids(named)), unclear=unclear, signs=signs.found())


def _count(found: dict[_Name, _Fault], name: _Name, seconds: int, text: str) -> None:
    fault = found.setdefault(name, _Fault())
    fault.count += 1
    fault.seconds = seconds
    fault.text = "".join(character for character in text if character.isprintable())[:_MOST_TEXT]


def _known_better(name: _Name, found: dict[_Name, _Fault]) -> bool:
    """Is *name* only told as the cause of another fault, while its own message is here, too?"""
    return name.told and any(not one.told and (one.pci, one.number) == (name.pci, name.number) for one in found)


def _xids(named: list[tuple[_Name, _Fault]]) -> Iterator[XidLogged]:
    for name, one in named:
        if not name.switch:
            yield XidLogged(
                pci=name.pci,
                xid=name.number,
                fatal=name.fatal,
                count=one.count,
                seconds=one.seconds,
                text=one.text,
                instance=name.instance,
                recovery=name.recovery,
                mild=name.mild,
                told=name.told,
            )


def _sxids(named: list[tuple[_Name, _Fault]]) -> Iterator[SxidLogged]:
    for name, one in named:
        if name.switch:
            yield SxidLogged(
                pci=name.pci, sxid=name.number, fatal=name.fatal, count=one.count, seconds=one.seconds, text=one.text
            )


def _read(line: str) -> tuple[_Name, str] | None:
    if match := _XID.search(line):
        place, instance, number, text = match.groups()
        recovery = _RECOVERY.search(text) if int(number) == _RECOVERY_XID else None
        return _Name(
            switch=False,
            pci=full_address(place),
            number=int(number),
            fatal=bool(_FATAL.search(text)) and not _MILD.search(text),
            mild=bool(_MILD.search(text)),
            instance=instance.strip(),
            recovery=recovery[1].strip() if recovery else "",
        ), text
    if match := _SXID.search(line):
        place, number, gravity, text = match.groups()
        return _Name(switch=True, pci=full_address(place), number=int(number), fatal=gravity == "Fatal"), text
    return None
