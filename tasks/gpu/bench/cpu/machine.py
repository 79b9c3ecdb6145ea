"""What the kernel tells of the processor: its model, its caches, its clocks and the memory that may be used."""

from __future__ import annotations

import os
import platform
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ROOT = Path("/")
_CPUS = Path("sys/devices/system/cpu")
_UNITS = {"": 1, "K": 1024, "M": 1024**2, "G": 1024**3}
_UNKNOWN_CACHE = 64 * 1024**2


@dataclass(frozen=True, slots=True, kw_only=True)
class HostMachine:
    """``cpus`` are the processors that this process may use. ``cache`` is the last level of all of them together, in bytes,
    and ``cache_said`` is empty if the kernel told it. ``memory`` is what may be used, in bytes.
    """

    model: str
    cpus: tuple[int, ...]
    cache: int
    cache_said: str
    memory: int


def host(root: Path = ROOT) -> HostMachine:
    """This machine, by the files below *root*."""
    cpus = tuple(sorted(os.sched_getaffinity(0))) if hasattr(os, "sched_getaffinity") else tuple(range(os.cpu_count() or 1))
    cache = _last_level(root, cpus)
    return HostMachine(
        model=f"{_model(root)}, {len(cpus)} processors",
        cpus=cpus,
        cache=cache or _UNKNOWN_CACHE,
        cache_said="" if cache else "assumed: the kernel does not tell the size",
        memory=_memory(root),
    )


def clock(cpus: tuple[int, ...], root: Path = ROOT) -> int | None:
    """The slowest of *cpus* in MHz; ``None`` if the kernel does not tell it, as in most virtual machines."""
    told = [_number(root / _CPUS / f"cpu{cpu}/cpufreq/scaling_cur_freq") for cpu in cpus]
    known = [one // 1000 for one in told if one]
    return min(known) if known and len(known) == len(told) else None


def throttled(cpus: tuple[int, ...], root: Path = ROOT) -> int | None:
    """How often heat slowed down these processors since boot; ``None`` if the kernel does not count it."""
    counts = [
        _number(root / _CPUS / f"cpu{cpu}/thermal_throttle/{part}_throttle_count")
        for cpu in cpus
        for part in ("core", "package")
    ]
    known = [one for one in counts if one is not None]
    return sum(known) if known else None


def celsius(root: Path = ROOT) -> int | None:
    """The hottest of the kernel's thermal zones; ``None`` if it has none."""
    told = [_number(zone / "temp") for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*"))]
    known = [one // 1000 for one in told if one]
    return max(known, default=None)


def _model(root: Path) -> str:
    """The kernel's name for the processor. An ARM processor has no name there, only the numbers of its designer."""
    text = _text(root / "proc/cpuinfo")
    for pattern in (r"model name\s*: (.+)", r"Model\s*: (.+)"):
        if found := re.search(pattern, text):
            return " ".join(found[1].split())[:200]
    numbers = [found[1] for name in ("implementer", "part") if (found := re.search(rf"CPU {name}\s*: (\S+)", text))]
    return " ".join([platform.machine() or "unknown processor", *numbers])


def _last_level(root: Path, cpus: tuple[int, ...]) -> int:
    """Bytes of the highest level, each shared cache counted once; 0 if the kernel does not tell."""
    sizes: dict[tuple[int, str], int] = {}
    for cpu in cpus:
        for level, shared, size in _caches(root / _CPUS / f"cpu{cpu}/cache"):
            sizes[level, shared] = size
    highest = max((level for level, _ in sizes), default=0)
    return sum(size for (level, _), size in sizes.items() if level == highest)


def _caches(folder: Path) -> Iterator[tuple[int, str, int]]:
    for index in sorted(folder.glob("index*")):
        level, size = _number(index / "level"), re.fullmatch(r"([0-9]+)([KMG]?)", _text(index / "size").strip())
        if level and size and _text(index / "type").strip() != "Instruction":
            yield level, _text(index / "shared_cpu_list").strip(), int(size[1]) * _UNITS[size[2]]


def _memory(root: Path) -> int:
    """The memory that is available without swapping, and at most what the control group allows."""
    found = re.search(r"MemAvailable:\s+([0-9]+) kB", _text(root / "proc/meminfo"))
    available = int(found[1]) * 1024 if found else 1024**3
    limit, used = (_number(root / f"sys/fs/cgroup/memory.{name}") for name in ("max", "current"))
    return available if limit is None else max(0, min(available, limit - (used or 0)))


def _number(path: Path) -> int | None:
    text = _text(path).strip()
    return int(text) if re.fullmatch(r"-?[0-9]{1,18}", text, re.ASCII) else None


def _text(path: Path) -> str:
    with suppress(OSError):
        return path.read_text(encoding="utf-8", errors="replace")
    return ""
