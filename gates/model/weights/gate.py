"""Does loading these weights load weights, and nothing else?

Why: Most formats for weights can run code when they are loaded, and scanners that list bad content miss new attacks. So this
gate works with allow-lists: a model passes only if every file has an allowed format and every import an allowed name.

Judged: that there are weights; that every file's format is allowed (the format follows from its bytes, and for text also from
its name); that no file is malformed, cut off, misleading or hidden; that pickles and settings import only allowed names; that
chat templates only make text; that no code is run; that ONNX files refer only to files of the model.

Fix: Convert the weights to safetensors, GGUF or ONNX on a machine that you trust. If a pickle must stay, allow the names that
it needs one by one under `imports`. Remove every file that is not needed to serve the model.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Location, Rule
from arcops.gate import gate
from arcops.seen.tree import FileSeen, Tree
from arcops.subjects.model import Model
from gates.listing import listed
from gates.words import shown

PRESENT = Rule(
    id="weights/present",
    asks="Is there at least one file of weights?",
    fix="Name the folder that holds the weights. They must have a format that ArcOps knows.",
)
READABLE = Rule(
    id="weights/readable",
    asks="Could every file be read to its end by the rules of its format, without a fault?",
    fix="Get the file again from its maker. If it is the same, convert it on a machine that you trust, or remove it.",
)
FORMATS = Rule(
    id="weights/formats",
    asks="Does every file have an allowed format?",
    fix="Convert the file to an allowed format or remove it. Add its format to 'formats' only if you know what loads it.",
)
IMPORTS = Rule(
    id="weights/imports",
    asks="Does loading import only names that the policy allows?",
    fix="Convert the weights to safetensors. If the name is harmless and needed, you can add it to 'imports'.",
)
CODE = Rule(
    id="weights/code",
    asks="Can the model be loaded without running code of its own?",
    fix="Use weights that need no code of their own. After a review of the code, 'code: true' accepts it.",
)
EXTERNAL = Rule(
    id="weights/external",
    asks="Is every file that a model file refers to part of the model?",
    fix="Put the missing file beside the model, or export the model with its data inside.",
)
OPERATORS = Rule(
    id="weights/operators",
    asks="Do all operators belong to the ONNX standard, or to domains that the policy allows?",
    fix="Export with standard operators, or add the domain to 'operatorDomains' if your runtime supports it.",
)

_PICKLED_FORMATS = ("pickle", "joblib", "torch-zip", "torch-legacy", "torch-tar", "torch-script")
_PLAIN_FORMATS = ("safetensors", "gguf", "onnx", "numpy", "npz", "keras", "keras-h5", "hdf5", "saved-model", "tflite")
WEIGHT_FORMATS = frozenset((*_PICKLED_FORMATS, *_PLAIN_FORMATS))

SAFE_FORMATS = ("safetensors", "gguf", "onnx", "numpy", "npz", "sentencepiece", "json", "text", "image", "pdf", "empty")
"""Formats that hold only data; ``text`` is text under a name that no tool runs."""

_UNKNOWN = {
    "other": "of a format that ArcOps does not know",
    "unknown-text": "text of a kind that ArcOps does not know, so a tool may run it",
}

TORCH_TENSOR_IMPORTS = (
    "collections.OrderedDict",
    "torch._utils._rebuild_parameter",
    "torch._utils._rebuild_tensor_v2",
    "torch.BFloat16Storage",
    "torch.BoolStorage",
    "torch.ByteStorage",
    "torch.CharStorage",
    "torch.DoubleStorage",
    "torch.FloatStorage",
    "torch.HalfStorage",
    "torch.IntStorage",
    "torch.LongStorage",
    "torch.ShortStorage",
)
"""What a PyTorch state dictionary of plain tensors imports, for policies that must accept one."""

_LOADED_NAMES = (
    *(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".p", ".pk"),
    *(".h5", ".hdf5", ".keras", ".mlmodel", ".tflite", ".pb", ".plan", ".engine", ".trt", ".mat", ".marshal", ".nemo", ".mar"),
    *(".sqlite", ".db", ".doc", ".xls", ".ppt", ".docx", ".xlsx", ".pptx", ".msi", ".parquet", ".arrow", ".feather"),
)
"""Endings by which a program other than ONNX's would open a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsPolicy:
    """``formats`` and ``imports`` are allow-lists, matched exactly. ``code`` accepts formats and files that run code.
    ``operator_domains`` are ONNX domains beyond the standard.
    """

    formats: tuple[str, ...] = SAFE_FORMATS
    imports: tuple[str, ...] = ()
    code: bool = False
    operator_domains: tuple[str, ...] = ()


