"""Messages of the kernel that tell of a lost or broken NVIDIA device without giving it a number (an XID).

The wordings are those of NVIDIA's open kernel modules (``osinit.c``, ``kernel_gsp.c``) and of Linux's PCI core (``aer.c``,
``dpc.c``, ``err.c``, ``pci.c``), in their older and newer forms.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

from arcops.seen.gpu_log import Sign, SignLogged

_ADDRESS = r"(?:[0-9a-fA-F]{1,8}:)?[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?"
_NAMED = re.compile(r"(?<![0-9a-zA-Z:.])(?:PCI:)?([0-9a-fA-F]{4,8}:[0-9a-fA-F]{2}:[0-9a-fA-F]{2}(?:\.[0-7])?)(?![0-9a-fA-F])")
_OF_DRIVER = re.compile(rf"\bnvidia[-_a-z0-9]* ({_ADDRESS}): ")
_ENUMERATED = re.compile(rf"\bpci ({_ADDRESS}): \[10de:[0-9a-fA-F]{{4}}\] type [0-9a-fA-F]{{2}} class 0x03")

_SIGNS = (
    (Sign.FALLEN, re.compile(r"NVRM:.*(?:fallen off the bus|lost from the bus|NV_ERR_GPU_IS_LOST)")),
    (Sign.NOT_STARTED, re.compile(r"NVRM:.*(?:\bRmInitAdapter failed|\brm_init_adapter failed)")),
    (Sign.NOT_STARTED, re.compile(r"NVRM:.*\bCannot initialize GSP firmware RM\b")),
    (Sign.NOT_STARTED, re.compile(r"NVRM: The NVIDIA probe routine failed for")),
    (Sign.NOT_STARTED, re.compile(rf"\bnvidia[-_a-z0-9]* {_ADDRESS}: probe with driver nvidia\S* failed with error")),
    (Sign.NOT_STARTED, re.compile(rf"\bnvidia[-_a-z0-9]*: probe of {_ADDRESS} failed with error")),
    (Sign.UNPOWERED, re.compile(rf"\bnvidia {_ADDRESS}: .*change power state from \S+ to D0")),
    (Sign.MEMORY_MANAGER, re.compile(r"\buvm encountered global fatal error\b")),
    (Sign.INFOROM, re.compile(r"\binfoROM is corrupted\b", re.IGNORECASE)),
    (Sign.FIRMWARE, re.compile(r"NVRM:.*\bheartbeat timed out\b", re.IGNORECASE)),
    # The driver checks everywhere that a status is good "|| status == NV_ERR_…"; only what is returned tells of a fault.
    (Sign.STUCK, re.compile(r"NVRM:.*(?:\[NV_ERR_RESET_REQUIRED\]|\bReset required\b)")),
    (Sign.STUCK, re.compile(r"NVRM:.*\bGPU is probably locked\b")),
    (Sign.STUCK, re.compile(r"NVRM:.*\bTimeout (?:after \d+s of )?waiting for RPC (?:response )?from GPU")),
)
_FATAL_RECEIVED = re.compile(
    rf"\bAER: (?:Multiple )?Uncorrect(?:ed|able) \(Fatal\) error (?:message )?received(?: from|:) ({_ADDRESS})"
)
_FATAL_OF = re.compile(rf"\S+ ({_ADDRESS}): (?:AER: )?PCIe Bus Error: severity=Uncorrect(?:ed|able) \(Fatal\)")
_FATAL_CONTAINED = re.compile(rf"\bDPC: .*\bERR_FATAL received from ({_ADDRESS})")
_CONTAINED = re.compile(
    rf"\S+ ({_ADDRESS}): (?:AER: )?DPC: containment event, status:0x[0-9a-fA-F]+,? source:0x([0-9a-fA-F]{{4}})\b"
)
"""The port that cut the link, and the device that caused it: its bus, slot and function in 16 bits."""

_BEGINS = re.compile(rf"NVRM: The NVIDIA GPU ({_ADDRESS})\s*$")
"""The first of three lines, of which only the last says what happened."""

_MOST_TEXT = 120


def full_address(text: str) -> str:
    """``3b:00``, ``PCI:0000:3B:00.0`` … as ``00000000:3b:00.0``."""
    domain, bus, rest = ["0", *text.removeprefix("PCI:").split(":")][-3:]
    slot, _, function = rest.partition(".")
    return f"{int(domain, 16):08x}:{bus.lower()}:{slot.lower()}.{function or 0}"


def _requester(port: str, number: int) -> str:
    """The address of the device with this *number*, in the domain of *port*."""
    domain = full_address(port).partition(":")[0]
    return f"{domain}:{number >> 8:02x}:{number >> 3 & 0x1F:02x}.{number & 7}"


def enumerated(line: str) -> str:
    """The address of the NVIDIA GPU that the kernel says, in *line*, that it found on the PCI bus; else empty."""
    match = _ENUMERATED.search(line)
    return full_address(match[1]) if match else ""


@dataclass(slots=True)
class _Told:
    count: int = 0
    seconds: int = 0
    text: str = ""


@dataclass(slots=True)
class Signs:
    """Takes the messages in order. *devices* are the addresses of NVIDIA's devices, as far as they are known before."""

    devices: Collection[str]
    _known: set[str] = field(default_factory=set)
    _told: dict[tuple[str, Sign], _Told] = field(default_factory=dict)
    _begun: str = ""

    def know(self, pci: str) -> None:
        """*pci* is the address of an NVIDIA device."""
        self._known.add(pci)

    def take(self, seconds: int, line: str) -> None:
        if begun := _BEGINS.search(line):
            self._begun = full_address(begun[1])
        if of := (_OF_DRIVER.search(line) or _ENUMERATED.search(line)):
            self._known.add(full_address(of[1]))
        if fatal := (_FATAL_RECEIVED.search(line) or _FATAL_OF.search(line) or _FATAL_CONTAINED.search(line)):
            self._tell(full_address(fatal[1]), Sign.PCIE, seconds, line)
        elif cut := _CONTAINED.search(line):
            self._tell(_requester(cut[1], int(cut[2], 16)), Sign.PCIE, seconds, line)
        for sign, pattern in _SIGNS:
            if pattern.search(line):
                self._tell(self._place(line), sign, seconds, line)
                return

    def _place(self, line: str) -> str:
        named = _NAMED.search(line)
        if named:
            pci = full_address(named[1])
            self._known.add(pci)
            return pci
        begun, self._begun = self._begun, ""
        return begun

    def _tell(self, pci: str, sign: Sign, seconds: int, line: str) -> None:
        told = self._told.setdefault((pci, sign), _Told())
        told.count += 1
        told.seconds = seconds
        told.text = "".join(character for character in line.strip() if character.isprintable())[:_MOST_TEXT]

    def found(self) -> tuple[SignLogged, ...]:
        """What was told of NVIDIA's devices."""
        ours = self._known | set(self.devices)
        return tuple(
            SignLogged(pci=pci, sign=sign, count=told.count, seconds=told.seconds, text=told.text)
            for (pci, sign), told in sorted(self._told.items(), key=lambda one: (one[0][0], one[0][1].value))
            if sign is not Sign.PCIE or pci in ours
        )
