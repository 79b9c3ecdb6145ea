"""Situations that show every colour of the gate `weights`."""

from __future__ import annotations

from collections.abc import Iterable

from arcops.gate import Example
from arcops.seen.content import Content
from arcops.seen.tree import FileSeen, Tree
from arcops.verdict import Verdict
from gates.model.weights.gate import SAFE_FORMATS, TORCH_TENSOR_IMPORTS, WeightsPolicy

_TENSORS = FileSeen(
    path="model.safetensors", size=90_868_376, sha256="5" * 64, executable=False, content=Content(format="safetensors")
)
_CONFIG = FileSeen(path="config.json", size=612, sha256="6" * 64, executable=False, content=Content(format="json"))


def _pickle(*imports: str, problems: tuple[str, ...] = ()) -> FileSeen:
    content = Content(format="torch-zip", imports=imports, problems=problems)
    return FileSeen(path="pytorch_model.bin", size=91_000_000, sha256="7" * 64, executable=False, content=content)


def _source() -> FileSeen:
    content = Content(format="python", code=True, notes=("is source code; a loader that trusts the model's code would run it",))
    return FileSeen(path="modeling_custom.py", size=4_000, sha256="8" * 64, executable=False, content=content)


def _unheard() -> FileSeen:
    content = Content(format="unknown-text", notes=("has a name that is not known here, so a tool may run it",))
    return FileSeen(path="tool.unheard", size=40, sha256="8" * 64, executable=False, content=content)


def _template() -> FileSeen:
    problem = "the chat template of the file, line 3: it looks up a name that it builds itself"
    content = Content(format="text", problems=(problem,))
    return FileSeen(path="chat_template.jinja", size=900, sha256="8" * 64, executable=False, content=content)


def _tree(*files: FileSeen) -> Tree:
    return Tree(root="9" * 64, files=tuple(sorted(files, key=lambda file: file.path)))


def examples() -> Iterable[Example[WeightsPolicy]]:
    torch = WeightsPolicy(formats=(*SAFE_FORMATS, "torch-zip"), imports=TORCH_TENSOR_IMPORTS)
    yield Example(
        name="safetensors and a configuration",
        verdict=Verdict.GREEN,
        evidence=(_tree(_TENSORS, _CONFIG),),
        policy=WeightsPolicy(),
    )
    yield Example(
        name="a state dictionary of plain tensors, and the policy allows what it imports",
        verdict=Verdict.GREEN,
        evidence=(_tree(_pickle("collections.OrderedDict", "torch._utils._rebuild_tensor_v2"), _CONFIG),),
        policy=torch,
    )
    yield Example(
        name="the model brings its own code, and the policy accepts it with a warning",
        verdict=Verdict.AMBER,
        evidence=(_tree(_TENSORS, _source()),),
        policy=WeightsPolicy(formats=(*SAFE_FORMATS, "python"), code=True),
    )
    yield Example(
        name="a pickle that imports a name that is not allowed",
        verdict=Verdict.RED,
        evidence=(_tree(_pickle("posix.system"), _CONFIG),),
        policy=torch,
    )
    yield Example(
        name="a pickle that hides what it imports",
        verdict=Verdict.RED,
        evidence=(_tree(_pickle(problems=("it imports a name that is computed while loading",)), _CONFIG),),
        policy=torch,
    )
    yield Example(
        name="a chat template that reads more than the conversation",
        verdict=Verdict.RED,
        evidence=(_tree(_TENSORS, _template()),),
        policy=WeightsPolicy(),
    )
    yield Example(
        name="text in a file whose name ArcOps does not know",
        verdict=Verdict.RED,
        evidence=(_tree(_TENSORS, _unheard()),),
        policy=WeightsPolicy(),
    )
    yield Example(name="a folder without weights", verdict=Verdict.RED, evidence=(_tree(_CONFIG),), policy=WeightsPolicy())
