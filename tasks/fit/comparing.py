"""What a model's configuration and its headers say differently: layers, heads, experts, the table of tokens."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from arcops.late_pattern import late
from arcops.seen.fit_model import Architecture, CacheKind, PartKind
from tasks.fit.tensors import Tensor
from tasks.model.content.draft import printable

_PLAIN = frozenset(("F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2", "Q8_0", "Q4_0", "Q4_K", "Q5_K", "Q6_K"))
"""Types whose sizes are those of the matrix: others are packed."""
_KEYS = late(r".*(?:self_attn|attention|attn)\.(?:k_proj|v_proj)\.weight\Z|blk\.[0-9]+\.attn_[kv]\.weight\Z")
_EXPERT = late(r".*\.experts\.([0-9]{1,5})\.")
_NUMBER = late(r"\.[0-9]+\.")
_STACKED = late(r".*(?:\.experts\.[a-z_]+(?:\.weight)?|_exps\.weight)\Z")


def contradictions(said: Architecture, tensors: Sequence[Tensor], *, rows_first: bool, more_layers: int) -> Iterator[str]:
    """Sentences about what differs. *rows_first*: sizes begin with the row, as in GGUF. *more_layers* are layers besides
    those of the configuration that some files hold, to predict more tokens at once.
    """
    yield from _layers(said, tensors, more_layers)
    yield from _modules(said, tensors)
    yield from _heads(said, tensors, rows_first)
    yield from _experts(said, tensors, rows_first)
    yield from _table(said, tensors, rows_first)


def _layers(said: Architecture, tensors: Sequence[Tensor], more: int) -> Iterator[str]:
    numbers = {one.layer for one in tensors} - {-1}
    if not numbers:
        return
    lost = sorted(set(range(said.layers)) - numbers)
    extra = sorted(number for number in numbers if number >= said.layers + more)
    if lost:
        yield f"{said.source} says {said.layers} layers, and layer {lost[0]} has no tensor ({len(lost)} such)"
    if extra:
        yield f"{said.source} says {said.layers} layers, and the headers have layer {extra[-1]}"


def _modules(said: Architecture, tensors: Sequence[Tensor]) -> Iterator[str]:
    """A layer that has only a part of the matrices of another one that keeps the same lacks the others."""
    kept = {number: run.kind for run in said.cache for number in range(run.first, run.first + run.count)}
    held: dict[int, set[str]] = {}
    for one in tensors:
        number = one.layer
        if 0 <= number < said.layers and len(one.sizes) > 1 and one.kind is not PartKind.SCALES:
            held.setdefault(number, set()).add(_NUMBER.sub(".#.", one.name.split(f".{number}.", 1)[-1]).rpartition(".")[0])
    sets = {(kept.get(number), frozenset(names)) for number, names in held.items()}
    for number, names in sorted(held.items()):
        whole = next((other for kind, other in sets if kind == kept.get(number) and names < other), None)
        if whole is not None:
            yield f"layer {number} lacks {printable(min(whole - names), 80)}, which another layer of its kind has"
            return


def _heads(said: Architecture, tensors: Sequence[Tensor], rows_first: bool) -> Iterator[str]:
    """The width of keys and values in each layer is that of its heads."""
    wide: dict[int, int] = {}
    for run in said.cache:
        if run.kind in (CacheKind.FULL, CacheKind.WINDOW, CacheKind.CROSS):
            for number in range(run.first, run.first + run.count):
                wide[number] = run.heads * run.key
    for one in tensors:
        number = one.layer
        if number not in wide or len(one.sizes) != 2 or one.dtype not in _PLAIN or _KEYS.match(one.name) is None:
            continue
        have = one.sizes[1] if rows_first else one.sizes[0]
        if have != wide[number] and (".attn_v." not in one.name and "v_proj" not in one.name):
            yield f"{said.source} says that keys are {wide[number]} wide, and {printable(one.name, 80)} gives {have}"
            return


def _experts(said: Architecture, tensors: Sequence[Tensor], rows_first: bool) -> Iterator[str]:
    if not said.experts:
        if any(one.kind is PartKind.EXPERTS for one in tensors):
            yield f"{said.source} names no number of experts, and the headers have some"
        return
    numbered: dict[int, set[int]] = {}
    for one in tensors:
        found = _EXPERT.match(one.name)
        if found is not None and one.layer >= 0:
            numbered.setdefault(one.layer, set()).add(int(found[1]))
        elif found is None and _STACKED.match(one.name) and len(one.sizes) == 3:
            have = one.sizes[2] if rows_first else one.sizes[0]
            if have != said.experts:
                yield f"{said.source} says {said.experts} experts, and {printable(one.name, 80)} has {have}"
                return
    for layer, experts in sorted(numbered.items()):
        if len(experts) != said.experts:
            yield f"{said.source} says {said.experts} experts, and layer {layer} has {len(experts)}"
            return


def _table(said: Architecture, tensors: Sequence[Tensor], rows_first: bool) -> Iterator[str]:
    tables = [one for one in tensors if one.kind is PartKind.EMBEDDING and len(one.sizes) == 2 and one.dtype in _PLAIN]
    outputs = [one for one in tensors if one.kind is PartKind.OUTPUT]
    for one in tables[:1]:
        width, rows = one.sizes if rows_first else one.sizes[::-1]
        if width != said.hidden and said.hidden % max(width, 1):
            yield f"{said.source} says a width of {said.hidden}, and {printable(one.name, 80)} is {width} wide"
        if rows < said.vocabulary:
            yield f"{said.source} says {said.vocabulary} tokens, and {printable(one.name, 80)} has {rows}"
    if tables and not outputs and not said.tied and said.cache:
        yield f"{said.source} says that the last layer is not the table of tokens, and the headers have no last layer"
