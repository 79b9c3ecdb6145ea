"""The files of one model: which hold its weights, whether all of them are there, and its small files of settings."""

from __future__ import annotations

import hashlib
import os
import stat
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from arcops.errors import Refused, Unavailable
from arcops.late_pattern import late
from arcops.roots import Roots
from artifacts.beneath import open_within
from artifacts.reading import read_file
from tasks.fit.keys import Unclear
from tasks.fit.tensors import Header, Tensor, header
from tasks.model.content.bounded_json import Json, parse
from tasks.model.content.draft import printable
from tasks.model.content.window import Malformed, Window

_FLAGS = os.O_RDONLY | os.O_NONBLOCK
_LONGEST = 16 * 1024 * 1024
_LONGEST_INDEX = 64 * 1024 * 1024
MOST_FILES = 4096

_SHARD = late(r"(.*)-([0-9]{5})-of-([0-9]{5})(\.safetensors|\.gguf)\Z")
_ADAPTER = "adapter_config.json"
_PICKLED = (".bin", ".pt", ".pth", ".ckpt")


@dataclass(slots=True)
class ModelFiles:
    """What was read. ``problems`` are reasons why it is not all of the model; ``files`` are SHA-256 of the small files.
    ``mapped`` is the file of each tensor, if an index says it.
    """

    headers: list[Header] = field(default_factory=list)
    settings: dict[str, dict[str, Json]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)
    mapped: dict[str, str] = field(default_factory=dict)

    @property
    def tensors(self) -> list[Tensor]:
        return [one for header in self.headers for one in header.tensors]


def read_model(path: Path, within: Roots, *, adapter: bool = False) -> ModelFiles:
    """Everything that a plan needs of the model at *path*, a folder or a file of weights. What is wrong with it is in
    ``problems``.

    Raises `Refused` if the path is not there, `Unavailable` if it cannot be opened.
    """
    found = ModelFiles()
    folder, names, one = _entries(path, within)
    for name in ("config.json", "genai_config.json", _ADAPTER):
        if name in names:
            _settings(folder / name, within, found)
    try:
        chosen = [path.name] if one else _chosen(folder, names, within, found)
        if one:
            chosen = _set_of(path.name, names, found)
        if not adapter and _ADAPTER in found.settings and "config.json" not in found.settings:
            raise Unclear("it is an adapter, which only changes another model; name that model, and this under 'adapters'")
        held: dict[str, list[Tensor]] = {}
        for name in chosen:
            read = _header(folder / name, within, found)
            if read is not None:
                found.headers.append(read)
                held[name] = read.tensors
        _indexed(names, held, found)
        _split(found)
        _elsewhere(folder, within, found)
    except Unclear as error:
        found.problems.append(str(error))
    counts = Counter(tensor.name for tensor in found.tensors)
    if counts and (twice := counts.most_common(1)[0])[1] > 1:
        found.problems.append(f"two of its files hold the tensor {printable(twice[0], 80)!r}, so they are not one model")
    return found


def _entries(path: Path, within: Roots) -> tuple[Path, frozenset[str], bool]:
    """The folder, the names in it, and whether *path* is one file in it."""
    try:
        descriptor = open_within(path, _FLAGS, within)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise Refused(f"{path.name} does not exist; name the model's folder or file, relative to the description") from error
    except OSError as error:
        raise Unavailable(f"{path.name} cannot be opened: {error.strerror}") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if stat.S_ISDIR(mode):
            return path, _listed(descriptor), False
        if not stat.S_ISREG(mode):
            raise Refused(f"{path.name} is neither a folder nor a file")
    finally:
        os.close(descriptor)
    descriptor = open_within(path.parent, _FLAGS, within)
    try:
        return path.parent, _listed(descriptor), True
    finally:
        os.close(descriptor)


def _listed(descriptor: int) -> frozenset[str]:
    names = os.listdir(descriptor)
    if len(names) > 100_000:
        raise Refused(f"the folder has {len(names):,} entries, which no folder of a model has")
    return frozenset(names)


