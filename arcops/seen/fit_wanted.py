"""What is to run together, as its description says it: GPUs, models, engines, and what each model must hold."""

from __future__ import annotations

from dataclasses import dataclass

from arcops.errors import Refused

MOST_GPUS = 64
MOST_MODELS = 64
MOST_COPIES = 128
MOST_BYTES = 1 << 44
"""16 TiB: no device has as much, so a larger figure is a slip of the pen."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GpuGroup:
    """``count`` GPUs of one kind. ``sku`` is a profile's name for it, or the driver's. ``memory`` is what nvidia-smi says of
    one, in bytes, 0 if it was not looked at. ``reserved`` are bytes that something else uses on each. ``mig`` are the
    instances that each is divided into; without any it is whole.
    """

    name: str
    sku: str
    count: int = 1
    memory: int = 0
    reserved: int = 0
    mig: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        between(f"gpus.{self.name}.count", self.count, 1, MOST_GPUS)
        between(f"gpus.{self.name}.memory", self.memory, 0, MOST_BYTES)
        between(f"gpus.{self.name}.reserved", self.reserved, 0, MOST_BYTES)
        between(f"gpus.{self.name}.mig, its length,", len(self.mig), 0, 8)


@dataclass(frozen=True, slots=True, kw_only=True)
class Slo:
    """What an answer must keep to, in microseconds; 0: no such aim. ``prompt`` are the tokens of the prompt of ``ttft``."""

    ttft: int = 0
    tpot: int = 0
    prompt: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class WantedModel:
    """One model and how it is to be served.

    Each of its ``replicas`` must hold ``concurrency`` requests at the same time, each of ``context`` tokens (prompt and
    answer). ``tensor`` and ``pipeline`` are over how many GPUs one copy is split, by parts of each layer and by layers.
    ``share`` is the engine's share of a GPU's memory in thousandths: 0 is the engine's default, -1 lets the plan choose the
    least that is enough. ``cache`` is the type of the key-value cache, ``loads`` the type to which weights are converted at
    the start (both: ``auto`` as the engine does). ``steps`` are the tokens of one step (max_num_batched_tokens, ubatch),
    ``sequences`` the most sequences that the engine plans for, ``block`` the tokens of a block of the cache; 0 is the
    engine's default. ``on`` names a device for each GPU of each replica, in order; empty: the plan chooses. ``after`` are
    models that must have started before. ``endpoint`` and ``served`` say what serves it now, to compare the plan with what
    was measured there.
    """

    name: str
    path: str
    engine: str
    context: int
    concurrency: int = 1
    replicas: int = 1
    tensor: int = 1
    pipeline: int = 1
    share: int = 0
    cache: str = "auto"
    loads: str = "auto"
    steps: int = 0
    sequences: int = 0
    block: int = 0
    flash: bool = True
    adapters: tuple[str, ...] = ()
    on: tuple[str, ...] = ()
    after: tuple[str, ...] = ()
    endpoint: str = ""
    served: str = ""
    slo: Slo = Slo()

    def __post_init__(self) -> None:
        for what, figure, most in (
            ("context", self.context, 1 << 27),
            ("concurrency", self.concurrency, 1 << 16),
            ("replicas", self.replicas, MOST_COPIES),
            ("tensorParallel", self.tensor, MOST_GPUS),
            ("pipelineParallel", self.pipeline, MOST_GPUS),
        ):
            between(f"models.{self.name}.{what}", figure, 1, most)
        for what, figure, most in (
            ("stepTokens", self.steps, 1 << 24),
            ("sequences", self.sequences, 1 << 16),
            ("blockTokens", self.block, 1 << 16),
        ):
            between(f"models.{self.name}.{what}", figure, 0, most)
        if self.on and len(self.on) != self.replicas * self.devices:
            raise Refused(
                f"models.{self.name}.on names {len(self.on)} device(s), and {self.replicas} copies over {self.devices} GPU(s) "
                f"each need {self.replicas * self.devices}; name them all, or leave it out"
            )

    @property
    def devices(self) -> int:
        """Over how many GPUs one copy is split."""
        return self.tensor * self.pipeline


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A description."""

    name: str
    gpus: tuple[GpuGroup, ...]
    models: tuple[WantedModel, ...]


def between(what: str, figure: int, least: int, most: int) -> None:
    """Raises `Refused` if *figure* is not from *least* to *most*."""
    if not least <= figure <= most:
        raise Refused(f"{what} is {figure:,}; a figure from {least:,} to {most:,} is expected")
