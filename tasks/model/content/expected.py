"""Which formats a file may have by its name. If name and bytes disagree, two programs may read the file differently."""

from __future__ import annotations

PICKLED = ("pickle", "joblib", "torch-zip", "torch-legacy", "torch-tar", "torch-script")
_TEXT = ("text", "json", "empty")

_BY_ENDING: tuple[tuple[str, tuple[str, ...]], ...] = (
    (".safetensors.index.json", ("json",)),
    (".safetensors", ("safetensors",)),
    (".gguf", ("gguf",)),
    (".onnx", ("onnx",)),
    (".npy", ("numpy",)),
    (".npz", ("npz",)),
    (".json", ("json", "empty")),
    (".jsonl", ("json", "text", "empty")),
    (".h5", ("hdf5", "keras-h5")),
    (".hdf5", ("hdf5", "keras-h5")),
    (".keras", ("keras", "keras-h5")),
    (".pt", PICKLED),
    (".pth", PICKLED),
    (".pkl", PICKLED),
    (".pickle", PICKLED),
    (".joblib", PICKLED),
    (".tflite", ("tflite",)),
    (".mlmodel", ("coreml",)),
    (".zip", ("zip",)),
    (".tar", ("tar",)),
    (".gz", ("gzip",)),
    (".tgz", ("gzip",)),
    (".7z", ("7z",)),
    (".png", ("image",)),
    (".jpg", ("image",)),
    (".jpeg", ("image",)),
    (".gif", ("image",)),
    (".webp", ("image",)),
    (".svg", ("image",)),
    (".pdf", ("pdf",)),
    (".py", ("python", "script", "empty")),
    *((ending, _TEXT) for ending in (".txt", ".md", ".yaml", ".yml", ".toml", ".csv", ".tsv", ".xml", ".cfg", ".ini")),
)


def formats_for(name: str) -> frozenset[str]:
    """The formats that *name* promises; empty if it promises nothing."""
    return _SETS[_promised(name)]


def first_for(name: str) -> str:
    """The format that people expect of *name*."""
    return next(iter(_promised(name)), "")


_BY_LAST: dict[str, list[tuple[str, tuple[str, ...]]]] = {}
"""The endings by what follows their last dot, each list in the order of `_BY_ENDING`."""
for _ending, _formats in _BY_ENDING:
    _BY_LAST.setdefault(_ending.rpartition(".")[2], []).append((_ending, _formats))


_SETS = {(): frozenset[str](), **{formats: frozenset(formats) for _, formats in _BY_ENDING}}


def _promised(name: str) -> tuple[str, ...]:
    lower = name.lower()
    likely = _BY_LAST.get(lower.rpartition(".")[2], ())
    for ending, formats in likely:
        if lower.endswith(ending):
            return formats
    return ()
