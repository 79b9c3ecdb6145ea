"""The kind of server at an inference endpoint, what it reports about itself, and the memory that is left while it works."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType


class Flavour(Enum):
    """Recognised by routes that only one of them has. ``OPENAI``: another server, or one that reports nothing about itself."""

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
"""The routes on which each kind of server reports that it is alive and ready: 200 means yes. Asked before and after the
load."""


class When(Enum):
    BEFORE = "before"
    AFTER = "after"


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """One health request: the HTTP status of the answer, or 0 and why no answer came."""

    path: str
    when: When
    status: int
    said: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A model as it was asked for, and the full ``id`` that the server gives it; empty if it gives none.

    ``cold`` is how long loading it took, in microseconds, after it had been unloaded; ``None`` if that was not measured, and
    ``said`` is why. ``was_loaded`` is ``None`` if this was not checked.
    """

    model: str
    id: str
    was_loaded: bool | None
    cold: int | None
    said: str


class RoomKind(Enum):
    """``CACHE``: the server's memory for running requests, of which the server itself reports the used share."""

    HOST = "memory of the host"
    DEVICE = "memory of a GPU"
    CACHE = "key-value cache"


@dataclass(frozen=True, slots=True, kw_only=True)
class RoomLeft:
    """Memory that was read ``samples`` times during the load. ``total`` and ``least`` (the free memory at the worst moment) are
    bytes, ``None`` if only a share is reported. ``percent`` is that least share, rounded down; ``None`` if it could not be
    read, and ``said`` is why.
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
    """The processes that listen on the endpoint's port of this machine, with all that they started. ``most`` is the largest sum
    of their resident sets in bytes; shared pages count for each process. 0 if it could not be read, and ``said`` is why.
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
