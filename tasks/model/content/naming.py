"""What the name of a file says before its bytes are read."""

from __future__ import annotations

from arcops.late_dataclass import dataclass
from arcops.sets import is_blob
from tasks.model.content import expected
from tasks.model.content.code_names import like
from tasks.model.content.kinds import Kind, kind_of
from tasks.model.content.short_names import remembered

PICKLE_NAMES = (".pkl", ".pickle", ".pt", ".pth", ".ckpt", ".joblib", ".dill", ".p", ".pk")
GRAPH_NAMES = (".onnx", ".pb", ".mlmodel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    """``kind`` is that of the text that the file would hold, or what runs it. ``formats`` are those that the name promises, of
    which people expect ``first``. ``tried`` says that the file is tried as another format even if it looks like text.
    """

    kind: Kind
    formats: frozenset[str]
    first: str
    tried: bool


def named(path: str) -> Named:
    """What the name of the file at *path* in the model says."""
    name = like(path.rsplit("/", 1)[-1])
    if path.startswith(".") or "/." in path or name == "manifest.json" or is_blob(path):  # its folder counts, too
        return _named(name, kind_of(path))
    return _by_itself(name)


@remembered
def _by_itself(name: str) -> Named:
    return _named(name, kind_of(name))


def _named(name: str, kind: Kind) -> Named:
    return Named(
        kind=kind,
        formats=expected.formats_for(name),
        first=expected.first_for(name),
        tried=name.endswith((*PICKLE_NAMES, *GRAPH_NAMES)),
    )
