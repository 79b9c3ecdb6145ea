"""Does loading these weights load weights, and nothing else?

Why: Most formats for weights can run code when they are loaded, and scanners that list bad content miss new attacks. So this
gate works with allow-lists: a model passes only if every file has an allowed format and every import an allowed name.

Judged: that there are weights; that every file's format is allowed (the format follows from its bytes, and for text also from
its name); that no file is malformed, cut off, misleading or hidden; that files inside archives are as those beside them; that
the parts of a set are all there and agree with their index; that pickles and settings import only allowed names; that chat
templates only make text; that no code is run; that graphs and indexes refer only to files of the model; that the policy allows
each base model that a loader would fetch from elsewhere.

Fix: Convert the weights to safetensors, GGUF or ONNX on a machine that you trust. If a pickle must stay, allow the names that
it needs one by one under `imports`. Remove every file that is not needed to serve the model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from arcops.control import hipaa, nist, soc
from arcops.evidence import Evidence, Seen
from arcops.finding import Finding, Location, Rule
from arcops.gate import gate
from arcops.late_dataclass import dataclass
from arcops.seen.tree import Tree
from arcops.sets import GRAPHS, Part, faults, is_there, misnamed, raw_data
from arcops.subjects.model import Model
from gates.listing import listed
from gates.model.weights.bases import AllowedBase, bases
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
COMPLETE = Rule(
    id="weights/complete",
    asks="Are all parts of every set of files there, and do they agree with one another and with their index?",
    fix="Get all files of the set from one place again, with their index, and remove files of other sets.",
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
    asks="Is everything that a file of the model refers to part of the model, or a base that the policy allows?",
    fix="Put the missing file beside the model, or export the model with its data inside.",
)
OPERATORS = Rule(
    id="weights/operators",
    asks="Are all operators those of the format's standard, or does the policy allow them or their domain?",
    fix="Export with standard operators, or add the name that is shown to 'operatorDomains' if your runtime supports it.",
)

_PICKLED_FORMATS = ("pickle", "joblib", "torch-zip", "torch-legacy", "torch-tar", "torch-script")
_PLAIN_FORMATS = ("safetensors", "gguf", "onnx", "numpy", "npz", "keras", "keras-h5", "hdf5", "saved-model", "tflite", "coreml")
WEIGHT_FORMATS = frozenset((*_PICKLED_FORMATS, *_PLAIN_FORMATS))

SAFE_FORMATS = (
    *("safetensors", "gguf", "onnx", "tflite", "coreml", "coreml-weights", "numpy", "npz", "sentencepiece"),
    *("json", "text", "image", "pdf", "empty"),
)
"""Formats that hold only data; ``text`` is text under a name that no tool runs."""

_UNKNOWN = {
    "other": "of a format that ArcOps does not know",
    "unknown-text": "text of a kind that ArcOps does not know, so a tool may run it",
    "pointer": "a pointer to a file that was not fetched",
}
_EACH = 3
"""Findings of one file under one rule; if there are more, one finding counts them and shows the first ones."""

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


@dataclass(frozen=True, slots=True, kw_only=True)
class WeightsPolicy:
    """``formats`` and ``imports`` are allow-lists, matched exactly; ``formats`` also of files inside archives. ``code`` accepts
    formats and files that run code. ``operator_domains`` are domains of ONNX, and custom operators of TFLite and Core ML,
    beyond the standard. ``bases`` are models elsewhere that files may name, such as that of an adapter.
    """

    formats: tuple[str, ...] = SAFE_FORMATS
    imports: tuple[str, ...] = ()
    code: bool = False
    operator_domains: tuple[str, ...] = ()
    bases: tuple[AllowedBase, ...] = ()


@gate(
    "weights",
    judges=(Model,),
    needs=(Tree,),
    policy=WeightsPolicy,
    rules=(PRESENT, READABLE, COMPLETE, FORMATS, IMPORTS, CODE, EXTERNAL, OPERATORS),
    speaks_to=nist("SI-3") + soc("CC6.8") + hipaa("164.308(a)(5)(ii)(B)"),
)
def weights(seen: Seen, policy: WeightsPolicy) -> Iterator[Finding]:
    tree = seen[Tree]
    yield _present(tree)
    yield from _each(
        READABLE, tree, _problems(tree), "All {count} file(s) could be read to their end by the rules of their formats."
    )
    yield from _each(COMPLETE, tree, _sets(tree), "Every set of parts among the {count} file(s) is complete.")
    yield from _each(FORMATS, tree, _formats(tree, policy), "All {count} file(s) have allowed formats.")
    yield from _each(IMPORTS, tree, _imports(tree, policy), "None of the {count} file(s) imports a name that is not allowed.")
    yield from _each(CODE, tree, _code(tree, policy), "None of the {count} file(s) runs code that was not accepted.")
    yield from _each(
        EXTERNAL, tree, _external(tree), "Every file that one of the {count} files refers to is part of the model."
    )
    yield from bases(EXTERNAL, tree, policy.bases)
    yield from _each(
        OPERATORS, tree, _operators(tree, policy), "None of the {count} files needs operators that are not allowed."
    )


def _each(rule: Rule, tree: Evidence[Tree], findings: Iterator[Finding], good: str) -> Iterator[Finding]:
    """*findings*, or one PASS that says how many files were checked."""
    well = rule.passes(good.format(count=len(tree.body.files)), tree)
    return listed(findings, well, rest="There are {count} more findings of this rule.")


def _present(tree: Evidence[Tree]) -> Finding:
    files = tree.body.files
    found = [file for file in files if WEIGHT_FORMATS.intersection((file.content.format, *file.content.holds))]
    if not found:
        return PRESENT.fails(f"No weights were found among {len(tree.body.files)} file(s).", tree)
    size = sum(file.size for file in found)
    inside = {form for file in found for form in (file.content.format, *file.content.holds) if form in WEIGHT_FORMATS}
    formats = ", ".join(sorted(inside))
    return PRESENT.passes(f"{len(found)} file(s) of weights ({formats}) hold {size:,} bytes.", tree)


def _problems(tree: Evidence[Tree]) -> Iterator[Finding]:
    for trouble in tree.body.troubles:
        name = shown(trouble.path)
        yield READABLE.unknown(
            f"{name} could not be read, so its content is unknown: {shown(trouble.reason)}.", tree, about=name
        )
    for file in tree.body.files:
        problems = file.content.problems
        wrong = misnamed(file.path, file.sha256)
        if not problems and not wrong:
            continue
        name = shown(file.path)
        if len(problems) > _EACH:
            problems = (f"{len(problems)} faults, such as: {'; '.join(problems[:_EACH])}",)
        for problem in problems:
            yield READABLE.fails(f"{name}: {problem}.", tree, about=name, location=Location(path=name))
        if wrong:
            text = f"{name} is named by a digest, but its content has the digest {file.sha256}."
            yield READABLE.fails(text, tree, about=name, location=Location(path=name))


def _sets(tree: Evidence[Tree]) -> Iterator[Finding]:
    for fault in faults([Part(file.path, file.content, file.size) for file in tree.body.files]):
        path = shown(fault.path)
        answer = COMPLETE.unknown if fault.unseen else COMPLETE.fails
        yield answer(f"{shown(fault.text)}.", tree, about=path, location=Location(path=path))


def _formats(tree: Evidence[Tree], policy: WeightsPolicy) -> Iterator[Finding]:
    data = raw_data(Part(file.path, file.content, file.size) for file in tree.body.files if file.content.format in GRAPHS)
    for file in tree.body.files:
        form = file.content.format
        if form in policy.formats and not file.content.holds:
            continue
        name = shown(file.path)
        location = Location(path=name)
        # The raw data of an allowed graph has no format of its own.
        if form not in policy.formats and not (form == "other" and file.path in data):
            what = _UNKNOWN.get(form, f"of the format {form}, which is not allowed")
            yield FORMATS.fails(f"{name} is {what}.", tree, about=name, location=location)
        for inner in file.content.holds:
            if inner not in policy.formats:
                what = _UNKNOWN.get(inner, f"of the format {inner}, which is not allowed")
                yield FORMATS.fails(f"{name} holds a file that is {what}.", tree, about=f"{inner} in {name}", location=location)


def _imports(tree: Evidence[Tree], policy: WeightsPolicy) -> Iterator[Finding]:
    allowed = frozenset(policy.imports)
    for file in tree.body.files:
        if not file.content.imports:
            continue
        path = shown(file.path)
        others = [name for name in file.content.imports if name not in allowed]
        if len(others) > _EACH:
            # The digest is of all the names, so that a waiver covers exactly these.
            names = hashlib.sha256("\n".join(others).encode("utf-8", "backslashreplace")).hexdigest()[:16]
            yield IMPORTS.fails(
                f"Loading {path} imports {len(others)} names that the policy does not allow, such as {', '.join(others[:8])}.",
                tree,
                about=f"{len(others)} names ({names}) in {path}",
                location=Location(path=path),
            )
            continue
        for name in others:
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
        path = shown(file.path) if file.content.refers else ""
        for named in file.content.refers:
            if not is_there(named, file.path, there):
                what = "folder" if named.endswith("/") else "file"
                yield EXTERNAL.fails(
                    f"{path} refers to {shown(named)}, which is not a {what} of the model.",
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
                    f"{path} needs the operator, or operators of the domain, {shown(domain)}, which the policy does not allow.",
                    tree,
                    about=f"{domain} in {path}",
                    location=Location(path=path),
                )
