"""What an inference engine takes of a GPU besides weights and cache, with the source of every figure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from enum import Enum

from arcops.errors import Refused
from arcops.left_out import LEFT_OUT
from arcops.seen.gpu_profile import Publication


class Takes(Enum):
    """How an engine decides how much memory it takes.

    ``SHARE``: a share of the GPU's memory for everything (vLLM). ``STATIC``: a share for weights and cache; the rest is needed
    besides (SGLang). ``FREE``: a share of what is free after loading, for the cache (TensorRT-LLM, TGI). ``NEEDED``: what the
    asked context needs (llama.cpp, ONNX Runtime).
    """

    SHARE = "share"
    STATIC = "static"
    FREE = "free"
    NEEDED = "needed"


class Keeps(Enum):
    """How an engine keeps what requests need. ``PAGES``: in blocks of tokens, taken as a request grows. ``CELLS``: in one cache
    or a stream for each request, made at the start (llama.cpp). ``TENSORS``: in a tensor for each layer, of the longest length.
    """

    PAGES = "pages"
    CELLS = "cells"
    TENSORS = "tensors"


@dataclass(frozen=True, slots=True, kw_only=True)
class Between:
    """A figure that is known only between two. ``source`` names one of the publications, ``where`` the place in it."""

    least: int
    most: int
    source: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineProfile:
    """One engine. ``share`` is in thousandths. ``block`` are the tokens of a block of the cache, ``steps`` the tokens of one
    step and ``sequences`` the most sequences, each by default. ``context`` are bytes of a process on a GPU besides what it
    computes with, ``group_context`` the same if GPUs work together. ``sampling`` are bytes for each sequence and each token
    of the vocabulary at the peak of a step, ``logits`` bytes for each token of a step and of the vocabulary. ``graphs`` are
    bytes of captured CUDA graphs, beyond the share. ``arena`` is by how many thousandths the allocator may hold more than it
    needs.

    ``halves``: weights in single precision are loaded in half of it. ``turning``: it keeps a table of rotary positions.
    ``input_on_host``: the table of input tokens stays in the host's memory. ``splits_tensors``: it can split layers.
    ``measures``: it measures free memory when it starts, so two must not start at once.
    """

    engine: str
    publications: tuple[Publication, ...]
    takes: Takes
    keeps: Keeps
    block: Between
    steps: Between
    context: Between
    group_context: Between
    share: Between | None = None
    sequences: Between | None = None
    sampling: Between | None = None
    logits: Between | None = None
    graphs: Between | None = None
    arena: Between | None = None
    halves: bool = False
    turning: bool = False
    input_on_host: bool = False
    splits_tensors: bool = True
    measures: bool = False
    names: tuple[str, ...] = field(default=(), metadata=LEFT_OUT)

    def __post_init__(self) -> None:
        known = {publication.id for publication in self.publications}
        for name, figure in self.figures():
            if figure.source not in known or not figure.where:
                raise Refused(f"the profile of {self.engine} does not name the publication for {name}, or the place in it")
            if not 0 <= figure.least <= figure.most:
                raise Refused(f"the profile of {self.engine} gives {name} from {figure.least} to {figure.most}")

    def figures(self) -> Iterator[tuple[str, Between]]:
        """Every figure that the profile gives, by its name."""
        for one in fields(self):
            value = getattr(self, one.name)
            if isinstance(value, Between):
                yield one.name, value


@dataclass(frozen=True, slots=True, kw_only=True)
class Instance:
    """A MIG instance that a GPU can be divided into. ``memory`` are the fewest bytes that a driver gave it. It takes
    ``slices`` of the GPU's slices of memory, from one of the positions ``starts`` on.
    """

    name: str
    memory: int
    slices: int
    starts: tuple[int, ...]
    source: str
    where: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Partition:
    """How GPUs of these ``skus`` can be divided (MIG). ``slices`` is how many slices of memory the whole GPU has."""

    skus: tuple[str, ...]
    publications: tuple[Publication, ...]
    slices: int
    instances: tuple[Instance, ...]

    def __post_init__(self) -> None:
        known = {publication.id for publication in self.publications}
        for one in self.instances:
            if one.source not in known or not one.where:
                raise Refused(f"the partition of {', '.join(self.skus)} does not name the publication of {one.name}")
            if any(not 0 <= start <= self.slices - one.slices for start in one.starts) or not one.starts or one.memory <= 0:
                raise Refused(f"the partition of {', '.join(self.skus)} gives {one.name} a place that the GPU does not have")

    def holds(self, names: tuple[str, ...]) -> bool:
        """Can one GPU be divided into instances of all these *names* at once? Each needs its own slices, from a start of its
        own.
        """
        known = {one.name: one for one in self.instances}
        wanted = sorted((known[name] for name in names), key=lambda one: -one.slices)
        return self._placed(wanted, frozenset())

    def _placed(self, left: list[Instance], taken: frozenset[int]) -> bool:
        if not left:
            return True
        needs = [frozenset(range(start, start + left[0].slices)) for start in left[0].starts]
        return any(self._placed(left[1:], taken | need) for need in needs if not need & taken)