def _settings(path: Path, within: Roots, found: ModelFiles) -> None:
    try:
        data = read_file(path, _LONGEST, within=within, named=path.name)
        told = parse(data, constants=True)
    except (Refused, Malformed) as error:
        said = str(error)
        found.problems.append(said if said.startswith(path.name) else f"{path.name}: {said}")
        return
    found.files.append(hashlib.sha256(data).hexdigest())
    if isinstance(told, dict):
        found.settings[path.name] = told
    else:
        found.problems.append(f"{path.name} is not a JSON object")


def _chosen(folder: Path, names: frozenset[str], within: Roots, found: ModelFiles) -> list[str]:
    """The files in the folder that hold the weights. Raises `Unclear` if no file does, or if it could be several."""
    index = _index_name(names)
    if index:
        found.mapped = _weight_map(folder / index, within)
        shards = sorted(set(found.mapped.values()))
        for shard in shards:
            if shard not in names:
                found.problems.append(f"{printable(shard, 80)} is missing, which {index} names")
        return [shard for shard in shards if shard in names]
    safe = sorted(name for name in names if name.endswith(".safetensors") and not name.startswith("consolidated"))
    safe = safe or sorted(name for name in names if name.endswith(".safetensors"))
    gguf = sorted(name for name in names if name.endswith(".gguf") and not name.startswith("mmproj"))
    onnx = _onnx_names(names, found)
    if sum(map(bool, (safe, gguf, onnx))) > 1:
        raise Unclear("it holds weights in several formats; name the file that the engine loads")
    if gguf:
        sets = {_SHARD.sub(r"\1\4", name) for name in gguf}
        if len(sets) > 1:
            raise Unclear(
                f"it holds {len(sets)} GGUF models ({', '.join(sorted(sets)[:3])} …); name the file that the engine loads"
            )
        return _set_of(gguf[0], names, found)
    if safe:
        return _set_of(safe[0], names, found) if _SHARD.match(safe[0]) else safe
    if onnx:
        return onnx
    if any(name.endswith(_PICKLED) for name in names):
        raise Unclear("its weights are pickled, which ArcOps does not read; a plan needs safetensors, GGUF or ONNX")
    raise Unclear("no weights are there: no safetensors, GGUF or ONNX file")


def _onnx_names(names: frozenset[str], found: ModelFiles) -> list[str]:
    genai = found.settings.get("genai_config.json", {})
    model = genai.get("model")
    decoder = model.get("decoder") if isinstance(model, dict) else None
    named = decoder.get("filename") if isinstance(decoder, dict) else None
    if isinstance(named, str) and named in names:
        return [named]
    listed = sorted(name for name in names if name.endswith(".onnx"))
    if len(listed) > 1:
        raise Unclear(f"it holds {len(listed)} ONNX graphs; name the one that the engine loads")
    return listed


def _index_name(names: frozenset[str]) -> str:
    listed = sorted(name for name in names if name.endswith(".safetensors.index.json") and not name.startswith("consolidated"))
    if len(listed) > 1:
        raise Unclear(f"it has {len(listed)} indexes of weights ({', '.join(listed[:3])}), and only one can be the model's")
    return listed[0] if listed else ""


def _weight_map(path: Path, within: Roots) -> dict[str, str]:
    """Which file holds each tensor, as the index says. Raises `Unclear`."""
    try:
        told = parse(read_file(path, _LONGEST_INDEX, within=within, named=path.name))
    except (Refused, Malformed) as error:
        raise Unclear(f"{path.name}: {error}") from error
    mapped = told.get("weight_map") if isinstance(told, dict) else None
    if not isinstance(mapped, dict) or not mapped:
        raise Unclear(f"{path.name} has no weight_map")
    shards = set(map(str, mapped.values()))
    for shard in shards:
        if PurePosixPath(shard).name != shard or shard in ("", ".", ".."):
            raise Unclear(f"{path.name} names the file {printable(shard, 80)!r}, which is not beside it")
    if len(shards) > MOST_FILES:
        raise Unclear(f"{path.name} names more than {MOST_FILES} files")
    return {name: str(shard) for name, shard in mapped.items()}


