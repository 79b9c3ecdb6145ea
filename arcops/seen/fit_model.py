"""What the headers and the configuration of a model say that decides how much memory it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum

from arcops.left_out import LEFT_OUT


class PartKind(Enum):
    """What tensors are for, as far as it decides where they lie. ``COPIED``: each GPU of a tensor-parallel group has them whole
    (norms, routers, the down-projections of latent attention). ``TOWER``: another network beside the text model.
    """

    EMBEDDING = "embedding"
    OUTPUT = "output"
    KEY_VALUE = "key-value"
    COPIED = "copied"
    SPLIT = "split"
    EXPERTS = "experts"
    SCALES = "scales"
    TOWER = "tower"


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightPart:
    """Tensors of one kind and one ``dtype``, as the header names it: their count, elements and bytes in the file."""

    kind: PartKind
    dtype: str
    tensors: int
    elements: int
    bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerRun:
    """``count`` layers from number ``first`` that are alike: ``parts`` are those of one of them."""

    first: int
    count: int
    parts: tuple[WeightPart, ...]


class HeaderForm(Enum):
    SAFETENSORS = "safetensors"
    GGUF = "gguf"
    ONNX = "onnx"


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """All tensors of a model: those in its ``layers``, and those ``outside`` of them. ``files`` counts the files that hold
    them.

    ``headers`` is the SHA-256 over the headers, which names these weights without their values.
    """

    form: HeaderForm
    files: int
    outside: tuple[WeightPart, ...]
    layers: tuple[LayerRun, ...]
    headers: str

    @property
    def parts(self) -> tuple[tuple[int, WeightPart], ...]:
        """Every part, and how many times it is there."""
        return (*((1, part) for part in self.outside), *((run.count, part) for run in self.layers for part in run.parts))

    @property
    def bytes(self) -> int:
        """Bytes of all tensors, as the files have them."""
        return sum(count * part.bytes for count, part in self.parts)


class CacheKind(Enum):
    """``FULL``: every token's keys and values. ``WINDOW``: only of the last tokens. ``LATENT``: one latent for each token
    (multi-head latent attention). ``STATE``: a recurrent state of fixed size. ``CROSS``: keys and values of an encoder.
    """

    FULL = "full"
    WINDOW = "window"
    LATENT = "latent"
    STATE = "state"
    CROSS = "cross"


@dataclass(frozen=True, slots=True, kw_only=True)
class CacheRun:
    """What ``count`` layers from number ``first`` keep for each request.

    ``heads`` with ``key`` and ``value`` elements each; of a latent ``key`` is its rank and ``value`` its part with positions.
    ``window`` are tokens. A state has ``conv`` and ``state`` elements. ``positions`` are those of an encoder.
    """

    kind: CacheKind
    first: int
    count: int
    heads: int = 0
    key: int = 0
    value: int = 0
    window: int = 0
    conv: int = 0
    state: int = 0
    positions: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """What the configuration says. ``dtype`` is the type in which it is to be run (``bf16``, ``f16``, ``f32``; empty: not
    said), ``positions`` how many tokens it allows (0: no limit is said), ``turned`` the elements that a rotary embedding
    turns, ``inner`` the width of a feed-forward layer or of an expert, ``packed`` how it says that the weights are quantised
    (empty: they are not). ``vocabulary`` are the rows of the table of tokens. ``states`` is the type of recurrent states,
    empty if it is not said. ``tied``: the table of tokens is also the last layer.
    """

    family: str
    source: str
    layers: int
    hidden: int
    heads: int
    inner: int
    vocabulary: int
    positions: int
    cache: tuple[CacheRun, ...]
    dtype: str = field(default="", metadata=LEFT_OUT)
    turned: int = 0
    experts: int = 0
    chosen: int = 0
    packed: str = field(default="", metadata=LEFT_OUT)
    states: str = field(default="", metadata=LEFT_OUT)
    tied: bool = field(default=False, metadata=LEFT_OUT)


@dataclass(frozen=True, slots=True, kw_only=True)
class AdapterSeen:
    """An adapter (LoRA) that is loaded beside the model, and its bytes. ``rank`` is 0 if it is not said."""

    path: str
    rank: int
    weights: Weights | None
    problem: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSeen:
    """A described model, as its files say. ``problems`` are reasons why it is not known as a whole, ``contradictions`` are what
    its configuration and its headers say differently. ``files`` are SHA-256 of the small files that were read.
    """

    name: str
    weights: Weights | None
    architecture: Architecture | None
    adapters: tuple[AdapterSeen, ...] = ()
    problems: tuple[str, ...] = ()
    contradictions: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