@gate(
    "weights",
    judges=(Model,),
    needs=(Tree,),
    policy=WeightsPolicy,
    rules=(PRESENT, READABLE, FORMATS, IMPORTS, CODE, EXTERNAL, OPERATORS),
)
def weights(seen: Seen, policy: WeightsPolicy) -> Iterator[Finding]:
    tree = seen[Tree]
    yield _present(tree)
    yield from _each(
        READABLE, tree, _problems(tree), "All {count} file(s) could be read to their end by the rules of their formats."
    )
    yield from _each(FORMATS, tree, _formats(tree, policy), "All {count} file(s) have allowed formats.")
    yield from _each(IMPORTS, tree, _imports(tree, policy), "None of the {count} file(s) imports a name that is not allowed.")
    yield from _each(CODE, tree, _code(tree, policy), "None of the {count} file(s) runs code that was not accepted.")
    yield from _each(
        EXTERNAL, tree, _external(tree), "Every file that one of the {count} files refers to is part of the model."
    )
    yield from _each(
        OPERATORS, tree, _operators(tree, policy), "None of the {count} files needs operators that are not allowed."
    )


def _each(rule: Rule, tree: Evidence[Tree], findings: Iterator[Finding], good: str) -> Iterator[Finding]:
    """*findings*, or one PASS that says how many files were checked."""
    well = rule.passes(good.format(count=len(tree.body.files)), tree)
    return listed(findings, well, rest="There are {count} more findings of this rule.")


def _present(tree: Evidence[Tree]) -> Finding:
    found = [file for file in tree.body.files if file.content.format in WEIGHT_FORMATS]
    if not found:
        return PRESENT.fails(f"No weights were found among {len(tree.body.files)} file(s).", tree)
    size = sum(file.size for file in found)
    formats = ", ".join(sorted({file.content.format for file in found}))
    return PRESENT.passes(f"{len(found)} file(s) of weights ({formats}) hold {size:,} bytes.", tree)


def _problems(tree: Evidence[Tree]) -> Iterator[Finding]:
    for trouble in tree.body.troubles:
        name = shown(trouble.path)
        yield READABLE.unknown(
            f"{name} could not be read, so its content is unknown: {shown(trouble.reason)}.", tree, about=name
        )
    for file in tree.body.files:
        for problem in file.content.problems:
            name = shown(file.path)
            yield READABLE.fails(f"{name}: {problem}.", tree, about=name, location=Location(path=name))


def _formats(tree: Evidence[Tree], policy: WeightsPolicy) -> Iterator[Finding]:
    data = {path for file in tree.body.files if file.content.format == "onnx" for path in _referred(file)}
    for file in tree.body.files:
        form = file.content.format
        if form in policy.formats:
            continue
        if form == "other" and file.path in data and not file.path.lower().endswith(_LOADED_NAMES):
            continue  # the raw data of an allowed ONNX file has no format of its own
        name = shown(file.path)
        what = _UNKNOWN.get(form, f"of the format {form}, which is not allowed")
        yield FORMATS.fails(f"{name} is {what}.", tree, about=name, location=Location(path=name))


def _imports(tree: Evidence[Tree], policy: WeightsPolicy) -> Iterator[Finding]:
    allowed = frozenset(policy.imports)
    for file in tree.body.files:
        for name in file.content.imports:
            if name not in allowed:
                path = shown(file.path)
                yield IMPORTS.fails(
                    f"Loading {path} imports {name}, which the policy does not allow.",
                    tree,
                    about=f"{name} in {path}",
                    location=Location(path=path),
                )


def _code(tree: Evidence[Tree], policy: WeightsPolicy) -> Iterator[Finding]:
    for file in tree.body.files:
        if file.content.code:
            path = shown(file.path)
            why = f" ({'; '.join(file.content.notes)})" if file.content.notes else ""
            text = f"{path} ({file.content.format}) brings code that can run when it is loaded{why}."
            answer = CODE.warns if policy.code else CODE.fails
            yield answer(text, tree, about=path, location=Location(path=path))


def _external(tree: Evidence[Tree]) -> Iterator[Finding]:
    there = {file.path for file in tree.body.files}
    for file in tree.body.files:
        path = shown(file.path)
        for named, wanted in zip(file.content.refers, _referred(file), strict=True):
            if wanted not in there:
                yield EXTERNAL.fails(
                    f"{path} refers to {shown(named)}, which is not a file of the model.",
                    tree,
                    about=f"{shown(named)} in {path}",
                    location=Location(path=path),
                )


def _operators(tree: Evidence[Tree], policy: WeightsPolicy) -> Iterator[Finding]:
    for file in tree.body.files:
        for domain in file.content.operators:
            if domain not in policy.operator_domains:
                path = shown(file.path)
                yield OPERATORS.fails(
                    f"{path} needs operators of the domain {domain}, which the policy does not allow.",
                    tree,
                    about=f"{domain} in {path}",
                    location=Location(path=path),
                )


def _referred(file: FileSeen) -> list[str]:
    """The paths in the model that *file* names, each relative to its own folder."""
    folder = file.path.rpartition("/")[0]
    parts = ([part for part in named.split("/") if part not in ("", ".")] for named in file.content.refers)
    return ["/".join([folder, *inner] if folder else inner) for inner in parts]