def _set_of(name: str, names: frozenset[str], found: ModelFiles) -> list[str]:
    """All files of the set that *name* is a part of, by its number in its name."""
    part = _SHARD.match(name)
    if part is None:
        return [name]
    count = int(part[3])
    if not 1 <= count <= MOST_FILES:
        raise Unclear(f"{printable(name, 80)} says that it is one of {count:,} files")
    whole = [f"{part[1]}-{number:05}-of-{part[3]}{part[4]}" for number in range(1, count + 1)]
    for one in whole:
        if one not in names:
            found.problems.append(f"{printable(one, 80)} is missing: the set has {count} files")
    return [one for one in whole if one in names]


def _header(path: Path, within: Roots, found: ModelFiles) -> Header | None:
    try:
        with _window(path, within) as window:
            return header(window, path.name)
    except Malformed as error:
        found.problems.append(f"{printable(path.name, 80)}: {error}")
    except (Refused, Unavailable) as error:
        found.problems.append(str(error))
    return None


@contextmanager
def _window(path: Path, within: Roots) -> Iterator[Window]:
    try:
        descriptor = open_within(path, _FLAGS, within)
    except OSError as error:
        raise Unavailable(f"{printable(path.name, 80)} cannot be opened: {error.strerror}") from error
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise Refused(f"{printable(path.name, 80)} is not a file")
        yield Window(lambda offset, length: os.pread(descriptor, length, offset), status.st_size)
    finally:
        os.close(descriptor)


def _indexed(names: frozenset[str], held: dict[str, list[Tensor]], found: ModelFiles) -> None:
    """Does each file hold the tensors that the index says are in it?"""
    if not found.mapped:
        return
    index, mapped = _index_name(names), found.mapped
    there = {tensor.name: name for name, tensors in held.items() for tensor in tensors}
    lost = [name for name, shard in mapped.items() if shard in held and there.get(name) != shard]
    more = [name for name in there if name not in mapped]
    if lost:
        found.problems.append(
            f"{index} says that {mapped[lost[0]]} holds {printable(lost[0], 80)!r}, and it does not ({len(lost)} such)"
        )
    if more:
        found.problems.append(
            f"{there[more[0]]} holds the tensor {printable(more[0], 80)!r}, which {index} does not name ({len(more)} such)"
        )


def _split(found: ModelFiles) -> None:
    """Are all parts of a GGUF set there, by what the parts themselves say?"""
    counts = {header.keys.get("split.count", 1) for header in found.headers if header.form.value == "gguf"}
    numbers = [header.keys.get("split.no", 0) for header in found.headers if header.form.value == "gguf"]
    if not numbers:
        return
    (count, *others) = counts
    if (
        others
        or not isinstance(count, int)
        or max(count, 1) != len(numbers)
        or sorted(map(str, numbers)) != sorted(map(str, range(len(numbers))))
    ):
        if not found.problems:
            found.problems.append(f"its parts say that the model has {count} files, and {len(numbers)} are here")
        return
    said = {header.keys["split.tensors.count"] for header in found.headers if "split.tensors.count" in header.keys}
    if len(said) == 1 and said != {len(found.tensors)}:
        found.problems.append(f"its parts say that it has {said.pop()} tensors, and they hold {len(found.tensors)}")


def _elsewhere(folder: Path, within: Roots, found: ModelFiles) -> None:
    """Are the files there, and long enough, in which an ONNX graph keeps its tensors?"""
    wanted: dict[str, int] = {}
    for one in found.headers:
        for name, size in one.refers.items():
            wanted[name] = max(wanted.get(name, 0), size)
    for name, size in sorted(wanted.items()):
        if PurePosixPath(name).is_absolute() or ".." in PurePosixPath(name).parts:
            found.problems.append(f"its graph names the file {printable(name, 80)!r}, which is outside of its folder")
            continue
        try:
            with _window(folder / name, within) as window:
                if window.size < size:
                    found.problems.append(
                        f"{printable(name, 80)} has {window.size} bytes, and the graph needs {size}: it is cut off"
                    )
        except (Refused, Unavailable):
            found.problems.append(f"{printable(name, 80)} is missing, in which the graph keeps its tensors")
