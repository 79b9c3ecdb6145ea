"""Can loading these weights do nothing but load weights?

Why: Most formats for weights run code when they are loaded, and scanners that list what is bad miss what is new. So the
question is turned round: a model passes only if every file is of a format, and every import of a name, that was allowed.

Judged: that there are weights; that every file's format, told by its bytes, and for text by its name as well, is allowed;
that nothing about any file is odd, cut off, lying or hidden; that pickles and settings import only allowed names; that
chat templates do nothing but make text; that nothing runs code; that ONNX files pull in only files of the model.

Fix: Convert the weights to safetensors, GGUF or ONNX at a place you trust. Where a pickle must stay, allow the names that it
needs one by one under `imports`; remove whatever is not needed to serve the model.
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
    fix="Name the folder that holds the weights, in a format that is known here.",
)
READABLE = Rule(
    id="weights/readable",
    asks="Could every file be read to its end by its own rules, without anything odd?",
    fix="Get the file again from its maker; if it is the same there, convert it at a place you trust, or leave it out.",
)
FORMATS = Rule(
    id="weights/formats",
    asks="Is every file of an allowed format?",
    fix="Convert the file to an allowed format or remove it; allow its format under 'formats' only if you know what loads it.",
)
IMPORTS = Rule(
    id="weights/imports",
    asks="Does loading import only names that the policy allows?",
    fix="Convert the weights to safetensors; or, if the name is harmless and needed, add it to 'imports'.",
)
CODE = Rule(
    id="weights/code",
    asks="Does loading run no code that the model brings?",
    fix="Use weights that need no code of the model's own; 'code: true' accepts it, once someone has read that code.",
)
EXTERNAL = Rule(
    id="weights/external",
    asks="Is every file that a model file pulls in a part of the model?",
    fix="Put the missing file beside the model, or export the model with its data inside.",
)
OPERATORS = Rule(
    id="weights/operators",
    asks="Do all operators belong to the standard, or to domains that the policy allows?",
    fix="Export with standard operators, or name the domain under 'operatorDomains' if your runtime has it built in.",
)

_PICKLED_FORMATS = ("pickle", "joblib", "torch-zip", "torch-legacy", "torch-tar", "torch-script")
_PLAIN_FORMATS = ("safetensors", "gguf", "onnx", "numpy", "npz", "keras", "keras-h5", "hdf5", "saved-model", "tflite")
WEIGHT_FORMATS = frozenset((*_PICKLED_FORMATS, *_PLAIN_FORMATS))

SAFE_FORMATS = ("safetensors", "gguf", "onnx", "numpy", "npz", "sentencepiece", "json", "text", "image", "pdf", "empty")
"""Formats that hold data and nothing else; ``text`` is text under a name that no tool runs."""

_UNKNOWN = {
    "other": "of no format that is known here",
    "unknown-text": "text of a kind that is not known here, so a tool may run it",
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
"""What a PyTorch state dictionary of plain tensors imports, for profiles that must take one."""

_LOADED_NAMES = (
    *(".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".dill", ".p", ".pk"),
    *(".h5", ".hdf5", ".keras", ".mlmodel", ".tflite", ".pb", ".plan", ".engine", ".trt", ".mat", ".marshal", ".nemo", ".mar"),
    *(".sqlite", ".db", ".doc", ".xls", ".ppt", ".docx", ".xlsx", ".pptx", ".msi", ".parquet", ".arrow", ".feather"),
)
"""Names by which some other program than ONNX's takes a file for its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsPolicy:
    """``formats`` and ``imports`` are allow-lists, matched exactly. ``code`` accepts formats and files that run code.
    ``operator_domains`` are ONNX domains beyond the standard's own.
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
    yield from _each(READABLE, tree, _problems(tree), "All {count} files read to their end by their own rules.")
    yield from _each(FORMATS, tree, _formats(tree, policy), "All {count} files are of allowed formats.")
    yield from _each(IMPORTS, tree, _imports(tree, policy), "None of {count} files imports a name that is not allowed.")
    yield from _each(CODE, tree, _code(tree, policy), "None of {count} files runs code that was not accepted.")
    yield from _each(EXTERNAL, tree, _external(tree), "Every file that one of {count} files pulls in is a part of the model.")
    yield from _each(OPERATORS, tree, _operators(tree, policy), "None of {count} files needs operators that were not allowed.")


def _each(rule: Rule, tree: Evidence[Tree], findings: Iterator[Finding], good: str) -> Iterator[Finding]:
    """*findings*, or one PASS that says how many files were looked at."""
    well = rule.passes(good.format(count=len(tree.body.files)), tree)
    return listed(findings, well, rest="There are {count} more findings of this rule.")


def _present(tree: Evidence[Tree]) -> Finding:
    found = [file for file in tree.body.files if file.content.format in WEIGHT_FORMATS]
    if not found:
        return PRESENT.fails(f"No weights were found among {len(tree.body.files)} files.", tree)
    size = sum(file.size for file in found)
    formats = ", ".join(sorted({file.content.format for file in found}))
    return PRESENT.passes(f"{len(found)} files of weights ({formats}) hold {size:,} bytes.", tree)


def _problems(tree: Evidence[Tree]) -> Iterator[Finding]:
    for trouble in tree.body.troubles:
        name = shown(trouble.path)
        yield READABLE.unknown(f"{name} could not be read, so it may hold anything: {shown(trouble.reason)}.", tree, about=name)
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
                    f"Loading {path} imports {name}.", tree, about=f"{name} in {path}", location=Location(path=path)
                )


def _code(tree: Evidence[Tree], policy: WeightsPolicy) -> Iterator[Finding]:
    for file in tree.body.files:
        if file.content.code:
            path = shown(file.path)
            why = f" ({'; '.join(file.content.notes)})" if file.content.notes else ""
            text = f"{path} ({file.content.format}) brings code that loading it can run{why}."
            answer = CODE.warns if policy.code else CODE.fails
            yield answer(text, tree, about=path, location=Location(path=path))


def _external(tree: Evidence[Tree]) -> Iterator[Finding]:
    there = {file.path for file in tree.body.files}
    for file in tree.body.files:
        path = shown(file.path)
        for named, wanted in zip(file.content.refers, _referred(file), strict=True):
            if wanted not in there:
                yield EXTERNAL.fails(
                    f"{path} pulls in {shown(named)}, which is no file of the model.",
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
                    f"{path} needs operators of the domain {domain}.",
                    tree,
                    about=f"{domain} in {path}",
                    location=Location(path=path),
                )


def _referred(file: FileSeen) -> list[str]:
    """The paths in the model that *file* names, each relative to its own folder."""
    folder = file.path.rpartition("/")[0]
    parts = ([part for part in named.split("/") if part not in ("", ".")] for named in file.content.refers)
    return ["/".join([folder, *inner] if folder else inner) for inner in parts]
