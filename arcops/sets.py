"""Files of weights that only together are a model: shards of an index, numbered parts, a split GGUF, raw data beside a graph.

Source: the index files of transformers and diffusers (``weight_map``); ``gguf-split`` of llama.cpp (``split.no``,
``split.count``, ``split.tensors.count``), whose files are numbered from 1 in their names and from 0 inside.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence, Set

from arcops.late_dataclass import dataclass
from arcops.late_pattern import late
from arcops.seen.content import Content

LOADED_NAMES = (
    *(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".p", ".pk"),
    *(".h5", ".hdf5", ".keras", ".mlmodel", ".tflite", ".pb", ".plan", ".engine", ".trt", ".mat", ".marshal", ".nemo", ".mar"),
    *(".sqlite", ".db", ".doc", ".xls", ".ppt", ".docx", ".xlsx", ".pptx", ".msi", ".parquet", ".arrow", ".feather"),
)
"""Endings by which a program other than that of the graph would open a file."""

_NUMBERED = late(
    r"(?P<stem>.*?)[-_.]?(?:(?:part|shard)[-_.]?)?(?P<number>\d{1,9})[-_.]?of[-_.]?(?P<total>\d{1,9})(?P<rest>(?:\.[^/]*)?)",
    re.I,
)
_MAYBE_NUMBERED = late(r"\d[-_.]?of[-_.]?\d", re.I)
_COUNTED = late(
    r"(?P<stem>(?:consolidated|weights)\.(?=\d+\.)|mp_rank_(?=\d+_)|(?:.*[-_])?rank-(?=\d+-part-\d))(?P<number>\d{1,4})(?P<rest>.*)"
)
"""Parts that are numbered from 0, or from 1, and whose names do not say how many there are: those of Llama's own releases,
MLX, Megatron and DeepSpeed, and vLLM's sharded states.
"""

_BLOB = late(r"(?:.*/)?blobs/sha256/[0-9a-f]{64}")
_WORDS = frozenset(("text", "json", "unknown-text", "image", "pdf", "empty", "xml"))
"""Formats of files that may be numbered for other reasons."""

_UNINDEXED = frozenset(("gguf", "onnx", "tflite", "coreml"))
"""Formats that have no index of shards."""

GRAPHS = ("onnx", "coreml")
"""Formats that keep data beside themselves."""

_MARK = 12
_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Part:
    """One file: its path in the model or archive, what it is, and how many bytes it has."""

    path: str
    content: Content
    size: int


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a set, as a sentence without its full stop. ``path`` is the file to look at first. ``unseen``: it
    could not be seen whether anything is wrong."""

    path: str
    text: str
    unseen: bool = False


@dataclass(frozen=True, slots=True)
class _Numbered:
    part: Part
    number: int
    total: int
    stem: str
    rest: str


def faults(parts: Sequence[Part]) -> Iterator[Fault]:
    """Everything that is wrong with the sets among *parts*."""
    there = {part.path: part for part in parts}
    indexes = [part for part in parts if part.content.of.shards]
    indexed = {beside(part.path, shard.path) for part in indexes for shard in part.content.of.shards}
    for part in indexes:
        yield from _index(part, there)
    groups: dict[tuple[str, str], list[_Numbered]] = defaultdict(list)
    for part in parts:
        yield from _short(part, there)
        found = _numbered(part)
        if found is not None:
            groups[found.stem, found.rest].append(found)
        if part.content.format == "gguf":
            yield from _named_as_split(part, found)
    yield from _gaps(parts)
    for group in groups.values():
        yield from _complete(group, indexed)
        if all(one.part.content.format == "gguf" for one in group):
            yield from _split([one.part for one in group])


def raw_data(parts: Iterable[Part]) -> frozenset[str]:
    """Paths of the data, without a format of their own, that a graph among *parts* keeps beside itself."""
    graphs = (part for part in parts if part.content.format in GRAPHS)
    named = {beside(graph.path, path) for graph in graphs for path in graph.content.refers}
    return frozenset(path for path in named if not path.lower().endswith(LOADED_NAMES))


def is_blob(path: str) -> bool:
    """Is it the place of a part in an OCI image layout, which is named by its digest?"""
    return "blobs/sha256/" in path and _BLOB.fullmatch(path) is not None


def misnamed(path: str, sha256: str) -> bool:
    """Is it such a place, but of other content?"""
    return is_blob(path) and not path.endswith(f"/{sha256}")


def beside(path: str, named: str) -> str:
    """The path in the model of *named*, which the file at *path* names relative to its own folder."""
    folder = path.rpartition("/")[0]
    inner = [part for part in named.split("/") if part not in ("", ".")]
    return "/".join([folder, *inner] if folder else inner)


def is_there(named: str, path: str, there: Set[str]) -> bool:
    """Is what the file at *path* names among the files *there*? A name that ends in a slash is that of a folder."""
    found = beside(path, named)
    return any(one.startswith(f"{found}/") for one in there) if named.endswith("/") else found in there


def _numbered(part: Part) -> _Numbered | None:
    if _MAYBE_NUMBERED.search(part.path) is None:
        return None
    folder, slash, name = part.path.rpartition("/")
    match = _NUMBERED.fullmatch(name)
    if match is None or part.content.format in _WORDS:
        return None
    return _Numbered(part, int(match["number"]), int(match["total"]), f"{folder}{slash}{match['stem']}", match["rest"].lower())


