"""A described model, read from its files."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from arcops.errors import Refused, Unavailable
from arcops.roots import Roots
from arcops.seen.fit_model import AdapterSeen, Architecture, HeaderForm, ModelSeen, PartKind
from arcops.seen.fit_wanted import WantedModel
from tasks.fit import gguf_config, transformers_config
from tasks.fit.comparing import contradictions
from tasks.fit.keys import Keys, Unclear
from tasks.fit.model_files import ModelFiles, read_model
from tasks.fit.parts import weights_of
from tasks.fit.tensors import Tensor

_MOST_SAID = 20


def model_seen(wanted: WantedModel, folder: Path, within: Roots) -> ModelSeen:
    """What the files of *wanted* say; its path is relative to *folder*. Whatever is wrong with them is in the answer."""
    try:
        found = read_model(folder / wanted.path, within)
    except (Refused, Unavailable) as error:
        return ModelSeen(name=wanted.name, weights=None, architecture=None, problems=(str(error),))
    except OSError as error:
        return ModelSeen(name=wanted.name, weights=None, architecture=None, problems=(f"it cannot be read: {error.strerror}",))
    said, problems, more = None, list(found.problems), 0
    try:
        said, more = _architecture(found)
    except Unclear as error:
        problems.append(str(error))
    forms = {one.form for one in found.headers}
    weights = weights_of(next(iter(forms)), len(found.headers), found.tensors) if len(forms) == 1 and found.tensors else None
    if len(forms) == 1 and not found.tensors and not problems:
        problems.append("its files hold no tensor")
    differ: tuple[str, ...] = ()
    if said is not None and not found.problems:
        rows_first = forms == {HeaderForm.GGUF}
        named = forms != {HeaderForm.ONNX}  # an exporter renames what it likes
        differ = tuple(contradictions(said, found.tensors, rows_first=rows_first, more_layers=more)) if named else ()
    return ModelSeen(
        name=wanted.name,
        weights=weights,
        architecture=said,
        adapters=tuple(_adapter(path, folder, within) for path in wanted.adapters),
        problems=tuple(problems[:_MOST_SAID]),
        contradictions=differ[:_MOST_SAID],
        files=tuple(sorted(found.files)),
    )


def _architecture(found: ModelFiles) -> tuple[Architecture, int]:
    """The architecture, and how many layers more the files may have. Raises `Unclear`."""
    first = found.headers[0] if found.headers else None
    if first is not None and first.form is HeaderForm.GGUF:
        tensors = found.tensors
        tied = not any(one.kind is PartKind.OUTPUT for one in tensors)
        keys = next((one.keys for one in found.headers if "general.architecture" in one.keys), first.keys)
        nextn = keys.get(f"{keys.get('general.architecture')}.nextn_predict_layers", 0)
        return gguf_config.architecture(keys, _rows(tensors), tied), nextn if isinstance(nextn, int) else 0
    config, genai = found.settings.get("config.json"), found.settings.get("genai_config.json")
    if genai is not None and (first is None or first.form is HeaderForm.ONNX):
        return transformers_config.of_genai(genai, "genai_config.json", first.caches if first is not None else ""), 0
    if config is None:
        raise Unclear("its config.json is missing, so its cache cannot be counted")
    said = transformers_config.architecture(config, "config.json")
    if first is not None and first.form is HeaderForm.ONNX and first.caches:
        said = replace(said, dtype=first.caches)
    more = Keys(config).perhaps("num_nextn_predict_layers", "mtp_num_hidden_layers", otherwise=0)
    return said, min(more, 16)


def _rows(tensors: list[Tensor]) -> int:
    table = next((one for one in tensors if one.kind is PartKind.EMBEDDING and len(one.sizes) == 2), None)
    if table is None:
        raise Unclear("it has no table of tokens")
    return table.sizes[1]


def _adapter(path: str, folder: Path, within: Roots) -> AdapterSeen:
    name = Path(path).name
    try:
        found = read_model(folder / path, within, adapter=True)
        rank = Keys(found.settings.get("adapter_config.json", {})).perhaps("r", otherwise=0)
    except (Refused, Unavailable, Unclear) as error:
        return AdapterSeen(path=name, rank=0, weights=None, problem=str(error))
    except OSError as error:
        return AdapterSeen(path=name, rank=0, weights=None, problem=f"it cannot be read: {error.strerror}")
    tensors = found.tensors
    problem = found.problems[0] if found.problems else ""
    if not problem and not any(one.layer >= 0 for one in tensors):
        problem = "it holds no tensor of a layer, so it is no adapter"
    weights = weights_of(found.headers[0].form, len(found.headers), tensors) if tensors else None
    return AdapterSeen(path=name, rank=rank, weights=weights, problem=problem)
