"""Situations that show every colour of the gate `weights`."""

from __future__ import annotations

from collections.abc import Iterable

from arcops.gate import Example
from arcops.seen.content import Base, Belongs, Content
from arcops.seen.tree import FileSeen, Tree
from arcops.verdict import Verdict
from gates.model.weights.bases import AllowedBase
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


def _adapter() -> FileSeen:
    base = Base(key="base_model_name_or_path", name="example/base-8b")
    content = Content(format="json", belongs=Belongs(bases=(base,)))
    return FileSeen(path="adapter_config.json", size=700, sha256="8" * 64, executable=False, content=content)


def _part() -> FileSeen:
    content = Content(format="safetensors")
    return FileSeen(path="model-00001-of-00002.safetensors", size=90_000, sha256="8" * 64, executable=False, content=content)


def _tar(*holds: str) -> FileSeen:
    content = Content(format="tar", holds=holds)
    return FileSeen(path="model.tar", size=90_000, sha256="8" * 64, executable=False, content=content)


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
    yield Example(
        name="an adapter, and the policy allows its base by name and digest",
        verdict=Verdict.GREEN,
        evidence=(_tree(_TENSORS, _adapter()),),
        policy=WeightsPolicy(bases=(AllowedBase(name="example/base-8b", digest=f"sha256:{'a' * 64}"),)),
    )
    yield Example(
        name="an adapter, and the policy allows its base by name alone",
        verdict=Verdict.AMBER,
        evidence=(_tree(_TENSORS, _adapter()),),
        policy=WeightsPolicy(bases=(AllowedBase(name="example/base-8b"),)),
    )
    yield Example(
        name="an adapter whose base the policy does not allow",
        verdict=Verdict.RED,
        evidence=(_tree(_TENSORS, _adapter()),),
        policy=WeightsPolicy(),
    )
    yield Example(name="one part of two", verdict=Verdict.RED, evidence=(_tree(_part()),), policy=WeightsPolicy())
    yield Example(
        name="an allowed archive with weights and settings inside",
        verdict=Verdict.GREEN,
        evidence=(_tree(_tar("json", "safetensors")),),
        policy=WeightsPolicy(formats=(*SAFE_FORMATS, "tar")),
    )
    yield Example(
        name="an allowed archive with a pickle inside, which is not allowed",
        verdict=Verdict.RED,
        evidence=(_tree(_tar("pickle", "safetensors")),),
        policy=WeightsPolicy(formats=(*SAFE_FORMATS, "tar")),
    )
    yield Example(name="a folder without weights", verdict=Verdict.RED, evidence=(_tree(_CONFIG),), policy=WeightsPolicy())
