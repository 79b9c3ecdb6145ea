"""Weights: can the model be loaded without running anything that it brought along?

Why: a pickle runs whatever it says when it is loaded, and so do some archives, scripts and configurations; a header that lies
makes a loader read what nobody checked. Lists of known-bad names miss most of what attackers use, so only named things pass.

Judged: each file's format by its bytes, what its pickles would import, whether the format runs code, and every place where it
does not parse exactly as its format promises. There must be weights to judge.

Fix: convert the weights to safetensors or GGUF, remove what is no part of the model, or name in the policy what you trust.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.beside import is_beside
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Location, Rule
from arcops.gate import Example, gate
from arcops.seen.content import Content
from arcops.seen.tree import FileSeen, Tree
from arcops.verdict import Verdict

WEIGHT_FORMATS = frozenset(
    {"safetensors", "gguf", "onnx", "numpy", "torch-zip", "torch-legacy", "torchscript", "pickle", "keras", "hdf5"}
)
_PICKLED = frozenset({"pickle", "torch-zip", "torch-legacy"})

# What torch.save of a plain state dict imports; a profile may allow exactly these.
TORCH_TENSOR_IMPORTS = (
    "collections.OrderedDict",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_tensor_v2",
    "torch.BFloat16Storage",
    "torch.BoolStorage",
    "torch.ByteStorage",
    "torch.DoubleStorage",
    "torch.FloatStorage",
    "torch.HalfStorage",
    "torch.IntStorage",
    "torch.LongStorage",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsPolicy:
    """``formats`` may lie in the model; ``warn_formats`` may too, at the price of AMBER. ``imports`` are ``module.name``
    globals that a pickle may import. ``code`` are paths of files that may run code when they are loaded.
    """

    formats: tuple[str, ...] = ("empty", "gguf", "image", "json", "numpy", "onnx", "safetensors", "text")
    warn_formats: tuple[str, ...] = ()
    imports: tuple[str, ...] = ()
    code: tuple[str, ...] = ()


PRESENT = Rule(
    id="weights/present",
    asks="Is there at least one file of weights to judge?",
    fix="Point at the directory that holds the weights.",
)
READABLE = Rule(
    id="weights/readable",
    asks="Does every file parse exactly as its format promises?",
    fix="Fetch the file again from its publisher; if it is the same there, do not load it.",
)
FORMATS = Rule(
    id="weights/formats",
    asks="Is every file of a format that the policy allows?",
    fix="Convert the weights to safetensors or GGUF, or remove the file; else add its format to 'formats' of gate 'weights'.",
)
IMPORTS = Rule(
    id="weights/imports",
    asks="Do the pickles import only what the policy names?",
    fix="Convert the weights to safetensors; do not load the pickle to do so on a machine that matters.",
)
CODE = Rule(
    id="weights/code",
    asks="Can every file be loaded without running code that it brings along?",
    fix="Remove the code, or read it and name the file under 'code' of gate 'weights'.",
)


def _file(path: str, content: Content) -> FileSeen:
    return FileSeen(path=path, size=100, sha256="00" * 32, executable=False, content=content)


def _examples() -> Iterator[Example[WeightsPolicy]]:
    good = _file("model.safetensors", Content(format="safetensors"))
    harmless = _file("model.bin", Content(format="torch-zip", imports=("collections.OrderedDict",), code=True))
    hostile = _file("model.bin", Content(format="pickle", imports=("os.system",), code=True))
    lying = _file("model.gguf", Content(format="gguf", problems=("Its tensors end at byte 9, but the file has 8.",)))

    def tree(*files: FileSeen) -> Tree:
        return Tree(root="00" * 32, files=files)

    tolerant = WeightsPolicy(warn_formats=("torch-zip",), imports=TORCH_TENSOR_IMPORTS)
    yield Example(name="safetensors", verdict=Verdict.GREEN, evidence=(tree(good),), policy=WeightsPolicy())
    yield Example(name="plain PyTorch, tolerated", verdict=Verdict.AMBER, evidence=(tree(harmless),), policy=tolerant)
    yield Example(name="hostile pickle", verdict=Verdict.RED, evidence=(tree(good, hostile),), policy=tolerant)
    yield Example(name="lying header", verdict=Verdict.RED, evidence=(tree(lying),), policy=WeightsPolicy())
    yield Example(name="no weights", verdict=Verdict.RED, evidence=(tree(),), policy=WeightsPolicy())


@gate(
    "weights",
    needs=(Tree,),
    policy=WeightsPolicy,
    rules=(PRESENT, READABLE, FORMATS, IMPORTS, CODE),
    examples=_examples,
)
def weights(seen: Seen, policy: WeightsPolicy) -> Iterator[Finding]:
    """The findings on the content of the tree's files; SBOMs, signatures and attestations are others' to judge."""
    evidence = seen[Tree]
    files = [file for file in evidence.body.files if not is_beside(file)]
    found = [file for file in files if file.content.format in WEIGHT_FORMATS]
    if found:
        yield PRESENT.passes(f"{len(found)} file(s) of weights were found.", evidence)
    else:
        yield PRESENT.fails(f"None of the {len(files)} files is of a format that holds weights.", evidence)
    yield from _readable(evidence, files)
    yield from _formats(evidence, files, policy)
    yield from _imports(evidence, files, policy)
    yield from _code(evidence, files, policy)


def _readable(evidence: Evidence[Tree], files: list[FileSeen]) -> Iterator[Finding]:
    well = True
    for file in files:
        for problem in file.content.problems:
            well = False
            yield READABLE.fails(
                f"{file.path} ({file.content.format}): {problem}", evidence, about=file.path, location=Location(path=file.path)
            )
    if well:
        yield READABLE.passes(f"All {len(files)} files parse as their format promises.", evidence)


def _formats(evidence: Evidence[Tree], files: list[FileSeen], policy: WeightsPolicy) -> Iterator[Finding]:
    well = True
    for file in files:
        if file.content.format in policy.formats:
            continue
        well = False
        location = Location(path=file.path)
        if file.content.format in policy.warn_formats:
            text = f"{file.path} is of the format {file.content.format}, which the policy only tolerates."
            yield FORMATS.warns(text, evidence, about=file.path, location=location)
        else:
            text = f"{file.path} is of the format {file.content.format}, which the policy does not allow."
            yield FORMATS.fails(text, evidence, about=file.path, location=location)
    if well:
        yield FORMATS.passes("Every file is of an allowed format.", evidence)


def _imports(evidence: Evidence[Tree], files: list[FileSeen], policy: WeightsPolicy) -> Iterator[Finding]:
    well = True
    for file in files:
        strangers = [name for name in file.content.imports if name not in policy.imports]
        if strangers:
            well = False
            more = f" and {len(strangers) - 5} more" if len(strangers) > 5 else ""
            text = f"{file.path} imports {', '.join(strangers[:5])}{more} when it is loaded."
            yield IMPORTS.fails(text, evidence, about=file.path, location=Location(path=file.path))
    if well:
        pickled = sum(file.content.format in _PICKLED for file in files)
        yield IMPORTS.passes(
            f"The {pickled} pickled file(s) import only what is allowed." if pickled else "Nothing is pickled.", evidence
        )


def _code(evidence: Evidence[Tree], files: list[FileSeen], policy: WeightsPolicy) -> Iterator[Finding]:
    well = True
    for file in files:
        # A pickle's code is what it imports, and the rule before this one names each of those.
        if not file.content.code or file.content.format in _PICKLED or file.path in policy.code:
            continue
        well = False
        text = f"{file.path} ({file.content.format}) can run code when the model is loaded."
        yield CODE.fails(text, evidence, about=file.path, location=Location(path=file.path))
    if well:
        yield CODE.passes("Nothing runs code when it is loaded.", evidence)
