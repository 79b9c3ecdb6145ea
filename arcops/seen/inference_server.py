"""What kind of server answers at an inference endpoint, what it says of itself, and the memory that is left while it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Flavour(Enum):
    """Told apart by routes that only one of them has. ``OPENAI``: a server of another make, or one that tells nothing."""

    OPENAI = "openai-compatible"
    FOUNDRY = "foundry-local"
    FOUNDRY_PREVIEW = "foundry-local-preview"
    FOUNDRY_AZURE = "foundry-local-azure-local"
    VLLM = "vllm"
    LLAMA = "llama.cpp"
    UNREACHED = "unreached"


HEALTH: Mapping[Flavour, tuple[str, ...]] = MappingProxyType(
    {
        Flavour.OPENAI: (),
        Flavour.FOUNDRY: ("/status",),
        Flavour.FOUNDRY_PREVIEW: ("/openai/status",),
        Flavour.FOUNDRY_AZURE: ("/health", "/ready"),
        Flavour.VLLM: ("/health",),
        Flavour.LLAMA: ("/health",),
        Flavour.UNREACHED: (),
    }
)
"""Where each kind of server says that it lives and that it is ready: 200 says yes. Each is asked before and after the load."""


class When(Enum):
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One question about health: the HTTP status that came, or 0 and why none did."""

    path: str
    when: When
    status: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model as it was asked for, and the ``id`` that the server completes it by; empty where it names none.

    ``cold`` is how long loading it took, in microseconds, after it had been unloaded; ``None`` where that was not measured, and
    ``said`` is why. ``was_loaded`` is ``None`` where nobody looked.
    """

    model: str
    id: str
    was_loaded: bool | None
    cold: int | None
    said: str


class RoomKind(Enum):
    """``CACHE``: where a server keeps what it knows of running requests, a share that it tells itself."""

    HOST = "memory of the host"
    DEVICE = "memory of a GPU"
    CACHE = "key-value cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLeft:
    """Memory that was looked at ``samples`` times during the load. ``total`` and ``least``, what was free at the worst moment,
    are bytes, ``None`` where only a share is told. ``percent`` is that least share, rounded down; ``None`` where it could not
    be read, and ``said`` is why.
    """

    kind: RoomKind
    name: str
    total: int | None
    least: int | None
    percent: int | None
    samples: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """The processes that listen at the endpoint's port of this machine, with all that they started. ``most`` is the largest sum
    of their resident sets in bytes; pages that they share count for each. 0 where it could not be read, and ``said`` is why.
    """

    many: int
    most: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerMemory:
    """``said`` is why there are no more rooms."""

    rooms: tuple[RoomLeft, ...]
    process: Process
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    flavour: Flavour
    probes: tuple[Probe, ...]
    served: tuple[Served, ...]
    memory: ServerMemory

    def named(self, model: str) -> Served | None:
        return next((one for one in self.served if one.model == model), None)