def _index(part: Part, there: dict[str, Part]) -> Iterator[Fault]:
    """Does every shard hold exactly the tensors that the index says? A missing shard is found as a file that is named."""
    for shard in part.content.of.shards:
        held = there.get(beside(part.path, shard.path))
        if held is None:
            continue
        names, wanted = held.content.of.tensors, shard.names
        if names is None:
            text = f"names {wanted.count} tensor(s) of {shard.path}, and the names of tensors in a file of the format"
            yield Fault(part.path, f"{part.path} {text} {held.content.format} cannot be seen", unseen=True)
        elif names.count != wanted.count:
            yield Fault(part.path, f"{part.path} names {wanted.count} tensor(s) of {shard.path}, which holds {names.count}")
        elif names != wanted:
            text = f"names {wanted.count} tensor(s) of {shard.path}, which holds as many, but of other names"
            yield Fault(part.path, f"{part.path} {text}")


def _short(part: Part, there: dict[str, Part]) -> Iterator[Fault]:
    """Are the files of raw data as long as the graph needs? A missing one is found as a file that is named."""
    for needed in part.content.of.data:
        held = there.get(beside(part.path, needed.path))
        if held is not None and held.size < needed.size:
            text = f"needs {needed.size} bytes of {needed.path}, which has {held.size}, so a part of it is missing"
            yield Fault(part.path, f"{part.path} {text}")


def _gaps(parts: Iterable[Part]) -> Iterator[Fault]:
    """Is a number missing among parts whose names do not say how many there are? That the last ones are missing is not seen."""
    groups: dict[tuple[str, str], dict[int, str]] = defaultdict(dict)
    for part in parts:
        folder, slash, name = part.path.rpartition("/")
        match = _COUNTED.fullmatch(name)
        if match is not None and part.content.format not in _WORDS:
            groups[f"{folder}{slash}{match['stem']}", match["rest"]][int(match["number"])] = part.path
    for found in groups.values():
        last = max(found)
        missing = sorted(set(range(0 if 0 in found else 1, last)) - set(found))
        if missing:
            path = found[min(found)]
            yield Fault(path, f"{path} and the files beside it are numbered up to {last}, without {_numbers(missing)}")


def _numbers(found: list[int]) -> str:
    return ", ".join(map(str, found[:_SHOWN])) + (f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else "")


def _complete(group: list[_Numbered], indexed: set[str]) -> Iterator[Fault]:
    """Are all parts there, once, by one count, and named by an index?"""
    group = sorted(group, key=lambda one: (one.total, one.number, one.part.path))
    totals = sorted({one.total for one in group})
    first = group[0].part.path
    if len(totals) > 1:
        several = " and ".join(f"one of {total}" for total in totals)
        yield Fault(first, f"{first} and the files beside it are numbered as {several} parts")
    for total in totals:
        these = [one for one in group if one.total == total]
        numbers = [one.number for one in these]
        path = these[0].part.path
        begin = 0 if 0 in numbers else 1
        twice = sorted(number for number, times in Counter(numbers).items() if times > 1)
        if twice:
            yield Fault(path, f"{path}: part {twice[0]} of {total} is there more than once")
        outside = [number for number in numbers if number >= begin + total]
        if outside:
            yield Fault(path, f"{path}: there is a part {outside[0]}, but there are only {total}")
        missing = total - len(set(numbers) - set(outside))
        if missing > 0:
            absent = _absent(set(numbers), begin, total)
            yield Fault(path, f"{path} is one of {total} parts, and {missing} of them are missing ({absent})")
        bare = [one.part.path for one in these if one.part.path not in indexed]
        if total > 1 and bare and these[0].part.content.format not in _UNINDEXED:
            text = "numbered as parts, but no index names them, so it is not known what belongs together"
            yield Fault(bare[0], f"{len(bare)} of {total} files ({_listed(bare)}) are {text}")


def _absent(numbers: set[int], begin: int, total: int) -> str:
    """The first numbers that are missing."""
    found: list[str] = []
    number = begin
    while number < begin + total and len(found) <= _SHOWN:
        if number not in numbers:
            found.append(str(number))
        number += 1
    return ", ".join(found[:_SHOWN]) + ("…" if len(found) > _SHOWN else "")


def _listed(paths: list[str]) -> str:
    return ", ".join(paths[:_SHOWN]) + (f" and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else "")


def _named_as_split(part: Part, found: _Numbered | None) -> Iterator[Fault]:
    """Do the name of a GGUF file and its own keys say the same?"""
    split = part.content.of.split
    count = split.count if split is not None else 1
    if found is None:
        if count > 1 and split is not None:
            yield Fault(
                part.path,
                f"{part.path} says that it is part {split.number + 1} of {count}, but its name has no number, by which loaders "
                "find the others",
            )
    elif found.total != count or (split is not None and found.number != split.number + 1):
        said = f"part {split.number + 1} of {count}" if split is not None else "a whole model"
        yield Fault(part.path, f"{part.path} says that it is {said}, which its name denies")


def _split(parts: list[Part]) -> Iterator[Fault]:
    """Do the files of a split GGUF agree with one another?"""
    splits = [part.content.of.split for part in parts if part.content.of.split is not None]
    if len(parts) < 2 or len(splits) != len(parts):
        return  # what is missing is said already
    path = min(part.path for part in parts)
    totals = sorted({split.tensors for split in splits})
    held = sum(part.content.of.tensors.count for part in parts if part.content.of.tensors is not None)
    if len(totals) > 1:
        yield Fault(path, f"{path} and the other parts say different numbers of tensors: {_listed([str(t) for t in totals])}")
    elif totals[0] >= 0 and totals[0] != held:
        yield Fault(path, f"{path} and the other parts together hold {held} tensors, but say that they hold {totals[0]}")
    seen: set[str] = set()
    for split in splits:
        marks = {split.marks[at : at + _MARK] for at in range(0, len(split.marks), _MARK)}
        if marks & seen:
            yield Fault(path, f"{path} and the other parts hold {len(marks & seen)} tensor(s) of the same name twice")
            return
        seen |= marks
